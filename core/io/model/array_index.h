// The arrays of a file by the names that frameworks build: layer, variable, and what is beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/io/container/stored_file.h"

namespace quantoscope {

/// The parts of an array's path; views into it. Components are separated by '/', '.' or '+', in
/// archives of Windows by '\'.
///
/// | path                         | layer               | variable | own         |
/// |------------------------------|---------------------|----------|-------------|
/// | mha/query/kernel:0           | mha/query           | kernel   | query       |
/// | layers/lstm/cell/vars/1      | layers/lstm/cell    | 1        | cell        |
/// | up.deconv.0.weight           | up.deconv.0         | weight   | deconv      |
/// | a.parametrizations.weight.original1 | a            | original1 | a          |
struct ArrayName {
  std::string_view path;
  std::string_view layer;     ///< the path of the layer that has it, without a separator at its end
  std::string_view variable;  ///< the last component, without the number of an output (":0")
  std::string_view own;       ///< the layer's last component that is no number: its own name
  std::string_view block;     ///< the path above the layer
  bool numbered = false;      ///< whether it is one of Keras 3's numbered variables
};

ArrayName nameOfArray(std::string_view path);

/// Longer names, or those of more parts, are none that a framework writes. Looking for what they
/// might mean takes time that grows with the square of their length.
inline constexpr std::size_t kLongestName = 4096;
inline constexpr std::size_t kMostNameParts = 64;

/// Whether a name can be looked at in reasonable time.
bool isUsualName(std::string_view path);

/// The path above the last separator; empty where there is none.
std::string_view above(std::string_view path);
/// What stands behind the last separator.
std::string_view lastComponent(std::string_view path);

bool isDigits(std::string_view text);
/// Lower case without underscores, so that "Conv2DTranspose" and "conv2d_transpose" compare.
std::string folded(std::string_view text);
/// The words of a name: "gate_up_proj" has three.
std::vector<std::string_view> words(std::string_view name);
bool isOneOf(std::string_view text, std::initializer_list<std::string_view> all);

/// Whether a variable's name alone says that it is stored [..., in, out]: "kernel",
/// "recurrent_kernel", ...
bool isKernelName(std::string_view variable);

/// The product of the sides; saturates.
std::uint64_t elementsOf(const StoredArray& array);

/// Looks arrays up by name in constant time. Keeps references to the file.
class ArrayIndex {
 public:
  explicit ArrayIndex(const StoredFile& file);

  const StoredFile& file() const { return file_; }
  const ArrayName& nameOf(const StoredArray& array) const {
    return names_[static_cast<std::size_t>(&array - file_.arrays.data())];
  }

  /// Another variable of the same layer; nullptr where there is none.
  const StoredArray* sibling(const ArrayName& name, std::string_view variable) const;
  /// The array at a path, whatever number of an output it has.
  const StoredArray* at(std::string_view path) const;

  /// The bias beside a kernel, by the naming of either: kernel and bias, weight and bias, W and b,
  /// vars/0 and vars/1, gate_up_proj and gate_up_proj_bias, ...; nullptr where there is none.
  const StoredArray* biasOf(const StoredArray& kernel) const;

 private:
  const StoredArray* numberedBiasOf(const StoredArray& kernel, const ArrayName& name) const;

  const StoredFile& file_;
  std::vector<ArrayName> names_;
  std::unordered_map<std::string_view, const StoredArray*> byPath_;
};

}  // namespace quantoscope
