// One array of an HDF5 file: what it is, whether it can be read, and its bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/array_box.h"
#include "core/io/container/element_type.h"
#include "core/io/container/stored_file.h"
#include "core/io/hdf5/hdf5_chunks.h"
#include "core/tensor/tensor_info.h"

namespace H5 {
class DataSet;
class H5File;
}  // namespace H5

namespace quantoscope {

/// How one element is stored.
struct Hdf5Element {
  std::string name;                     ///< "float32", "bfloat16", "int64", "string", ...
  std::size_t bytes = 0;                ///< size in the file
  bool bigEndian = false;               ///< only told of floats and integers
  bool integer = false;                 ///< can be converted to a number by the library
  std::optional<StoredType> floatType;  ///< where it is one of the four that are quantized
  /// An 8-bit float, which is read as what elementOfType() says; `floatType` is that of it.
  std::optional<ElementType> narrow = {};
};

/// The file that arrays are described in.
struct Hdf5Surroundings {
  const H5::H5File& file;
  std::uint64_t bytes = 0;    ///< of the file
  bool allowOutside = false;  ///< see OpenOptions
};

/// Describes an array without reading elements. The obstacle is set for arrays that lie in other
/// files or are put together of parts that are missing, for those never written, for shapes that
/// the file cannot hold, and where a decompression filter is missing. Needs the Hdf5Lock; throws.
StoredArray describeHdf5Array(const H5::DataSet& array, const std::string& path,
                              const Hdf5Surroundings& surroundings);

/// Reads an opened array piece by piece. Takes the Hdf5Lock itself, for one piece at a time, so
/// that long reading does not keep others out.
class Hdf5ArrayReader {
 public:
  /// `path` inside `file`; the error is about `subject`.
  static Result<Hdf5ArrayReader> open(const std::shared_ptr<const H5::H5File>& file,
                                      const std::string& path, const std::string& subject,
                                      bool allowOutside = false);

  const Hdf5Element& element() const;
  const std::vector<std::size_t>& shape() const;
  /// The sides of a chunk; all ones where the array is stored in one piece.
  const std::vector<std::size_t>& chunk() const;

  /// Where in the file its elements lie in one piece, unfiltered; nothing where they do not.
  std::optional<std::uint64_t> offset() const;

  /// How compressed elements are read on several threads; null where they are not.
  const Hdf5ChunkReader* chunks() const;

  /// The elements of a box exactly as stored (`box.elements() * element().bytes` bytes): HDF5 never
  /// converts here, its conversion of 16-bit floats is some 300 times slower than reading.
  Status readStored(const Box& box, void* bytes) const;

  /// The elements of a box of integers, converted by the library.
  Status readAsFloat(const Box& box, float* values) const;

 private:
  struct State;
  explicit Hdf5ArrayReader(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  Status read(const Box& box, void* to, bool asFloat) const;

  std::shared_ptr<const State> state_;
};

}  // namespace quantoscope
