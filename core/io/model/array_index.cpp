#include "core/io/model/array_index.h"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>

#include "core/base/text.h"

namespace quantoscope {

namespace {

constexpr std::string_view kSeparators = "/.+\\";

std::string_view withoutOutputNumber(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  const bool numbered = colon != std::string_view::npos && isDigits(name.substr(colon + 1));
  return numbered ? name.substr(0, colon) : name;
}

/// What PyTorch's parametrizations put between a layer and its variables.
constexpr std::string_view kParametrized = "parametrizations.weight";

/// A word of a kernel's name and that of its bias.
struct BiasWord {
  std::string_view kernel;
  std::string_view bias;
};
constexpr BiasWord kBiasWords[] = {
    {"kernel", "bias"}, {"weight", "bias"}, {"weights", "biases"}, {"weights", "bias"},
    {"W", "b"},         {"w", "b"},         {"Weight", "Bias"},    {"weight", "b"},
};

/// `variable` with the word at the view `word` replaced, a number behind it kept: "W1" to "b1".
std::string replaced(std::string_view variable, std::string_view word, const BiasWord& row) {
  const std::size_t at = static_cast<std::size_t>(word.data() - variable.data());
  std::string result(variable.substr(0, at));
  result += row.bias;
  result += variable.substr(at + row.kernel.size());
  return result;
}

/// The next name of those that are only counted: "arr_0" of NumPy, "param_0" of Keras 0.x, "0".
std::optional<std::string> numberedNext(std::string_view variable) {
  const std::size_t digits = variable.find_last_not_of("0123456789") + 1;  // npos + 1 is 0
  const auto number = parseInteger(variable.substr(digits));
  if (!number || (digits > 0 && variable[digits - 1] != '_')) return {};
  return std::string(variable.substr(0, digits)) + std::to_string(*number + 1);
}

/// The names that the bias of a variable may have.
std::vector<std::string> biasNames(std::string_view variable) {
  std::vector<std::string> names;
  for (const std::string_view word : words(variable)) {
    const std::string_view letters = word.substr(0, word.find_last_not_of("0123456789") + 1);
    for (const BiasWord& row : kBiasWords) {
      if (letters == row.kernel) names.push_back(replaced(variable, word, row));
    }
  }
  if (names.empty()) {
    names.push_back(std::string(variable) + "_bias");
    names.push_back(std::string(variable) + ".bias");
  }
  const bool partOfKernel = variable.ends_with("_kernel") || variable.starts_with("weight_v") ||
                            variable.starts_with("weight_orig") || variable == "original1" ||
                            variable.ends_with("_weights");
  if (partOfKernel) names.emplace_back("bias");
  if (variable.ends_with("_weights")) names.emplace_back("biases");
  return names;
}

/// A vector, one with sides of 1 around it, or one of few axes less than the kernel has.
bool canBeBiasOf(const StoredArray& bias, const StoredArray& kernel) {
  if (&bias == &kernel || bias.shape.empty()) return false;
  if (bias.shape.size() == 1) return true;
  const auto longer =
      std::count_if(bias.shape.begin(), bias.shape.end(), [](auto side) { return side != 1; });
  return longer <= 1 || bias.shape.size() < std::max<std::size_t>(kernel.shape.size(), 3);
}

}  // namespace

bool isDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::string folded(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    if (c != '_') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return result;
}

std::vector<std::string_view> words(std::string_view name) {
  std::vector<std::string_view> result;
  while (!name.empty()) {
    const std::size_t end = std::min(name.find('_'), name.size());
    if (end > 0) result.push_back(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return result;
}

bool isOneOf(std::string_view text, std::initializer_list<std::string_view> all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool isKernelName(std::string_view variable) {
  return variable == "kernel" || variable.ends_with("_kernel");
}

std::uint64_t elementsOf(const StoredArray& array) {
  std::uint64_t product = 1;
  for (const std::uint64_t side : array.shape) {
    if (side != 0 && product > std::numeric_limits<std::uint64_t>::max() / side) {
      return std::numeric_limits<std::uint64_t>::max();
    }
    product *= side;
  }
  return product;
}

bool isUsualName(std::string_view path) {
  if (path.size() > kLongestName) return false;
  const auto separates = [](char c) { return kSeparators.find(c) != std::string_view::npos; };
  return std::count_if(path.begin(), path.end(), separates) <
         static_cast<std::ptrdiff_t>(kMostNameParts);
}

std::string_view above(std::string_view path) {
  const std::size_t at = path.find_last_of(kSeparators);
  return at == std::string_view::npos ? std::string_view{} : path.substr(0, at);
}

std::string_view lastComponent(std::string_view path) {
  return path.substr(path.find_last_of(kSeparators) + 1);  // npos + 1 is 0
}

ArrayName nameOfArray(std::string_view path) {
  ArrayName name;
  name.path = path;
  const std::string_view bare = withoutOutputNumber(path);
  name.variable = lastComponent(bare);
  name.layer = above(bare);
  name.numbered = isDigits(name.variable) && lastComponent(name.layer) == "vars";
  if (name.numbered) name.layer = above(name.layer);
  if (name.layer.ends_with(kParametrized)) name.layer = above(above(name.layer));
  std::string_view rest = name.layer;
  name.block = above(rest);
  name.own = lastComponent(rest);
  while (isDigits(name.own) && !above(rest).empty()) {  // a place in a list of layers
    rest = above(rest);
    name.own = lastComponent(rest);
  }
  return name;
}

ArrayIndex::ArrayIndex(const StoredFile& file) : file_(file) {
  names_.reserve(file.arrays.size());
  byPath_.reserve(file.arrays.size());
  for (const StoredArray& array : file.arrays) {
    names_.push_back(nameOfArray(array.path));
    byPath_.emplace(withoutOutputNumber(array.path), &array);
  }
}

const StoredArray* ArrayIndex::at(std::string_view path) const {
  const auto found = byPath_.find(path);
  return found == byPath_.end() ? nullptr : found->second;
}

const StoredArray* ArrayIndex::sibling(const ArrayName& name, std::string_view variable) const {
  const bool parametrized = name.variable.starts_with("original");
  const std::size_t prefix =
      parametrized && !name.layer.empty()
          ? name.layer.size() + 1
          : static_cast<std::size_t>(name.variable.data() - name.path.data());
  std::string path(name.path.substr(0, prefix));
  path += variable;
  return at(path);
}

const StoredArray* ArrayIndex::numberedBiasOf(const StoredArray& kernel,
                                              const ArrayName& name) const {
  const auto number = parseInteger(name.variable);
  if (!number || *number > 1) return nullptr;
  const StoredArray* next = sibling(name, std::to_string(*number + 1));
  if (next == nullptr) return nullptr;
  const StoredArray* third = sibling(name, "2");
  const bool recurrent = *number == 0 && third && next->shape.size() == kernel.shape.size() &&
                         next->shape.back() == kernel.shape.back();
  if (recurrent) return canBeBiasOf(*third, kernel) ? third : nullptr;
  // What has more variables than a kernel and a bias may have a gain behind its kernel.
  const bool alone = sibling(name, *number == 0 ? "2" : "3") == nullptr;
  return alone && canBeBiasOf(*next, kernel) ? next : nullptr;
}

const StoredArray* ArrayIndex::biasOf(const StoredArray& kernel) const {
  if (kernel.shape.size() < 2) return nullptr;
  const ArrayName& name = nameOf(kernel);
  if (name.numbered) return numberedBiasOf(kernel, name);
  // In a separable convolution the bias belongs to the second of the kernels.
  if (name.variable == "depthwise_kernel" && sibling(name, "pointwise_kernel")) return nullptr;
  for (const std::string& candidate : biasNames(name.variable)) {
    const StoredArray* bias = sibling(name, candidate);
    if (bias && canBeBiasOf(*bias, kernel)) return bias;
  }
  if (const auto next = numberedNext(name.variable)) {
    const StoredArray* bias = sibling(name, *next);
    if (bias && bias->shape.size() == 1) return bias;
  }
  return nullptr;
}

}  // namespace quantoscope
