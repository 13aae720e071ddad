#include "core/io/quantized/gptq.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>

#include "core/base/checked.h"
#include "core/base/text.h"
#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/word_packing.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kWordBits = 32;

Error unreadable(const std::string& why) {
  return {ErrorCode::UnreadableFile, why};
}

/// The arrays of a tensor.
struct Parts {
  StoredArray codes;
  StoredArray scales;
  StoredArray zeros;
  std::optional<StoredArray> order;  ///< g_idx

  std::uint64_t outputs() const { return codes.shape[1]; }
  std::uint64_t groups() const { return scales.shape[0]; }
};

/// How its words may be meant, as far as shapes tell.
struct Reading {
  WordPacking packing = WordPacking::Dense;
  int bits = 0;
  std::uint64_t inputs = 0;
};

enum class Zeros { LessOne, AsTheyAre };
enum class Certainty { Told, Seen, Assumed };
struct ZeroReading {
  Zeros zeros = Zeros::LessOne;
  Certainty certainty = Certainty::Assumed;
};

// ---- what the configuration says

std::string textOf(const Json* config, const char* key) {
  const Json* value = config == nullptr ? nullptr : config->find(key);
  return value != nullptr && value->asString() != nullptr ? *value->asString() : "";
}

std::optional<std::int64_t> integerOf(const Json* config, const char* key) {
  const Json* value = config == nullptr ? nullptr : config->find(key);
  if (value == nullptr || value->asInteger() == nullptr) return std::nullopt;
  return *value->asInteger();
}

std::optional<std::uint64_t> countOf(const Json* config, const char* key) {
  const auto value = integerOf(config, key);
  return value && *value > 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

/// "gptq", "gptq_v2", "auto_round:auto_gptq", ...; "" where it says nothing.
std::string formatSaid(const Json* config) {
  for (const char* key : {"checkpoint_format", "format", "packing_format"}) {
    if (std::string text = textOf(config, key); !text.empty()) return text;
  }
  const Json* optimum = config == nullptr ? nullptr : config->find("use_optimum_format");
  const bool* on = optimum == nullptr ? nullptr : optimum->asBool();
  return on != nullptr && *on ? "optimum" : "";
}

std::optional<Zeros> zerosSaid(const std::string& format) {
  if (format == "gptq_v2" || format == "gptq_p" || format == "auto_round") return Zeros::AsTheyAre;
  const bool first = format == "gptq" || format == "optimum" || format == "auto_round:auto_gptq" ||
                     format == "auto_round:gptq";
  return first ? std::optional(Zeros::LessOne) : std::nullopt;
}

/// Layouts of other kernels, in which words mean something else.
bool isOfKernel(const std::string& format) {
  for (const char* kernel : {"marlin", "bitblas", "qqq", "gemm", "gemv"}) {
    if (format.find(kernel) != std::string::npos) return true;
  }
  return false;
}

// ---- shapes

bool isMatrix(const StoredArray* array) {
  return array != nullptr && array->shape.size() == 2 && array->obstacle.empty();
}

/// Nothing but what fits together by itself.
Result<Parts> partsOf(const Siblings& siblings) {
  const StoredArray* scales = siblings.find("scales");
  const StoredArray* zeros = siblings.find("qzeros");
  const StoredArray* order = siblings.find("g_idx");
  if (siblings.array().shape.size() != 2) {
    return unreadable("it has " + std::to_string(siblings.array().shape.size()) +
                      " axes; 2 are decoded");
  }
  if (!isMatrix(scales)) return unreadable("scales cannot be read as a matrix");
  if (zeros == nullptr) return unreadable("there are no zero points (qzeros)");
  if (!isMatrix(zeros) || zeros->elementBytes != sizeof(std::uint32_t)) {
    return unreadable("qzeros cannot be read as a matrix of words");
  }
  Parts parts{siblings.array(), *scales, *zeros, {}};
  if (parts.groups() == 0 || parts.outputs() == 0 || parts.codes.shape[0] == 0) {
    return unreadable("it has no elements");
  }
  if (scales->shape[1] != parts.outputs() || zeros->shape[0] != parts.groups()) {
    return unreadable("qzeros " + shapeText(*zeros) + " and scales " + shapeText(*scales) +
                      " do not fit qweight " + shapeText(parts.codes));
  }
  if (order != nullptr) {
    const bool indices = order->dtype == "int32" || order->dtype == "uint32";
    if (order->shape.size() != 1 || !indices || !order->obstacle.empty()) {
      return unreadable("g_idx cannot be read as a list of int32");
    }
    parts.order = *order;
  }
  return parts;
}

bool fits(const Parts& parts, const Reading& reading) {
  return reading.inputs >= parts.groups() &&
         wordsFor(reading.packing, reading.bits, reading.inputs) == parts.codes.shape[0] &&
         wordsFor(reading.packing, reading.bits, parts.outputs()) == parts.zeros.shape[1];
}

/// All ways to read the words that the shapes allow; the likeliest first.
std::vector<Reading> readingsOf(const Parts& parts, const Json* config) {
  const std::uint64_t words = parts.codes.shape[0];
  std::optional<std::uint64_t> told = countOf(config, "in_features");
  if (parts.order) told = parts.order->shape[0];
  const auto group = countOf(config, "group_size");
  const std::uint64_t whole =
      group ? checkedProduct(parts.groups(), *group).value_or(0) : std::uint64_t{0};
  std::vector<Reading> readings;
  const auto add = [&](WordPacking packing, int bits, std::uint64_t inputs) {
    const Reading reading{packing, bits, inputs};
    const bool asOrdered = !parts.order || parts.order->shape[0] == inputs;
    if (asOrdered && fits(parts, reading)) readings.push_back(reading);
  };
  const auto bits = checkedProduct(words, kWordBits);
  for (const int width : {4, 8, 3, 2, 6, 5, 7, 1}) {
    const auto each = static_cast<std::uint64_t>(width);
    if (std::has_single_bit(each) || !bits) continue;
    add(width == 3 ? WordPacking::Dense : WordPacking::Planar, width,
        *bits % each == 0 ? *bits / each : 0);
  }
  for (const int width : {4, 8, 2, 3, 6, 5, 7, 1}) {
    const std::uint64_t inWord = kWordBits / static_cast<std::uint64_t>(width);
    add(WordPacking::Whole, width, codesIn(words, inWord, told, whole));
  }
  return readings;
}

/// Whether no word uses the bits that are left over in whole words.
bool leavesBitsUnused(int bits, const std::vector<std::uint32_t>& words) {
  const auto used = kWordBits / static_cast<std::uint64_t>(bits) * static_cast<std::uint64_t>(bits);
  return std::all_of(words.begin(), words.end(),
                     [&](std::uint32_t word) { return std::uint64_t{word} >> used == 0; });
}

std::optional<Reading> chosen(std::vector<Reading> readings, const Json* config,
                              const std::vector<std::uint32_t>& zeroWords) {
  if (readings.empty()) return std::nullopt;
  const auto bits = integerOf(config, "bits");
  const auto said = std::find_if(readings.begin(), readings.end(),
                                 [&](const Reading& reading) { return reading.bits == bits; });
  if (said != readings.end()) return *said;
  // Words of four codes hold 8 bits each, or 7 and four bits that nobody uses.
  const auto unused = std::find_if(readings.begin(), readings.end(), [&](const Reading& reading) {
    return reading.packing == WordPacking::Whole && kWordBits % reading.bits != 0 &&
           leavesBitsUnused(reading.bits, zeroWords);
  });
  return unused != readings.end() ? *unused : readings.front();
}

// ---- groups

struct Groups {
  std::uint64_t run = 0;  ///< inputs of a group where they are `ordered`
  long long size = 0;
  bool ordered = true;  ///< whether they are runs of that size
};

std::vector<std::uint32_t> runsOf(std::uint64_t inputs, std::uint64_t size) {
  std::vector<std::uint32_t> of(inputs);
  for (std::uint64_t i = 0; i < inputs; ++i) of[i] = static_cast<std::uint32_t>(i / size);
  return of;
}

/// The size of the configuration where that makes as many groups as there are.
std::optional<std::uint64_t> sizeSaid(const Json* config, std::uint64_t inputs,
                                      std::uint64_t groups) {
  const auto size = countOf(config, "group_size");
  if (!size || *size > inputs) return std::nullopt;
  const bool makes = inputs / *size + (inputs % *size != 0 ? 1 : 0) == groups;
  return makes ? size : std::nullopt;
}

Result<Groups> groupsOf(std::uint64_t inputs, std::uint64_t groups,
                        const std::vector<std::uint32_t>& order, const Json* config) {
  Groups result;
  const auto said = sizeSaid(config, inputs, groups);
  if (order.empty()) {
    const std::uint64_t size = said ? *said : groups == 1 ? inputs : groupSizeOf(inputs, groups);
    if (size == 0) {
      return unreadable(std::to_string(groups) + " groups of " + std::to_string(inputs) +
                        " inputs: their size cannot be told");
    }
    result.run = size;
    result.size = groups == 1 && !said ? -1 : static_cast<long long>(size);
    return result;
  }
  std::vector<std::uint64_t> members(groups);
  for (const std::uint32_t group : order) {
    if (group >= groups) {
      return unreadable("g_idx has the group " + std::to_string(static_cast<std::int32_t>(group)) +
                        "; there are " + std::to_string(groups));
    }
    ++members[group];
  }
  const std::uint64_t size = *std::max_element(members.begin(), members.end());
  result.ordered = order == runsOf(inputs, size);
  result.run = size;
  result.size = groups == 1 && !said ? -1 : static_cast<long long>(size);
  return result;
}

// ---- zero points

/// [groups, out], as they are stored.
std::vector<std::int16_t> unpackedZeros(const Parts& parts, const Reading& reading,
                                        const std::vector<std::uint32_t>& words) {
  const std::size_t outputs = parts.outputs();
  std::vector<std::int16_t> zeros(parts.groups() * outputs);
  for (std::size_t g = 0; g < parts.groups(); ++g) {
    unpackCodes(reading.packing, reading.bits, words.data() + g * parts.zeros.shape[1], outputs,
                zeros.data() + g * outputs);
  }
  return zeros;
}

ZeroReading zeroReadingOf(const std::string& format, const Reading& reading,
                          const std::vector<std::int16_t>& stored) {
  if (const auto said = zerosSaid(format)) return {*said, Certainty::Told};
  const auto all = [&](int value) {
    return std::all_of(stored.begin(), stored.end(), [&](std::int16_t z) { return z == value; });
  };
  const int middle = 1 << (reading.bits - 1);
  if (all(middle)) return {Zeros::AsTheyAre, Certainty::Seen};
  if (all(middle - 1)) return {Zeros::LessOne, Certainty::Seen};
  // Only GPTQModel packs planes, and labels such files gptq_p.
  if (reading.packing == WordPacking::Planar) return {Zeros::AsTheyAre, Certainty::Seen};
  return {Zeros::LessOne, Certainty::Assumed};
}

std::string zerosText(const ZeroReading& zeros) {
  std::string text = zeros.zeros == Zeros::LessOne ? "zero points stored less one (v1"
                                                   : "zero points stored as they are (v2";
  if (zeros.certainty == Certainty::Seen) text += ", as they show";
  if (zeros.certainty == Certainty::Assumed) text += ", though nothing says so";
  return text + ")";
}

std::string detailOf(const Reading& reading, const Groups& groups, const ZeroReading& zeros) {
  std::vector<std::string> parts{std::to_string(reading.bits) + " bits"};
  if (groups.size > 0) parts.push_back("groups of " + std::to_string(groups.size));
  if (groups.size < 0) parts.push_back("a scale for each row");
  if (!groups.ordered) parts.push_back("in an order of their own (g_idx)");
  if (reading.packing == WordPacking::Planar) parts.push_back("planar");
  if (reading.packing == WordPacking::Whole && kWordBits % reading.bits != 0) {
    parts.push_back("whole words");
  }
  parts.push_back(zerosText(zeros));
  return join(parts, ", ");
}

class GptqTensor : public PackedTensor {
 public:
  GptqTensor(Parts parts, Reading reading, const Groups& groups, ZeroReading zeros,
             std::string path)
      : parts_(std::move(parts)), reading_(reading), zeros_(zeros.zeros) {
    info_.path = std::move(path);
    const bool optimum = reading.packing == WordPacking::Whole && kWordBits % reading.bits != 0;
    info_.format = optimum ? "neural-compressor" : "GPTQ";
    info_.detail = detailOf(reading, groups, zeros);
    info_.rows = parts_.outputs();
    info_.cols = reading.inputs;
    info_.bits = reading.bits;
    info_.groupSize = groups.size;
    info_.scaleType = parts_.scales.dtype;
    info_.parts = {parts_.codes.path, parts_.scales.path, parts_.zeros.path};
    if (parts_.order) info_.parts.push_back(parts_.order->path);
    run_ = groups.ordered ? groups.run : 0;
  }

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = parts_.groups();
    auto groupOf = run_ != 0 ? Result(runsOf(info_.cols, run_))
                             : readElements<std::uint32_t>(container, *parts_.order,
                                                           wholeOf(*parts_.order), control);
    if (!groupOf) return groupOf.error();
    parameters.groupOf = *std::move(groupOf);
    auto scales = readNumbers(container, parts_.scales, Bytes::Numbers, control);
    if (!scales) return scales.error();
    parameters.scale = turned(*scales, parameters.groups, info_.rows);
    const auto words = readWordRows(container, parts_.zeros, 0, parameters.groups, control);
    if (!words) return words.error();
    const std::vector<std::int16_t> stored = unpackedZeros(parts_, reading_, *words);
    const int mask = (1 << reading_.bits) - 1;
    const int less = zeros_ == Zeros::LessOne ? 1 : 0;
    std::vector<float> zeros(stored.size());
    std::transform(stored.begin(), stored.end(), zeros.begin(),
                   [&](std::int16_t z) { return static_cast<float>((z + less) & mask); });
    parameters.zero = turned(zeros, parameters.groups, info_.rows);
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    const auto words = readWordColumns(container, parts_.codes, firstRow, rows, control);
    if (!words) return words.error();
    std::vector<std::int16_t> codes(rows * info_.cols);
    for (std::size_t r = 0; r < rows; ++r) {
      unpackCodes(reading_.packing, reading_.bits, words->data() + r * parts_.codes.shape[0],
                  info_.cols, codes.data() + r * info_.cols);
    }
    return codes;
  }

 private:
  Parts parts_;
  Reading reading_;
  Zeros zeros_;
  PackedInfo info_;
  std::uint64_t run_ = 0;  ///< inputs of a group; 0: as g_idx says
};

}  // namespace

Result<SharedPackedTensor> openGptq(const Siblings& siblings, const PackingContext& context) {
  auto parts = partsOf(siblings);
  if (!parts) return parts.error();
  const std::string format = formatSaid(context.config);
  if (isOfKernel(format)) return unreadable("the layout " + format + " is not decoded");
  const auto zeroWords =
      readWordRows(context.container, parts->zeros, 0, parts->groups(), context.control);
  if (!zeroWords) return zeroWords.error();
  auto reading = chosen(readingsOf(*parts, context.config), context.config, *zeroWords);
  if (!reading) {
    return unreadable("qweight " + shapeText(parts->codes) + ", qzeros " + shapeText(parts->zeros) +
                      " and scales " + shapeText(parts->scales) + " agree on no number of bits");
  }
  // Below this label 3 bits are packed in planes, too; their shapes are the same.
  if (format == "gptq_p" && reading->packing == WordPacking::Dense) {
    reading->packing = WordPacking::Planar;
    if (!fits(*parts, *reading)) return unreadable("planes of bits do not fit its shapes");
  }
  std::vector<std::uint32_t> order;
  if (parts->order) {
    auto read = readElements<std::uint32_t>(context.container, *parts->order,
                                            wholeOf(*parts->order), context.control);
    if (!read) return read.error();
    order = *std::move(read);
  }
  auto groups = groupsOf(reading->inputs, parts->groups(), order, context.config);
  if (!groups) return groups.error();
  const ZeroReading zeros =
      zeroReadingOf(format, *reading, unpackedZeros(*parts, *reading, *zeroWords));
  return SharedPackedTensor(std::make_shared<GptqTensor>(*std::move(parts), *reading, *groups,
                                                         zeros, siblings.path("weight")));
}

}  // namespace quantoscope
