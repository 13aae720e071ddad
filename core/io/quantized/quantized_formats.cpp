#include "core/io/quantized/quantized_formats.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/io/model/layer_classes.h"
#include "core/io/quantized/awq.h"
#include "core/io/quantized/bitsandbytes.h"
#include "core/io/quantized/compressed_tensors.h"
#include "core/io/quantized/gptq.h"
#include "core/io/quantized/inc.h"
#include "core/io/quantized/keras_quantized.h"
#include "core/io/quantized/mlx.h"
#include "core/io/quantized/packed_fp4.h"

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::uint64_t kWordBits = 32;

bool isWord(const StoredArray& array) {
  return array.dtype == "int32" || array.dtype == "uint32";
}

bool isByte(const StoredArray& array) {
  return array.dtype == "int8" || array.dtype == "uint8";
}

bool isFloat(const StoredArray* array) {
  return array != nullptr && (array->dtype.starts_with("float") || array->dtype == "bfloat16");
}

bool isMatrix(const StoredArray* array) {
  return array != nullptr && array->shape.size() >= 2;
}

std::uint64_t rowsOf(const StoredArray& array) {
  return array.shape.size() < 2 ? 1 : array.shape[array.shape.size() - 2];
}

std::uint64_t colsOf(const StoredArray& array) {
  return array.shape.empty() ? 1 : array.shape.back();
}

/// a / b where that is whole; else 0.
std::uint64_t ratio(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a % b == 0 ? a / b : 0;
}

/// "4 bits", "4 bits, groups of 128"; without what is not known (0).
std::string detailOf(std::uint64_t bits, std::uint64_t groupSize) {
  std::vector<std::string> known;
  if (bits >= 1 && bits <= 8) known.push_back(std::to_string(bits) + " bits");
  if (groupSize > 1) known.push_back("groups of " + std::to_string(groupSize));
  return join(known, ", ");
}

// ---- state dicts of words

/// qweight [in * bits / 32, out], scales [groups, out], qzeros [groups, out * bits / 32], g_idx
/// [in]
std::optional<std::string> describeGptq(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("scales");
  if (siblings.name() != "qweight" || !isWord(codes) || !isMatrix(&codes) || !isFloat(scales) ||
      colsOf(*scales) != colsOf(codes)) {
    return std::nullopt;
  }
  const StoredArray* order = siblings.find("g_idx");
  const StoredArray* zeros = siblings.find("qzeros");
  std::uint64_t bits = zeros == nullptr ? 0 : ratio(colsOf(*zeros) * kWordBits, colsOf(*scales));
  std::uint64_t inputs = bits == 0 ? 0 : ratio(rowsOf(codes) * kWordBits, bits);
  if (order != nullptr && order->shape.size() == 1) {
    inputs = order->shape[0];
    bits = ratio(rowsOf(codes) * kWordBits, inputs);
  }
  const std::string detail = detailOf(bits, groupSizeOf(inputs, rowsOf(*scales)));
  // Without g_idx it may be neural-compressor's, whose 7 bits take the room of 8.
  return order == nullptr && bits == 8 ? "7 or " + detail : detail;
}

/// qweight [in, out / 8], scales [groups, out], qzeros [groups, out / 8]
std::optional<std::string> describeAwq(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("scales");
  if (siblings.name() != "qweight" || !isWord(codes) || !isMatrix(&codes) || !isFloat(scales) ||
      ratio(colsOf(*scales), colsOf(codes)) != 8) {
    return std::nullopt;
  }
  return detailOf(4, groupSizeOf(rowsOf(codes), rowsOf(*scales)));
}

/// weight_packed int32 [out, in * bits / 32] or uint8 [out, in / 2], weight_scale [out, groups]
std::optional<std::string> describeCompressed(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("weight_scale");
  if (siblings.name() != "weight_packed" || !isMatrix(&codes)) return std::nullopt;
  if (codes.dtype == "uint8") {
    const std::uint64_t group = scales == nullptr ? 0 : ratio(2 * colsOf(codes), colsOf(*scales));
    const bool exponents =
        scales != nullptr && (scales->dtype == "uint8" || scales->dtype == "float8_e8m0fnu");
    return (exponents ? "MXFP4, " : "NVFP4, ") + detailOf(4, group);
  }
  const StoredArray* zeros = siblings.find("weight_zero_point");
  const std::uint64_t bits =
      isMatrix(zeros) && isWord(*zeros) ? ratio(rowsOf(*zeros) * kWordBits, rowsOf(codes)) : 0;
  const std::uint64_t inputs = bits == 0 ? 0 : colsOf(codes) * kWordBits / bits;
  return detailOf(bits, scales == nullptr ? 0 : groupSizeOf(inputs, colsOf(*scales)));
}

/// weight int8 [out, in], weight_scale [out, groups] or [out, 1]
std::optional<std::string> describeCompressedBytes(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("weight_scale");
  if (siblings.name() != "weight" || codes.dtype != "int8" || !isMatrix(&codes) ||
      !isFloat(scales)) {
    return std::nullopt;
  }
  const bool groups = scales->shape.size() == 2 && rowsOf(*scales) == rowsOf(codes);
  return detailOf(8, groups ? groupSizeOf(colsOf(codes), colsOf(*scales)) : 0);
}

/// weight uint32 [.., out, in * bits / 32], scales [.., out, in / group size], biases like scales
std::optional<std::string> describeMlx(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("scales");
  if (siblings.name() != "weight" || codes.dtype != "uint32" || !isMatrix(&codes) ||
      !isMatrix(scales) || rowsOf(*scales) != rowsOf(codes)) {
    return std::nullopt;
  }
  const std::uint64_t bitsOfGroup = ratio(colsOf(codes) * kWordBits, colsOf(*scales));
  if (scales->dtype == "uint8") {
    if (bitsOfGroup == 64) return "NVFP4, " + detailOf(4, 16);
    if (bitsOfGroup == 128) return "MXFP4, " + detailOf(4, 32);
    return "MXFP8, " + detailOf(8, 32);
  }
  if (!isFloat(scales)) return std::nullopt;
  std::vector<std::string> choices;
  for (const std::uint64_t bits : {2, 3, 4, 5, 6, 8}) {
    const std::uint64_t group = ratio(bitsOfGroup, bits);
    if (group == 32 || group == 64 || group == 128) choices.push_back(detailOf(bits, group));
  }
  return join(choices, " or ");
}

// ---- bytes

/// X uint8 [n, 1], X.absmax, X.quant_map, X.quant_state.bitsandbytes__nf4
std::optional<std::string> describeBitsAndBytes4(const Siblings& siblings) {
  const StoredArray* absmax = siblings.find("*.absmax");
  if (absmax == nullptr || siblings.find("*.quant_map") == nullptr) return std::nullopt;
  const StoredArray& codes = siblings.array();
  std::uint64_t bytes = 1;
  for (const std::uint64_t side : codes.shape) bytes *= side;
  const std::uint64_t scales = absmax->shape.size() == 1 ? absmax->shape[0] : 0;
  const std::uint64_t block = isByte(codes) ? ratio(2 * bytes, scales) : 0;
  const std::string blocks = block > 1 ? ", blocks of " + std::to_string(block) : "";
  for (const char* kind : {"nf4", "fp4"}) {
    if (siblings.find(std::string("*.quant_state.bitsandbytes__") + kind) != nullptr) {
      return kind + std::string(", 4 bits") + blocks;
    }
  }
  return "4 bits" + blocks;
}

/// weight int8 [out, in], SCB [out]
std::optional<std::string> describeBitsAndBytes8(const Siblings& siblings) {
  const StoredArray* scales = siblings.find(siblings.name() == "weight" ? "SCB"sv : "*.SCB"sv);
  if (siblings.array().dtype != "int8" || !isFloat(scales)) return std::nullopt;
  return "8 bits, a scale for each row";
}

/// X_blocks uint8 [.., groups, 16], X_scales uint8 [.., groups]
std::optional<std::string> describeGptOss(const Siblings& siblings) {
  const std::string_view name = siblings.name();
  if (!name.ends_with("_blocks") || siblings.array().dtype != "uint8") return std::nullopt;
  const StoredArray* found = siblings.find("%_scales");
  if (found == nullptr || found->dtype != "uint8") return std::nullopt;
  return detailOf(4, 2 * colsOf(siblings.array()));
}

std::optional<std::string> describeQuanto(const Siblings& siblings) {
  if (siblings.name() != "_data" || !isFloat(siblings.find("_scale"))) return std::nullopt;
  return isByte(siblings.array()) || siblings.array().dtype.starts_with("float8")
             ? std::optional<std::string>("")
             : std::nullopt;
}

std::optional<std::string> describeHqq(const Siblings& siblings) {
  if (siblings.name() != "W_q" || siblings.find("scale") == nullptr) return std::nullopt;
  return "";
}

std::optional<std::string> describeAqlm(const Siblings& siblings) {
  if (siblings.name() != "codes" || !isFloat(siblings.find("codebooks"))) return std::nullopt;
  return "";
}

std::optional<std::string> describeExl2(const Siblings& siblings) {
  if (siblings.name() != "q_weight" || siblings.find("q_scale") == nullptr) return std::nullopt;
  return "";
}

/// Two four-bit codes a byte, X [out, in / 2], with X_scale float8 [out, in / 16].
std::optional<std::string> describeNvfp4(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  const StoredArray* scales = siblings.find("*_scale");
  if (codes.dtype != "uint8" || !isMatrix(&codes) || !isMatrix(scales) ||
      scales->dtype != "float8_e4m3fn") {
    return std::nullopt;
  }
  return detailOf(4, ratio(2 * colsOf(codes), colsOf(*scales)));
}

constexpr PartName kAnyScales[] = {
    {"*_scale", "scales"},
    {"*_scales", "scales"},
    {"*_scale_inv", "scales"},
    {"*.scale", "scales"},
    {"*_zero_point", "zero points"},
    {"*_zero", "zero points"},
    {"*_zeros", "zero points"},
    {"scales", "scales"},
    {"scale", "scales"},
    {"scale_inv", "scales"},
    {"zeros", "zero points"},
    {"qzeros", "zero points"},
    {"zero_point", "zero points"},
    {"biases", "offsets"},
    {"input_scale", "scale of inputs"},
    {"g_idx", "group numbers"},
    {"awq_scales", "scales of inputs"},
};

/// Integers of a matrix beside floats that are called their scales: by a format of no other row.
std::optional<std::string> describeScaledIntegers(const Siblings& siblings) {
  const std::string_view name = siblings.name();
  if (!isMatrix(&siblings.array()) || isFloat(&siblings.array())) return std::nullopt;
  const bool bare = name == "weight" || name == "qweight" || name == "kernel";
  for (const PartName& part : kAnyScales) {
    if (part.holds != "scales"sv || (!bare && part.name[0] != '*')) continue;
    if (isFloat(siblings.find(part.name))) return isByte(siblings.array()) ? "" : "packed";
  }
  return std::nullopt;
}

// ---- the table

constexpr PartName kGptqParts[] = {
    {"scales", "scales"}, {"qzeros", "zero points"}, {"g_idx", "group numbers"}};
constexpr PartName kCompressedParts[] = {
    {"weight_scale", "scales"},          {"weight_zero_point", "zero points"},
    {"weight_shape", "shape"},           {"weight_g_idx", "group numbers"},
    {"weight_global_scale", "scale"},    {"input_global_scale", "scale of inputs"},
    {"input_scale", "scale of inputs"},  {"input_zero_point", "zero point of inputs"},
    {"output_scale", "scale of outputs"}};
constexpr PartName kMlxParts[] = {{"scales", "scales"}, {"biases", "offsets"}};
constexpr PartName kBitsAndBytes4Parts[] = {{"*.absmax", "scales"},
                                            {"*.quant_map", "levels"},
                                            {"*.nested_absmax", "scales of its scales"},
                                            {"*.nested_quant_map", "levels of its scales"},
                                            {"*.quant_state.bitsandbytes__nf4", "description"},
                                            {"*.quant_state.bitsandbytes__fp4", "description"}};
constexpr PartName kBitsAndBytes8Parts[] = {
    {"SCB", "scales"}, {"*.SCB", "scales"}, {"weight_format", "description"}};
constexpr PartName kNvfp4Parts[] = {
    {"*_scale", "scales"}, {"*_scale_2", "scale"}, {"input_scale", "scale of inputs"}};
constexpr PartName kQuantoParts[] = {{"_scale", "scales"}, {"_shift", "offsets"}};
constexpr PartName kHqqParts[] = {
    {"scale", "scales"}, {"zero", "zero points"}, {"meta", "description"}};
constexpr PartName kAqlmParts[] = {{"codebooks", "levels"}, {"scales", "scales"}};
constexpr PartName kExl2Parts[] = {{"q_scale", "scales"},  {"q_scale_max", "scales of its scales"},
                                   {"q_groups", "groups"}, {"q_group_map", "group numbers"},
                                   {"q_perm", "order"},    {"q_invperm", "order"}};
constexpr PartName kGptOssParts[] = {{"%_scales", "scales"}};

constexpr std::array<QuantizedFormat, 16> kFormats = {{
    {"GPTQ", "quantized by GPTQ", kGptqParts, describeGptq, openGptq},
    {"AWQ", "quantized by AWQ", kGptqParts, describeAwq, openAwq},
    {"compressed-tensors", "quantized by compressed-tensors", kCompressedParts, describeCompressed,
     openCompressed},
    {"compressed-tensors", "quantized by compressed-tensors", kCompressedParts,
     describeCompressedBytes, openCompressedBytes},
    {"bitsandbytes", "quantized by bitsandbytes", kBitsAndBytes4Parts, describeBitsAndBytes4,
     openBitsAndBytes4},
    {"bitsandbytes", "quantized by bitsandbytes", kBitsAndBytes8Parts, describeBitsAndBytes8,
     openBitsAndBytes8},
    {"MLX", "quantized by MLX", kMlxParts, describeMlx, openMlx},
    {"Keras", "quantized by Keras", kKerasParts, describeKeras, openKeras},
    {"MXFP4", "quantized to MXFP4", kGptOssParts, describeGptOss, openGptOss},
    {"NVFP4", "quantized to NVFP4", kNvfp4Parts, describeNvfp4, openNvfp4},
    {"quanto", "quantized by quanto", kQuantoParts, describeQuanto},
    {"HQQ", "quantized by HQQ", kHqqParts, describeHqq},
    {"AQLM", "quantized by AQLM", kAqlmParts, describeAqlm},
    {"EXL2", "quantized by ExLlamaV2", kExl2Parts, describeExl2},
    {"neural-compressor", "quantized by neural-compressor", kGptqParts, describeInc, openInc},
    {"integers with scales", "quantized to integers with scales", kAnyScales,
     describeScaledIntegers},
}};

std::string_view lastOf(std::string_view path) {
  return path.substr(path.find_last_of("./+") + 1);  // npos + 1 is 0
}

}  // namespace

ArraysByPath::ArraysByPath(const StoredFile& file) : file_(file) {
  arrays_.reserve(file.arrays.size());
  for (const StoredArray& array : file.arrays) arrays_.emplace(array.path, &array);
  const std::string& config = file.modelConfig;
  isOnlyInt8_ =
      config.find("\"int8\"") != std::string::npos && config.find("\"int4") == std::string::npos;
}

const std::map<std::string, KerasPlace>& ArraysByPath::kerasPlaces() const {
  if (!places_) {
    places_ = std::make_shared<const std::map<std::string, KerasPlace>>(
        LayerClasses(file_, true).places());
  }
  return *places_;
}

const StoredArray* ArraysByPath::find(const std::string& path) const {
  const auto found = arrays_.find(path);
  return found == arrays_.end() ? nullptr : found->second;
}

Siblings::Siblings(const StoredFile& file, const ArraysByPath& index, const StoredArray& array)
    : file_(file),
      index_(index),
      array_(array),
      group_(std::string_view(array.path).substr(0, array.path.size() - lastOf(array.path).size())),
      name_(lastOf(array.path)) {}

const StoredArray* Siblings::find(std::string_view name) const {
  std::string path(group_);
  if (name.starts_with('*') || name.starts_with('%')) {
    path += name.front() == '*' ? name_ : name_.substr(0, name_.rfind('_'));
    name.remove_prefix(1);
  }
  return index_.find(path.append(name));
}

std::uint64_t groupSizeOf(std::uint64_t inputs, std::uint64_t groups) {
  if (groups <= 1 || groups > inputs) return 0;
  const std::uint64_t even = inputs % groups == 0 ? inputs / groups : 0;
  for (std::uint64_t size = 1; size < inputs; size *= 2) {
    const std::uint64_t covering = inputs / size + (inputs % size != 0 ? 1 : 0);
    if (covering == groups) return even == 0 || even == size ? size : 0;
  }
  return even;
}

std::span<const QuantizedFormat> quantizedFormats() {
  return kFormats;
}

}  // namespace quantoscope
