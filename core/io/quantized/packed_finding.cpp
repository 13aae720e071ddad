#include "core/io/quantized/packed_finding.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/checked.h"
#include "core/base/json.h"
#include "core/io/quantized/native_packed.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kBitsOfByte = 8;

/// "": a tensor can be offered by what it says of itself. A code takes a bit at least, so that no
/// file becomes more than 32 times its size.
std::string problemOf(const PackedInfo& info, const StoredArray& codes) {
  if (info.path.empty() || info.parts.empty() || info.parts.front() != codes.path) {
    return "its parts cannot be told";
  }
  if (info.rows == 0 || info.cols == 0) return "it has no elements";
  const auto elements = checkedProduct(info.rows, info.cols);
  const auto bits = checkedVolume(codes.shape, kBitsOfByte * codes.elementBytes);
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / sizeof(float);
  if (!elements || *elements > kMost || !bits || *elements > *bits) {
    return "its codes are too few for " + std::to_string(info.rows) + " x " +
           std::to_string(info.cols) + " weights";
  }
  return {};
}

/// What the reader said is text from a file: where it is no JSON it says nothing.
std::optional<Json> configOf(const StoredFile& file) {
  constexpr std::size_t kMostText = std::size_t{32} << 20;  // 4 MB of a file, written anew
  if (file.quantizationConfig.empty() || file.quantizationConfig.size() > kMostText) {
    return std::nullopt;
  }
  auto config = parseJson(file.quantizationConfig, "the configuration of quantization");
  if (!config || !config->isObject()) return std::nullopt;
  return *std::move(config);
}

/// Files of this program say what they are.
std::span<const QuantizedFormat> formatsOf(const StoredFile& file) {
  if (file.format == kNativeFormat) return {&nativeQuantized(), 1};
  return quantizedFormats();
}

class Opener {
 public:
  Opener(const Container& container, const TaskControl& control)
      : container_(container),
        quiet_{control.cancel, {}},
        index_(container.contents()),
        config_(configOf(container.contents())),
        context_{container, config_ ? &*config_ : nullptr, quiet_} {}

  Result<FoundTensor> open(FoundCodes found) {
    FoundTensor result{std::move(found), nullptr, {}};
    const StoredArray& codes = *result.found.codes;
    if (result.found.format->open == nullptr) return result;
    const Siblings siblings(container_.contents(), index_, codes);
    auto tensor = result.found.format->open(siblings, context_);
    if (!tensor) {
      if (tensor.error().code == ErrorCode::Cancelled) return tensor.error();
      result.problem = tensor.error().message;
    } else if (*tensor != nullptr) {
      result.problem = problemOf((*tensor)->info(), codes);
      if (result.problem.empty()) result.problem = whyTaken((*tensor)->info().path, codes);
      if (result.problem.empty()) result.tensor = *std::move(tensor);
    }
    return result;
  }

 private:
  std::string whyTaken(const std::string& path, const StoredArray& codes) {
    const bool own = path == codes.path;
    if ((own || index_.find(path) == nullptr) && taken_.insert(path).second) return {};
    return "there is another array " + path;
  }

  const Container& container_;
  const TaskControl quiet_;
  ArraysByPath index_;
  std::optional<Json> config_;
  PackingContext context_;
  std::set<std::string, std::less<>> taken_;  ///< paths of those that were opened
};

}  // namespace

/// bitsandbytes packs codes into a column of any type, floats too.
bool mayBeCodes(const StoredArray& array) {
  if (array.dtype.starts_with("float8_")) return true;
  if (array.shape.size() == 2 && array.shape[1] == 1) return array.obstacle.empty();
  return array.shape.size() >= 2 && array.obstacle.empty() &&
         (array.dtype.starts_with("int") || array.dtype.starts_with("uint"));
}

std::vector<FoundCodes> findCodes(const StoredFile& file) {
  std::vector<FoundCodes> result;
  std::optional<ArraysByPath> index;
  for (const StoredArray& array : file.arrays) {
    if (!mayBeCodes(array)) continue;
    if (!index) index.emplace(file);
    const Siblings siblings(file, *index, array);
    for (const QuantizedFormat& format : formatsOf(file)) {
      auto detail = format.describe(siblings);
      if (!detail) continue;
      result.push_back({&array, &format, *std::move(detail)});
      break;
    }
  }
  return result;
}

Result<std::vector<FoundTensor>> openPacked(const Container& container,
                                            std::vector<FoundCodes> found,
                                            const TaskControl& control) {
  std::vector<FoundTensor> result;
  result.reserve(found.size());
  Opener opener(container, control);
  for (FoundCodes& codes : found) {
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    auto tensor = opener.open(std::move(codes));
    if (!tensor) return tensor.error();
    result.push_back(*std::move(tensor));
    if (control.progress) control.progress(result.size(), found.size());
  }
  return result;
}

}  // namespace quantoscope
