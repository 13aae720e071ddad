// Matrices of float8 with scales, as codes and parameters.
//
// Such an array is listed under its own path with a dtype that tells its scales (scaled_float8.h);
// this is the same for whoever compares codes and scales with others.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/scaled_float8.h"

namespace quantoscope {

/// A float8 array with its scales. Pointers refer to the file that it was found in.
struct FoundFloat8 {
  const StoredArray* codes = nullptr;
  const StoredArray* scales = nullptr;
  std::optional<ScaleGrid> grid = {};  ///< nothing where their blocks cannot be told
};

/// All of a file whose codes `wanted` admits, in the order of its arrays.
std::vector<FoundFloat8> findFloat8(const StoredFile& file, const ArraysByPath& index,
                                    const std::function<bool(const StoredArray&)>& wanted);

/// A matrix of those, [rows, cols] as it is stored; null where it is none, or its parts cannot be
/// read. Codes are patterns. The container was opened as it is stored.
SharedPackedTensor float8Tensor(const FoundFloat8& found);

}  // namespace quantoscope
