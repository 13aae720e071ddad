#include "core/io/quantized/keras_quantized.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>

namespace quantoscope {

namespace {

using Shape = std::vector<std::uint64_t>;

constexpr int kMostVariables = 8;

bool isBytes(const StoredArray& array) {
  return (array.dtype == "int8" || array.dtype == "uint8") && array.shape.size() >= 2;
}

bool isFloat(const StoredArray* array, std::size_t axes) {
  return array != nullptr && array->shape.size() == axes &&
         (array->dtype.starts_with("float") || array->dtype == "bfloat16");
}

bool isNumbered(const Siblings& siblings) {
  const std::string& path = siblings.array().path;
  return path.substr(0, path.size() - siblings.name().size()).ends_with("vars/");
}

std::uint64_t half(std::uint64_t count) {
  return count / 2 + count % 2;
}

std::string groupsText(std::uint64_t inputs, std::uint64_t groups) {
  const std::uint64_t size = groupSizeOf(inputs, groups);
  return size == 0 ? "" : ", groups of " + std::to_string(size);
}

/// Bits of codes [out * bits / 8, in] with scales [out, groups].
std::string gptqText(const Shape& codes, const Shape& scales) {
  const std::uint64_t out = scales[0];
  std::string bits = "3 or 8 bits";
  if (codes[0] == half(out)) bits = "4 bits";
  if (codes[0] == half(half(out)) && codes[0] != half(out)) bits = "2 bits";
  return bits + groupsText(codes[1], scales[1]);
}

/// Of codes [in, out / 2] with scales [groups, out], or [vocabulary, width / 2] with [.., groups].
std::string int4Text(const Shape& codes, const Shape& scales) {
  if (codes[0] == scales[0]) return "4 bits" + groupsText(2 * codes[1], scales[1]);
  return "4 bits" + groupsText(codes[0], scales[0]);
}

bool isKerasName(std::string_view name) {
  constexpr std::string_view kNames[] = {"kernel",     "quantized_kernel", "_kernel",
                                         "embeddings", "_embeddings",      "reverse_embeddings"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string textOf(const Siblings& siblings, const StoredArray* scales) {
  const StoredArray& codes = siblings.array();
  if (codes.shape.size() != 2) return {};
  if (scales == nullptr) return siblings.index().isOnlyInt8() ? "8 bits" : "";
  if (codes.dtype == "uint8") return gptqText(codes.shape, scales->shape);
  return int4Text(codes.shape, scales->shape);
}

std::optional<std::string> describeNumbered(const Siblings& siblings) {
  int number = -1;
  const std::string_view name = siblings.name();
  std::from_chars(name.data(), name.data() + name.size(), number);
  const auto at = [&](int i) { return siblings.find(std::to_string(i)); };
  // Zero points follow scales of as many axes.
  if (number > 0 && isFloat(at(number - 1), siblings.array().shape.size())) return std::nullopt;
  const StoredArray* matrix = nullptr;
  bool vector = false;
  for (int i = 0; i < kMostVariables; ++i) {
    if (matrix == nullptr && i > number && isFloat(at(i), 2)) matrix = at(i);
    vector = vector || isFloat(at(i), 1);
  }
  if (matrix == nullptr && !vector) return std::nullopt;
  return textOf(siblings, matrix);
}

}  // namespace

std::optional<std::string> describeKeras(const Siblings& siblings) {
  if (!isBytes(siblings.array())) return std::nullopt;
  if (isNumbered(siblings)) return describeNumbered(siblings);
  if (!isKerasName(siblings.name())) return std::nullopt;
  const bool quantized = siblings.name() == "quantized_kernel";
  const StoredArray* scales = siblings.find(quantized ? "kernel_scale" : "*_scale");
  if (isFloat(scales, 2)) return textOf(siblings, scales);
  if (isFloat(scales, 1)) return textOf(siblings, nullptr);
  return std::nullopt;
}

}  // namespace quantoscope
