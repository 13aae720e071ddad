#include "core/io/quantized/inc.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <utility>

#include "core/base/checked.h"
#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/word_packing.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kBitsInWord = 32;

/// Values of the codes of 4 bits, by their bits. No writer makes the code that is 0 a second time.
struct IncCodebook {
  const char* dtype;
  float levels[16];
};
constexpr IncCodebook kIncCodebooks[] = {
    {"nf4",
     {0.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
      -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, -1.0f,
      0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
      0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f}},
    {"fp4",
     {0.0f, 0.0625f, 8.0f, 12.0f, 4.0f, 6.0f, 2.0f, 3.0f, 0.0f, -0.0625f, -8.0f, -12.0f, -4.0f,
      -6.0f, -2.0f, -3.0f}},
    {"fp4_e2m1",
     {0.0f, static_cast<float>(1.0 / 96), static_cast<float>(1.0 / 6), 0.25f,
      static_cast<float>(1.0 / 3), 0.5f, static_cast<float>(2.0 / 3), 1.0f, 0.0f,
      static_cast<float>(-1.0 / 96), static_cast<float>(-1.0 / 6), -0.25f,
      static_cast<float>(-1.0 / 3), -0.5f, static_cast<float>(-2.0 / 3), -1.0f}}};

Error notInc(const std::string& why) {
  return {ErrorCode::UnreadableFile, why};
}

bool isReadableMatrix(const StoredArray* array) {
  return array != nullptr && array->shape.size() == 2 && array->obstacle.empty() &&
         array->shape[0] > 0 && array->shape[1] > 0;
}

/// Along which axis of the weights codes share words.
enum class Along { Inputs, Outputs };

struct IncParts {
  StoredArray codes;
  StoredArray scales;
  std::optional<StoredArray> zeros;
  Along along = Along::Inputs;

  std::uint64_t outputs() const { return scales.shape[0]; }
  std::uint64_t groups() const { return scales.shape[1]; }
};

/// What the configuration says.
struct IncSettings {
  std::string dtype = "int";
  int bits = 0;
  std::optional<std::uint64_t> inputs;
  std::optional<std::uint64_t> groupSize;

  const IncCodebook* codebook() const {
    const auto named = [&](const IncCodebook& book) {
      return dtype == book.dtype || dtype == std::string(book.dtype) + "_bnb" ||
             (dtype == "fp4_e2m1_bnb" && std::string(book.dtype) == "fp4");
    };
    const auto* found = std::find_if(std::begin(kIncCodebooks), std::end(kIncCodebooks), named);
    return found == std::end(kIncCodebooks) ? nullptr : found;
  }
};

std::optional<std::uint64_t> positiveIn(const Json& config, const char* key) {
  const Json* value = config.find(key);
  const std::int64_t* number = value == nullptr ? nullptr : value->asInteger();
  if (number == nullptr || *number <= 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

Result<IncSettings> settingsFrom(const Json* config, bool hasZeros) {
  const auto bits = config == nullptr ? std::nullopt : positiveIn(*config, "bits");
  const Json* dtype = config == nullptr ? nullptr : config->find("dtype");
  const std::string* name = dtype == nullptr ? nullptr : dtype->asString();
  if (!bits || *bits > 8 || (name == nullptr && !hasZeros)) {
    return notInc("no configuration beside it tells its bits (1 to 8) and dtype");
  }
  IncSettings settings{name == nullptr ? "int" : *name, static_cast<int>(*bits),
                       positiveIn(*config, "in_features"), positiveIn(*config, "group_size")};
  const bool book = settings.codebook() != nullptr;
  if (!book && settings.dtype != "int") {
    return notInc("the dtype " + settings.dtype + "; int, nf4, fp4 and fp4_e2m1 are decoded");
  }
  if (book && (*bits != 4 || hasZeros)) {
    return notInc("codes of " + settings.dtype + " have 4 bits and no zero points");
  }
  return settings;
}

/// Codes that share a word along the outputs leave fewer rows than there are scales.
Result<IncParts> incPartsOf(const Siblings& siblings) {
  const StoredArray* scales = siblings.find("scales");
  const StoredArray* zeros = siblings.find("qzeros");
  if (!isReadableMatrix(&siblings.array()) || !isReadableMatrix(scales)) {
    return notInc("qweight and scales cannot be read as matrices");
  }
  IncParts parts{siblings.array(), *scales, std::nullopt, Along::Inputs};
  if (parts.codes.shape[0] != parts.outputs()) parts.along = Along::Outputs;
  if (zeros == nullptr) return parts;
  if (!isReadableMatrix(zeros) || zeros->elementBytes != sizeof(std::uint32_t)) {
    return notInc("qzeros cannot be read as a matrix of words");
  }
  parts.zeros = *zeros;
  return parts;
}

/// The inputs, or what contradicts the settings.
Result<std::uint64_t> inputsOf(const IncParts& parts, const IncSettings& settings) {
  const auto fit = [&](std::uint64_t words, std::uint64_t codes) {
    return wordsFor(WordPacking::Whole, settings.bits, codes) == words;
  };
  std::uint64_t inputs = parts.codes.shape[1];
  bool good = true;
  if (parts.along == Along::Inputs) {
    const std::uint64_t whole =
        checkedProduct(parts.groups(), settings.groupSize.value_or(0)).value_or(0);
    inputs = codesIn(inputs, kBitsInWord / static_cast<std::uint64_t>(settings.bits),
                     settings.inputs, whole);
  } else {
    good = fit(parts.codes.shape[0], parts.outputs());
  }
  if (parts.zeros) {
    const auto& shape = parts.zeros->shape;
    good = good && (parts.along == Along::Inputs
                        ? shape[0] == parts.outputs() && fit(shape[1], parts.groups())
                        : fit(shape[0], parts.outputs()) && shape[1] == parts.groups());
  }
  if (good && inputs >= parts.groups()) return inputs;
  return notInc("qweight " + shapeText(parts.codes) + ", scales " + shapeText(parts.scales) +
                (parts.zeros ? " and qzeros " + shapeText(*parts.zeros) : "") +
                " do not fit codes of " + std::to_string(settings.bits) + " bits");
}

/// 0 where it cannot be told.
std::uint64_t groupSizeIn(std::uint64_t inputs, std::uint64_t groups, const IncSettings& settings) {
  const std::uint64_t said = settings.groupSize.value_or(0);
  if (said != 0 && said <= inputs && inputs / said + (inputs % said != 0 ? 1 : 0) == groups) {
    return said;
  }
  return groups == 1 ? inputs : groupSizeOf(inputs, groups);
}

class IncTensor : public PackedTensor {
 public:
  IncTensor(IncParts parts, const IncSettings& settings, std::uint64_t inputs, std::uint64_t group,
            std::string path)
      : parts_(std::move(parts)), codebook_(settings.codebook()), group_(group) {
    info_.path = std::move(path);
    info_.format = "neural-compressor";
    info_.rows = parts_.outputs();
    info_.cols = inputs;
    info_.bits = settings.bits;
    const bool whole = parts_.groups() == 1 && settings.groupSize != group;
    info_.groupSize = whole ? -1 : static_cast<long long>(group);
    info_.detail =
        (codebook_ != nullptr ? settings.dtype : std::to_string(settings.bits) + " bits") +
        (whole ? ", a scale for each row" : ", groups of " + std::to_string(group)) +
        (parts_.along == Along::Inputs ? ", words along the inputs" : ", words along the outputs");
    info_.scaleType = parts_.scales.dtype;
    info_.parts = {parts_.codes.path, parts_.scales.path};
    if (parts_.zeros) info_.parts.push_back(parts_.zeros->path);
  }

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = parts_.groups();
    for (std::uint64_t i = 0; i < info_.cols; ++i) {
      parameters.groupOf.push_back(static_cast<std::uint32_t>(i / group_));
    }
    auto scales = readNumbers(container, parts_.scales, Bytes::Numbers, control);
    if (!scales) return scales.error();
    parameters.scale = *std::move(scales);
    if (codebook_ != nullptr) {
      parameters.levels.assign(std::begin(codebook_->levels), std::end(codebook_->levels));
    }
    if (!parts_.zeros) return parameters;
    const auto zeros =
        unpacked(container, *parts_.zeros, 0, info_.rows, parameters.groups, control);
    if (!zeros) return zeros.error();
    parameters.zero.assign(zeros->begin(), zeros->end());
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    auto codes = unpacked(container, parts_.codes, firstRow, rows, info_.cols, control);
    if (codes && !parts_.zeros && codebook_ == nullptr) makeSigned(info_.bits, *codes);
    return codes;
  }

 private:
  /// `rows` outputs from `first`, [rows, cols].
  Result<std::vector<std::int16_t>> unpacked(const Container& container, const StoredArray& array,
                                             std::size_t first, std::size_t rows, std::size_t cols,
                                             const TaskControl& control) const {
    std::vector<std::int16_t> codes(rows * cols);
    if (codes.empty()) return codes;
    if (parts_.along == Along::Inputs) {
      const auto words = readWordRows(container, array, first, rows, control);
      if (!words) return words.error();
      for (std::size_t r = 0; r < rows; ++r) {
        unpackCodes(WordPacking::Whole, info_.bits, words->data() + r * array.shape[1], cols,
                    codes.data() + r * cols);
      }
      return codes;
    }
    const std::size_t inWord = kBitsInWord / static_cast<std::size_t>(info_.bits);
    const std::size_t firstWord = first / inWord;
    const auto words = readWordRows(container, array, firstWord,
                                    (first + rows - 1) / inWord - firstWord + 1, control);
    if (!words) return words.error();
    const std::uint32_t mask = (std::uint32_t{1} << info_.bits) - 1;
    for (std::size_t r = 0; r < rows; ++r) {
      const std::uint32_t* row = words->data() + ((first + r) / inWord - firstWord) * cols;
      const auto shift = static_cast<unsigned>((first + r) % inWord * info_.bits);
      std::transform(row, row + cols, codes.data() + r * cols, [&](std::uint32_t word) {
        return static_cast<std::int16_t>(word >> shift & mask);
      });
    }
    return codes;
  }

  IncParts parts_;
  const IncCodebook* codebook_;
  std::uint64_t group_;
  PackedInfo info_;
};

}  // namespace

std::optional<std::string> describeInc(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("scales");
  if (siblings.name() != "qweight" || (codes.dtype != "int32" && codes.dtype != "uint32") ||
      codes.shape.size() != 2 || scales == nullptr || scales->shape.size() != 2 ||
      scales->dtype != "float32") {
    return std::nullopt;
  }
  const std::uint64_t words = codes.shape[0];
  const std::uint64_t rows = scales->shape[0];
  const bool along = words == rows || (words < rows && rows / kBitsInWord <= words);
  return along ? std::optional<std::string>("") : std::nullopt;
}

Result<SharedPackedTensor> openInc(const Siblings& siblings, const PackingContext& context) {
  auto parts = incPartsOf(siblings);
  if (!parts) return parts.error();
  const auto settings = settingsFrom(context.config, parts->zeros.has_value());
  if (!settings) return settings.error();
  const auto inputs = inputsOf(*parts, *settings);
  if (!inputs) return inputs.error();
  const std::uint64_t group = groupSizeIn(*inputs, parts->groups(), *settings);
  if (group == 0) {
    return notInc(std::to_string(parts->groups()) + " groups of " + std::to_string(*inputs) +
                  " inputs: their size cannot be told");
  }
  return SharedPackedTensor(std::make_shared<IncTensor>(*std::move(parts), *settings, *inputs,
                                                        group, siblings.path("weight")));
}

}  // namespace quantoscope
