// Which arrays of a file are codes, and which of these can be decoded.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// Whether an array may be codes, before anything is looked up.
bool mayBeCodes(const StoredArray& array);

/// An array of codes by names, types and shapes. Refers to the file.
struct FoundCodes {
  const StoredArray* codes = nullptr;
  const QuantizedFormat* format = nullptr;
  std::string detail;  ///< see QuantizedFormat::describe
};

/// All of a file, in the order of its arrays.
std::vector<FoundCodes> findCodes(const StoredFile& file);

/// The same, opened.
struct FoundTensor {
  FoundCodes found;
  SharedPackedTensor tensor;  ///< null where it cannot be decoded
  std::string problem;        ///< why not, where there is more to tell than `found` does
};

/// Opens what was found in a container that was opened as it is stored. A tensor is listed under a
/// path of its own, or under that of its codes. Errors: Cancelled. Progress counts tensors.
Result<std::vector<FoundTensor>> openPacked(const Container& container,
                                            std::vector<FoundCodes> found,
                                            const TaskControl& control);

}  // namespace quantoscope
