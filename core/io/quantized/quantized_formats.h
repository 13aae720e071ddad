// Tensors that are quantized already: what their codes are called, and what belongs to them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/json.h"
#include "core/io/container/stored_file.h"
#include "core/io/model/keras_paths.h"
#include "core/io/quantized/packed_tensor.h"

namespace quantoscope {

/// The arrays of a file by path. Refers to the file.
class ArraysByPath {
 public:
  explicit ArraysByPath(const StoredFile& file);
  const StoredArray* find(const std::string& path) const;
  /// Whether the configuration speaks of int8 and of no int4, in Keras' words; looked up once.
  bool isOnlyInt8() const { return isOnlyInt8_; }
  /// The layers of a Keras configuration by the path of their group; looked up when first asked
  /// for.
  const std::map<std::string, KerasPlace>& kerasPlaces() const;

 private:
  const StoredFile& file_;
  mutable std::shared_ptr<const std::map<std::string, KerasPlace>> places_;
  bool isOnlyInt8_ = false;
  std::unordered_map<std::string_view, const StoredArray*> arrays_;
};

/// An array and those beside it: in the same group of a path whose components end with '.', '/' or
/// '+', as state dicts, HDF5 and some writers have them.
class Siblings {
 public:
  Siblings(const StoredFile& file, const ArraysByPath& index, const StoredArray& array);

  const StoredFile& file() const { return file_; }
  const ArraysByPath& index() const { return index_; }
  const StoredArray& array() const { return array_; }
  std::string_view name() const { return name_; }  ///< of the array: the last component

  /// The array of that name in the same group; a '*' that it begins with stands for name(), a '%'
  /// for name() up to its last '_'. Null for none.
  const StoredArray* find(std::string_view name) const;

  /// Where such an array is or would be, for a name without '*' and '%'.
  std::string path(std::string_view name) const { return std::string(group_).append(name); }

 private:
  const StoredFile& file_;
  const ArraysByPath& index_;
  const StoredArray& array_;
  std::string_view group_;  ///< with its separator
  std::string_view name_;
};

/// What belongs to an array of codes: its name as Siblings::find() takes it, and what it holds.
struct PartName {
  const char* name;
  const char* holds;          ///< "scales"
  std::size_t leastAxes = 0;  ///< with fewer it is something else that has no name to tell it
};

/// What a format may look at to open a tensor.
struct PackingContext {
  const Container& container;    ///< opened as it is stored
  const Json* config = nullptr;  ///< "quantization_config" of the configuration beside the file, or
                                 ///< the whole of a quantize_config.json; null: none
  const TaskControl& control;
};

/// A format of quantized tensors.
struct QuantizedFormat {
  const char* name;   ///< "GPTQ"
  const char* words;  ///< of a file that has such tensors: "quantized by GPTQ"
  std::span<const PartName> parts;

  /// Whether the array is codes of this format, by names, types and shapes: then what can be told
  /// of them, "4 bits, groups of 128", which may be nothing; else no value.
  std::optional<std::string> (*describe)(const Siblings& siblings);

  /// The tensor whose codes describe() recognised. Null where there is nothing more to tell of
  /// what cannot be decoded; the message of an error, without the name of the codes, becomes a part
  /// of the reason that they are listed with ("qzeros have the shape [2, 3]"). Absent: no such
  /// tensor is decoded.
  Result<SharedPackedTensor> (*open)(const Siblings& siblings,
                                     const PackingContext& context) = nullptr;
};

/// How many of `inputs` weights share one of `groups` scales: where they divide evenly, or where a
/// power of two leaves a shorter last group. 0 where several sizes would do, or there is one scale.
std::uint64_t groupSizeOf(std::uint64_t inputs, std::uint64_t groups);

/// All that are recognised. Of several that fit, the first counts.
std::span<const QuantizedFormat> quantizedFormats();

}  // namespace quantoscope
