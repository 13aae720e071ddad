#include "core/io/quantized/awq.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/word_packing.h"

namespace quantoscope {

namespace {

constexpr std::size_t kInWord = 8;
constexpr unsigned kBits = 4;
constexpr std::uint32_t kMask = 15;
constexpr std::array<std::size_t, kInWord> kOutputOf = {0, 2, 4, 6, 1, 3, 5, 7};

struct AwqParts {
  StoredArray codes;
  StoredArray scales;
  StoredArray zeros;

  std::uint64_t inputs() const { return codes.shape[0]; }
  std::uint64_t outputs() const { return scales.shape[1]; }
  std::uint64_t groups() const { return scales.shape[0]; }
};

Error notAwq(const std::string& why) {
  return {ErrorCode::UnreadableFile, why};
}

Result<AwqParts> awqPartsOf(const Siblings& siblings) {
  const StoredArray* scales = siblings.find("scales");
  const StoredArray* zeros = siblings.find("qzeros");
  const auto isMatrix = [](const StoredArray* array) {
    return array != nullptr && array->shape.size() == 2 && array->obstacle.empty();
  };
  if (zeros == nullptr) return notAwq("there are no zero points (qzeros)");
  if (!isMatrix(&siblings.array()) || !isMatrix(scales) || !isMatrix(zeros) ||
      zeros->elementBytes != sizeof(std::uint32_t)) {
    return notAwq("qweight, scales and qzeros cannot be read as matrices");
  }
  AwqParts parts{siblings.array(), *scales, *zeros};
  if (parts.inputs() == 0 || parts.outputs() == 0 || parts.groups() == 0) {
    return notAwq("it has no elements");
  }
  const std::uint64_t words = parts.outputs() / kInWord;
  if (parts.outputs() % kInWord != 0 || parts.codes.shape[1] != words ||
      zeros->shape != std::vector<std::uint64_t>{parts.groups(), words} ||
      parts.inputs() % parts.groups() != 0) {
    return notAwq("qzeros " + shapeText(*zeros) + " and scales " + shapeText(*scales) +
                  " do not fit qweight " + shapeText(parts.codes));
  }
  return parts;
}

/// What the configuration says that this layout is not; else "".
std::string awqObstacleIn(const Json* config) {
  const Json* version = config == nullptr ? nullptr : config->find("version");
  const std::string* name = version == nullptr ? nullptr : version->asString();
  const bool other = name != nullptr && (name->find("gemv") != std::string::npos ||
                                         name->find("GEMV") != std::string::npos ||
                                         name->find("marlin") != std::string::npos);
  return other ? "the layout " + *name + " is not decoded" : "";
}

class AwqTensor : public PackedTensor {
 public:
  AwqTensor(AwqParts parts, std::string path) : parts_(std::move(parts)) {
    const std::uint64_t group = parts_.inputs() / parts_.groups();
    info_.path = std::move(path);
    info_.format = "AWQ";
    info_.detail = "4 bits, " +
                   (parts_.groups() == 1 ? std::string("a scale for each row")
                                         : "groups of " + std::to_string(group)) +
                   ", GEMM";
    info_.rows = parts_.outputs();
    info_.cols = parts_.inputs();
    info_.bits = kBits;
    info_.groupSize = parts_.groups() == 1 ? -1 : static_cast<long long>(group);
    info_.scaleType = parts_.scales.dtype;
    info_.parts = {parts_.codes.path, parts_.scales.path, parts_.zeros.path};
  }

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = parts_.groups();
    const std::uint64_t group = parts_.inputs() / parts_.groups();
    for (std::uint64_t i = 0; i < parts_.inputs(); ++i) {
      parameters.groupOf.push_back(static_cast<std::uint32_t>(i / group));
    }
    auto scales = readNumbers(container, parts_.scales, Bytes::Numbers, control);
    if (!scales) return scales.error();
    parameters.scale = turned(*scales, parameters.groups, info_.rows);
    const auto zeros = unpacked(container, parts_.zeros, 0, info_.rows, control);
    if (!zeros) return zeros.error();
    parameters.zero.assign(zeros->begin(), zeros->end());
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    return unpacked(container, parts_.codes, firstRow, rows, control);
  }

 private:
  /// `rows` outputs from `first` of a matrix of words below each other, [rows, its rows].
  static Result<std::vector<std::int16_t>> unpacked(const Container& container,
                                                    const StoredArray& array, std::size_t first,
                                                    std::size_t rows, const TaskControl& control) {
    if (rows == 0) return std::vector<std::int16_t>();
    const std::size_t firstWord = first / kInWord;
    const std::size_t wordCount = (first + rows - 1) / kInWord - firstWord + 1;
    const auto words = readWordColumns(container, array, firstWord, wordCount, control);
    if (!words) return words.error();
    const std::size_t length = array.shape[0];
    std::vector<std::int16_t> codes(rows * length);
    for (std::size_t at = 0; at < wordCount * kInWord; ++at) {
      const std::size_t output = (firstWord + at / kInWord) * kInWord + kOutputOf[at % kInWord];
      if (output < first || output >= first + rows) continue;
      const std::uint32_t* column = words->data() + at / kInWord * length;
      const auto shift = static_cast<unsigned>(at % kInWord) * kBits;
      std::transform(
          column, column + length, codes.data() + (output - first) * length,
          [shift](std::uint32_t word) { return static_cast<std::int16_t>(word >> shift & kMask); });
    }
    return codes;
  }

  AwqParts parts_;
  PackedInfo info_;
};

}  // namespace

Result<SharedPackedTensor> openAwq(const Siblings& siblings, const PackingContext& context) {
  if (const std::string obstacle = awqObstacleIn(context.config); !obstacle.empty()) {
    return notAwq(obstacle);
  }
  auto parts = awqPartsOf(siblings);
  if (!parts) return parts.error();
  return SharedPackedTensor(
      std::make_shared<AwqTensor>(*std::move(parts), siblings.path("weight")));
}

}  // namespace quantoscope
