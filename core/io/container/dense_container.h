// Containers whose arrays lie as plain bytes at known places: safetensors and NumPy files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/container.h"
#include "core/io/container/element_type.h"

namespace quantoscope {

/// One array in one piece.
struct DenseArray {
  std::string path;
  ElementType type = ElementType::Float32;
  std::vector<std::uint64_t> shape;
  SharedByteSource bytes;  ///< holds the elements, among others
  std::uint64_t offset = 0;
  bool bigEndian = false;
  bool columnMajor = false;  ///< stored with the first axis fastest, as Fortran does
};

/// The bytes that an array of this shape takes; nothing where the number does not fit.
std::optional<std::uint64_t> denseBytes(const std::vector<std::uint64_t>& shape,
                                        std::uint64_t elementBytes);

/// The name of a type for people: one of a length that no type has is cut.
std::string shortTypeName(const std::string& name);

/// Offers such arrays as a Container. Made by a parser, which has checked that their bytes exist.
class DenseContainer : public Container {
 public:
  /// `name` begins every message; `format` is what StoredFile calls it.
  DenseContainer(std::string name, const std::string& format);

  /// One of more than kMostAxes axes is listed as one that cannot be read.
  void add(DenseArray array);
  /// Lists an array that cannot be read; its `obstacle` says why. What does not fit kMostAxes and
  /// kLongestTypeName is left out.
  void addUnreadable(StoredArray array);
  void addCheck(StoredCheck check) { contents_.checks.push_back(std::move(check)); }
  /// Tells that the arrays were added in the file's own order, which people see.
  void keepOrder();

  const StoredFile& contents() const override { return contents_; }
  Result<StoredElement> elementOf(const std::string& path) const override;
  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override;
  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override;
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override;
  std::vector<std::size_t> chunkOf(const std::string& path) const override;

 private:
  Result<const DenseArray*> find(const std::string& path) const;

  std::string name_;
  StoredFile contents_;
  std::map<std::string, DenseArray, std::less<>> arrays_;
  std::map<std::string, std::string, std::less<>> obstacles_;
};

}  // namespace quantoscope
