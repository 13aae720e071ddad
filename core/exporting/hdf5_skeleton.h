// An HDF5 file of which all is known but the elements of its arrays.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"

namespace quantoscope {

/// An array that a skeleton has room for, in one piece.
struct SkeletonArray {
  std::string path;  ///< without a leading slash; its groups are created
  std::vector<std::uint64_t> shape;
  /// "float32", ..., "int8", ..., "uint64". bfloat16 is written as Keras does: opaque, with an
  /// attribute `dtype`.
  std::string dtype;

  /// Nothing where the dtype is none of those, or the array is too large to be one.
  std::optional<std::uint64_t> bytes() const;
};

/// The file to the byte: `bytes` long, `pieces` where they say, elements at `offsets`, zeros
/// elsewhere. Arrays of 1 KB and more are aligned to 64 bytes.
struct Hdf5Skeleton {
  struct Piece {
    std::uint64_t offset = 0;
    std::string bytes;
  };

  std::uint64_t bytes = 0;
  std::vector<Piece> pieces;
  std::vector<std::uint64_t> offsets;  ///< of each array; 0 for those without elements
};

/// Whether arrays of this type can be written.
bool hasHdf5Type(const std::string& dtype);

/// Lays a file out with these arrays and with groups that have an attribute `name`, by path.
/// Nothing depends on the time. The library writes into memory alone, of which elements take none.
/// `about` begins the message of an error, OutputFailed.
Result<Hdf5Skeleton> layOutHdf5(const std::vector<SkeletonArray>& arrays,
                                const std::map<std::string, std::string>& groupNames,
                                const std::string& about);

}  // namespace quantoscope
