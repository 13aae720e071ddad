// An opened container file as it is: arrays by path, elements as stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/array_box.h"
#include "core/io/container/stored_file.h"
#include "core/parallel/task_control.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// How the elements of one array are stored.
struct StoredElement {
  std::string name;                     ///< "float32", "bfloat16", "float8_e4m3fn", "int64", ...
  std::size_t bytes = 0;                ///< of one element
  bool integer = false;                 ///< can be read with readAsFloat()
  std::optional<StoredType> floatType;  ///< where it is one of the types that are quantized
};

/// Where all elements of an array lie in one piece, row-major and little-endian.
struct FileExtent {
  std::string file;  ///< the file to map: the opened one, or a shard beside it
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

using SharedBytes = std::shared_ptr<const std::byte>;

/// One opened file of some format. What the parsers of untrusted files implement, and, over the
/// reader process, what the program sees of them. Calls on one container must not overlap.
class Container {
 public:
  virtual ~Container() = default;

  /// Every array, and what tells frameworks apart.
  virtual const StoredFile& contents() const = 0;

  /// What the elements of the array at `path` are. Errors name the array; an array whose `obstacle`
  /// is set cannot be read.
  virtual Result<StoredElement> elementOf(const std::string& path) const = 0;

  /// Where its elements can be mapped; nothing where they must be decoded (compressed, chunked,
  /// big-endian, converted). The caller checks it against the file's size.
  virtual Result<std::optional<FileExtent>> extentOf(const std::string& path) const = 0;

  /// The elements of a box as stored, decompressed, in the byte order of this machine, row-major:
  /// `box.elements() * elementOf(path).bytes` bytes.
  virtual Status read(const std::string& path, const Box& box, void* bytes,
                      const TaskControl& control) const = 0;

  /// The same in memory that whoever holds the answer keeps alive.
  virtual Result<SharedBytes> readShared(const std::string& path, const Box& box,
                                         const TaskControl& control) const;

  /// The elements of a box of integers as float32.
  virtual Status readAsFloat(const std::string& path, const Box& box, float* values) const = 0;

  /// The sides of a stored chunk, for reading in boxes that each chunk is part of once; all ones
  /// where there are none.
  virtual std::vector<std::size_t> chunkOf(const std::string& path) const = 0;
};

using SharedContainer = std::shared_ptr<const Container>;

}  // namespace quantoscope
