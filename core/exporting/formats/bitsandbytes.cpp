#include "core/exporting/formats/bitsandbytes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/exporting/bit_packing.h"
#include "core/exporting/rules.h"
#include "core/exporting/state_dict_parts.h"

namespace quantoscope {

namespace {

constexpr std::size_t kNestedBlock = 256;
constexpr std::size_t kLeastBlock = 32;
constexpr std::size_t kMostBlock = 4096;
constexpr std::size_t kPatterns = 16;

/// The levels by code, times `unit`: what a scale of ours is multiplied with.
struct QuantType {
  const char* name;
  std::array<float, kPatterns> levels;
  float unit;
};

/// Ascending, as the engine has them.
constexpr QuantType kNf4 = {
    "nf4",
    {-1.0F, -0.6961928009986877F, -0.5250730514526367F, -0.39491748809814453F,
     -0.28444138169288635F, -0.18477343022823334F, -0.09105003625154495F, 0.0F,
     0.07958029955625534F, 0.16093020141124725F, 0.24611230194568634F, 0.33791524171829224F,
     0.44070982933044434F, 0.5626170039176941F, 0.7229568362236023F, 1.0F},
    1};
/// By bit patterns, sign first; the last level of twelve is 1 in the file.
constexpr QuantType kFp4 = {"fp4",
                            {0.0F, 0.0625F, 8.0F, 12.0F, 4.0F, 6.0F, 2.0F, 3.0F, 0.0F, -0.0625F,
                             -8.0F, -12.0F, -4.0F, -6.0F, -2.0F, -3.0F},
                            12};

const QuantType* quantTypeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::Nf4:
      return &kNf4;
    case Dtype::Fp4:
    case Dtype::Fp4E2m1Bnb:
      return &kFp4;
    default:
      return nullptr;
  }
}

const QuantType& quantTypeOf(const QuantSpec& spec) {
  const QuantType* type = quantTypeOf(spec.dtype);
  return type == nullptr ? kNf4 : *type;
}

std::vector<float> quantMap(const QuantType& type) {
  std::vector<float> map(kPatterns);
  std::transform(type.levels.begin(), type.levels.end(), map.begin(),
                 [&](float level) { return level / type.unit; });
  return map;
}

// The dynamic type.

/// `count` numbers from 0.1 to 1 as a tensor library of vectors makes them: whole runs of 32, eight
/// at a time from a common begin, the rest one by one; from the nearer end.
std::vector<float> tenthToOne(std::size_t count) {
  constexpr std::size_t kVector = 8;
  constexpr std::size_t kRun = 4 * kVector;
  constexpr float kFirst = 0.1F;
  constexpr float kLast = 1.0F;
  const float step = (kLast - kFirst) / static_cast<float>(count - 1);
  const auto at = [&](std::size_t i) {
    return i < count / 2 ? std::fma(step, static_cast<float>(i), kFirst)
                         : std::fma(-step, static_cast<float>(count - 1 - i), kLast);
  };
  std::vector<float> values(count);
  const std::size_t inRuns = count / kRun * kRun;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t lane = i % kVector;
    const float product = step * static_cast<float>(lane);
    values[i] = i < inRuns ? at(i - lane) + product : at(i);
  }
  return values;
}

std::array<float, 256> makeDynamicMap() {
  constexpr int kExponents = 7;
  std::vector<float> levels = {0, 1};
  for (int i = 0; i < kExponents; ++i) {
    const std::vector<float> bounds = tenthToOne((std::size_t{1} << i) + 1);
    const auto power = static_cast<float>(std::pow(10.0, i - (kExponents - 1)));
    for (std::size_t k = 0; k + 1 < bounds.size(); ++k) {
      const float level = power * ((bounds[k] + bounds[k + 1]) / 2);
      levels.push_back(level);
      levels.push_back(-level);
    }
  }
  std::sort(levels.begin(), levels.end());
  std::array<float, 256> map{};
  std::copy(levels.begin(), levels.end(), map.begin());
  return map;
}

/// The index of the level nearest to t, the first of two.
std::uint8_t nearestLevel(float t) {
  const auto& map = dynamicMap();
  const auto above = std::lower_bound(map.begin(), map.end() - 1, t);
  if (above == map.begin()) return 0;
  const auto below = above - 1;
  const auto nearest = std::fabs(t - *below) <= std::fabs(t - *above) ? below : above;
  return static_cast<std::uint8_t>(nearest - map.begin());
}

// The check.

constexpr const char* kBlocks = "bitsandbytes, functional.py";

std::size_t blockOf(const QuantSpec& spec, std::size_t cols) {
  return layoutOf(spec, 1, cols).groupSize;
}

/// Why the target cannot carry a spec; "" where it can.
std::string objection(const QuantSpec& spec, std::size_t cols) {
  if (quantTypeOf(spec.dtype) == nullptr) {
    return std::string(nameOf(spec.dtype)) +
           " has no place in it; allowed are nf4 and fp4 (fp4_e2m1_bnb)";
  }
  const std::size_t block = blockOf(spec, cols);
  if (!std::has_single_bit(block) || block < kLeastBlock || block > kMostBlock) {
    return "groups of " + std::to_string(block) + "; allowed are powers of two from 32 to 4096";
  }
  if (cols % block != 0) {
    return "its blocks run on from row to row, so groups of " + std::to_string(block) +
           " do not fit rows of " + std::to_string(cols) + "; allowed are sizes that divide them";
  }
  if (spec.doubleQuant && *spec.doubleQuant != DoubleQuant{}) {
    return "double quantization of another kind than its own; allowed is int8 asym g256";
  }
  return "";
}

/// The nearest spec that it carries: the same levels or nf4, the largest block up to the wanted.
std::optional<QuantSpec> nearest(const QuantSpec& spec, std::size_t cols) {
  const Dtype dtype = quantTypeOf(spec.dtype) == nullptr ? Dtype::Nf4 : spec.dtype;
  const std::size_t wanted = std::max(blockOf(spec, cols), kLeastBlock);
  std::optional<QuantSpec> found;
  for (std::size_t block = kLeastBlock; block <= kMostBlock; block *= 2) {
    if (cols % block != 0 || (found && block > wanted)) continue;
    QuantSpec candidate = spec.withDtype(dtype);
    candidate.groupSize = static_cast<long long>(block);
    if (spec.doubleQuant) candidate.doubleQuant = DoubleQuant{};
    if (candidate.validate() && objection(candidate, cols).empty()) found = candidate;
  }
  return found;
}

std::vector<Remedy> remediesOf(const QuantSpec& spec, std::size_t cols) {
  std::vector<Remedy> remedies;
  if (const auto other = nearest(spec, cols)) remedies.push_back(Remedy::use(*other));
  remedies.push_back(Remedy::keepFloat());
  return remedies;
}

/// What the configuration says once for all layers.
std::string kindOf(const QuantSpec& spec) {
  return std::string(quantTypeOf(spec).name) + (spec.doubleQuant ? " nested" : "");
}

/// The configuration has one type of levels and one form of scales.
void agreeOverModel(RuleBook& book, const std::vector<PlannedTensor>& tensors) {
  const PlannedTensor* first = nullptr;
  for (const PlannedTensor& tensor : tensors) {
    if (!objection(tensor.spec, tensor.info.cols).empty()) continue;
    if (first == nullptr) {
      first = &tensor;
      continue;
    }
    if (kindOf(tensor.spec) == kindOf(first->spec)) continue;
    QuantSpec same = first->spec;
    same.groupSize = tensor.spec.groupSize;
    book.refuse(tensor.info.name,
                "is " + kindOf(tensor.spec) + ", and the configuration says " +
                    kindOf(first->spec) + ", as " + first->info.name +
                    " is; allowed is one for all",
                kBlocks, {Remedy::use(same), Remedy::keepFloat()});
  }
}

Findings checkBitsandbytes(const ModelHeader& header) {
  RuleBook book(header);
  keepUsualInFloat(book, "transformers, vLLM");
  refuseSharedNames(book);
  refuseParts(book);
  SharedNotes notes;
  std::vector<PlannedTensor> linear;
  for (const PlannedTensor& tensor : plannedTensors(header)) {
    if (roleOf(tensor.info) == TensorRole::Linear) linear.push_back(tensor);
  }
  for (const PlannedTensor& tensor : linear) {
    const std::string why = objection(tensor.spec, tensor.info.cols);
    if (!why.empty()) {
      book.refuse(tensor.info.name, why, kBlocks, remediesOf(tensor.spec, tensor.info.cols));
      continue;
    }
    if (tensor.spec.doubleQuant) {
      notes.add(tensor.info.name,
                "its scales get bitsandbytes' own nested form: 8-bit floats in blocks of 256",
                kBlocks);
    }
    if (blockOf(tensor.spec, tensor.info.cols) == kLeastBlock) {
      notes.add(tensor.info.name, "blocks of 32: bitsandbytes 0.50 reads them, older ones do not",
                kBlocks);
    }
  }
  agreeOverModel(book, linear);
  agreeWithinFused(
      book, [](const PlannedTensor& tensor) { return kindOf(tensor.spec); },
      "vLLM, bitsandbytes_loader");
  noteTransposed(header, notes);
  notes.into(book);
  return book.take();
}

// The arrays.

/// Of the longest number that a JSON text may have: "-1.2345678901234567e-308".
constexpr std::size_t kLongestNumber = 24;

/// The text as Python's json writes it, up to the offset of nested scales.
std::string stateBegin(const TensorInfo& info, const QuantSpec& spec) {
  const auto number = [](std::uint64_t value) { return std::to_string(value); };
  std::string text = std::string("{\"quant_type\": \"") + quantTypeOf(spec).name +
                     "\", \"blocksize\": " + number(blockOf(spec, info.cols)) + ", \"dtype\": \"" +
                     nameOf(storedScaleType(info)) + "\", \"shape\": [" + number(info.rows) + ", " +
                     number(info.cols) + "]";
  if (spec.doubleQuant) {
    text += ", \"nested_blocksize\": " + number(kNestedBlock) +
            ", \"nested_dtype\": \"float32\", \"nested_offset\": ";
  }
  return text;
}

std::size_t stateLength(const TensorInfo& info, const QuantSpec& spec) {
  return stateBegin(info, spec).size() + 1 + (spec.doubleQuant ? kLongestNumber : 0);
}

/// `offset` is null for plain scales. Spaces behind JSON mean nothing to who reads it.
std::vector<std::byte> stateText(const TensorInfo& info, const QuantSpec& spec,
                                 const float* offset) {
  std::string text = stateBegin(info, spec);
  if (offset != nullptr) text += Json(static_cast<double>(*offset)).text(-1);
  text += '}';
  text.resize(stateLength(info, spec), ' ');
  return bytesOf(std::vector<char>(text.begin(), text.end()));
}

std::vector<PlannedArray> planArrays(const TensorInfo& info, const QuantSpec& spec) {
  const std::string weight = moduleOf(info.name) + ".weight";
  const std::uint64_t count = std::uint64_t{info.rows} * info.cols;
  const std::uint64_t blocks = layoutOf(spec, info.rows, info.cols).groups();
  std::vector<PlannedArray> arrays = {
      {weight, "U8", {(count + 1) / 2, 1}},
      {weight + ".absmax", spec.doubleQuant ? "U8" : "F32", {blocks}},
      {weight + ".quant_map", "F32", {kPatterns}}};
  if (spec.doubleQuant) {
    arrays.push_back(
        {weight + ".nested_absmax", "F32", {(blocks + kNestedBlock - 1) / kNestedBlock}});
    arrays.push_back({weight + ".nested_quant_map", "F32", {dynamicMap().size()}});
  }
  arrays.push_back({weight + ".quant_state.bitsandbytes__" + quantTypeOf(spec).name,
                    "U8",
                    {stateLength(info, spec)}});
  return arrays;
}

/// The patterns of the engine's codes, by the low four bits of these. A zero is never negative.
std::array<std::uint8_t, kPatterns> patternsOf(const QuantSpec& spec) {
  const Codebook& book = codebookOf(spec.dtype);
  const QuantType& type = quantTypeOf(spec);
  std::array<std::uint8_t, kPatterns> patterns{};
  for (std::size_t i = 0; i < book.levels.size(); ++i) {
    const auto* found = std::find(type.levels.begin(), type.levels.end(), book.levels[i]);
    const auto code = static_cast<unsigned>(book.codes[i]) % kPatterns;
    patterns[code] = static_cast<std::uint8_t>(found - type.levels.begin());
  }
  return patterns;
}

std::vector<std::byte> packedCodes(const ExportTensor& tensor, const Executor& executor) {
  std::vector<std::uint8_t> codes = unsignedCodes(tensor, false, executor);
  const auto patterns = patternsOf(tensor.quantized.spec);
  std::vector<std::uint8_t> bytes((codes.size() + 1) / 2);
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  const Status done =
      executor.forEachBlock((codes.size() + kPiece - 1) / kPiece, [&](std::size_t block) {
        const auto piece = std::span(codes).subspan(
            block * kPiece, std::min(kPiece, codes.size() - block * kPiece));
        for (std::uint8_t& code : piece) code = patterns[code % kPatterns];
        packNibbles(FirstNibble::High, piece, bytes.data() + block * kPiece / 2);
      });
  (void)done;  // nobody cancels it
  return bytesOf(bytes);
}

/// The largest magnitude of each block as its scale tells it. Of fp4, a twelfth of a number times
/// twelve is that number again, in float32 too (Goldberg 1991, theorem 7).
std::vector<float> absmaxOf(const QuantSpec& spec, const GroupParameters& parameters) {
  const float unit = quantTypeOf(spec).unit;
  std::vector<float> absmax(parameters.scale.size());
  std::transform(parameters.scale.begin(), parameters.scale.end(), absmax.begin(),
                 [unit](float scale) { return scale * unit; });
  return absmax;
}

PackedArrays packTensor(const ExportTensor& tensor, const std::vector<PlannedArray>&,
                        const Executor& executor) {
  const QuantSpec& spec = tensor.quantized.spec;
  const std::vector<float> absmax = absmaxOf(spec, tensor.quantized.parameters);
  const std::vector<float> levels = quantMap(quantTypeOf(spec));
  std::vector<std::byte> codes = packedCodes(tensor, executor);
  if (!spec.doubleQuant) {
    return {std::move(codes), bytesOf(absmax), bytesOf(levels),
            stateText(tensor.info, spec, nullptr)};
  }
  const NestedScales nested = NestedScales::of(absmax);
  const std::vector<float> map(dynamicMap().begin(), dynamicMap().end());
  return {std::move(codes), bytesOf(nested.codes),
          bytesOf(levels),  bytesOf(nested.absmax),
          bytesOf(map),     stateText(tensor.info, spec, &nested.offset)};
}

void storeScales(const TensorInfo&, const QuantSpec& spec, GroupParameters& parameters) {
  if (!spec.doubleQuant) return;
  const NestedScales nested = NestedScales::of(absmaxOf(spec, parameters));
  std::vector<float> stored(parameters.scale.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    stored[i] = nested.at(i) / quantTypeOf(spec).unit;
  }
  parameters.decodeScale = std::move(stored);
}

Json configOf(const ModelHeader& header) {
  const QuantSpec spec =
      header.tensors.empty() ? QuantSpec{} : header.plan.specFor(header.tensors.front().name);
  return Json::object({{"quant_method", "bitsandbytes"},
                       {"load_in_4bit", true},
                       {"load_in_8bit", false},
                       {"bnb_4bit_quant_type", quantTypeOf(spec).name},
                       {"bnb_4bit_use_double_quant", spec.doubleQuant.has_value()},
                       {"bnb_4bit_compute_dtype", "bfloat16"},
                       {"bnb_4bit_quant_storage", "uint8"},
                       {"llm_int8_skip_modules", Json::arrayOf(unquantizedLinears(header))}});
}

Result<std::unique_ptr<TensorSink>> createFolder(const OutputPath& path, const ModelHeader& header,
                                                 const Executor& executor) {
  return createStateDict(bitsandbytesLayout(), path, header, executor);
}

Result<std::uint64_t> folderSize(const ModelHeader& header) {
  return stateDictSize(bitsandbytesLayout(), header);
}

}  // namespace

const std::array<float, 256>& dynamicMap() {
  static const std::array<float, 256> map = makeDynamicMap();
  return map;
}

NestedScales NestedScales::of(std::span<const float> scales) {
  NestedScales nested;
  if (scales.empty()) return nested;
  double sum = 0;
  for (const float scale : scales) sum += scale;
  nested.offset = static_cast<float>(sum / static_cast<double>(scales.size()));
  nested.codes.resize(scales.size());
  for (std::size_t begin = 0; begin < scales.size(); begin += kNestedBlock) {
    const std::size_t end = std::min(scales.size(), begin + kNestedBlock);
    float largest = 0;
    for (std::size_t i = begin; i < end; ++i) {
      largest = std::max(largest, std::fabs(scales[i] - nested.offset));
    }
    const float inverse = largest > 0 ? 1 / largest : 0;
    for (std::size_t i = begin; i < end; ++i) {
      const float t = (scales[i] - nested.offset) * inverse;
      nested.codes[i] = nearestLevel(std::clamp(t, -1.0F, 1.0F));
    }
    nested.absmax.push_back(largest);
  }
  return nested;
}

float NestedScales::at(std::size_t i) const {
  const float centred = dynamicMap()[codes[i]] * absmax[i / kNestedBlock];
  return centred + offset;
}

const StateDictFormat& bitsandbytesLayout() {
  static const StateDictFormat layout{planArrays, packTensor, configOf};
  return layout;
}

ExportFormat bitsandbytesFormat() {
  return {.id = "bitsandbytes",
          .title = "bitsandbytes 4-bit",
          .suffix = "",
          .tip = "A model folder for transformers and vLLM: nf4 or fp4, plain or nested scales",
          .content = ExportContent::Tensors,
          .check = checkBitsandbytes,
          .create = createFolder,
          .wholeModel = true,
          .sizeOf = folderSize,
          .storeScales = storeScales};
}

}  // namespace quantoscope
