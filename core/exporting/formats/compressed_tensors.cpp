#include "core/exporting/formats/compressed_tensors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "core/exporting/bit_packing.h"
#include "core/exporting/rules.h"
#include "core/exporting/state_dict_parts.h"
#include "core/kernels/scale_formats.h"

namespace quantoscope {

namespace {

/// The ways in which a layer is stored, and what the configuration calls them.
enum class Storage { Packed, Nvfp4, Mxfp4, Mxfp8, Float8 };

const char* formatName(Storage storage) {
  switch (storage) {
    case Storage::Packed:
      return "pack-quantized";
    case Storage::Nvfp4:
      return "nvfp4-pack-quantized";
    case Storage::Mxfp4:
      return "mxfp4-pack-quantized";
    case Storage::Mxfp8:
      return "mxfp8-quantized";
    case Storage::Float8:
      return "float-quantized";
  }
  return "";
}

std::optional<Storage> storageOf(const QuantSpec& spec) {
  switch (spec.dtype) {
    case Dtype::Int:
      return Storage::Packed;
    case Dtype::Nvfp4:
      return Storage::Nvfp4;
    case Dtype::Mxfp4:
      return Storage::Mxfp4;
    case Dtype::Mxfp8:
      return Storage::Mxfp8;
    case Dtype::Fp8E4m3fn:
      return Storage::Float8;
    default:
      return std::nullopt;
  }
}

/// What a config group says of the weights. The group size is 0 where each row is a group.
struct WeightScheme {
  Storage storage = Storage::Packed;
  int bits = 4;
  bool symmetric = true;
  long long groupSize = 0;

  bool operator==(const WeightScheme&) const = default;
  std::string text() const {
    const std::string group = groupSize == 0 ? " channel" : " g" + std::to_string(groupSize);
    return std::string(formatName(storage)) + " " + std::to_string(bits) + " bits" + group +
           (symmetric ? " sym" : " asym");
  }
};

bool isWholeRow(const QuantSpec& spec, std::size_t cols) {
  return spec.groupSize < 0 || static_cast<std::size_t>(spec.groupSize) > cols;
}

WeightScheme schemeOf(const QuantSpec& spec, std::size_t cols) {
  const Storage storage = storageOf(spec).value_or(Storage::Packed);
  const bool channel = storage == Storage::Float8 || isWholeRow(spec, cols);
  return {storage, spec.bits, spec.isFloat() || spec.scheme == Scheme::Sym,
          channel ? 0 : spec.groupSize};
}

// The check.

constexpr const char* kPackage = "compressed-tensors";
constexpr const char* kFusing = "vLLM, compressed_tensors/utils.py";
constexpr const char* kMarlin = "vLLM, marlin_utils";

/// Why the target cannot carry a spec, and who says so; nothing where it can.
struct Objection {
  std::string text;
  std::string rule = {};
};

std::optional<Objection> objectionTo(const QuantSpec& spec, std::size_t cols) {
  const auto storage = storageOf(spec);
  if (!storage) {
    return Objection{std::string(nameOf(spec.dtype)) +
                     " has no place in it; allowed are int, mxfp4, mxfp8, nvfp4 and fp8_e4m3fn"};
  }
  if (spec.doubleQuant) {
    return Objection{"double-quantized scales have no place in it; allowed are plain ones"};
  }
  if (*storage == Storage::Packed && spec.bits == 1 && spec.scheme == Scheme::Sym) {
    return Objection{"1 bit sym has the code 1, which a signed bit does not hold; allowed is asym"};
  }
  const bool wholeRow = isWholeRow(spec, cols);
  const auto size = static_cast<std::size_t>(spec.groupSize);
  const std::string rows = "rows of " + std::to_string(cols);
  if (*storage == Storage::Float8) {
    if (wholeRow || size == cols) return std::nullopt;
    return Objection{"fp8_e4m3fn in groups; allowed is one scale a row, group size -1"};
  }
  if (*storage != Storage::Packed) {
    if (cols % size == 0) return std::nullopt;
    return Objection{
        rows + "; allowed with " + nameOf(spec.dtype) + " are multiples of " + std::to_string(size),
        "vLLM, compressed_tensors.py"};
  }
  if (wholeRow || cols % size == 0) return std::nullopt;
  return Objection{"groups of " + std::to_string(size) + " leave a tail in " + rows +
                       "; allowed are sizes that divide them, and -1",
                   "compressed-tensors #353"};
}

std::vector<Remedy> remediesOf(const QuantSpec& spec, std::size_t cols) {
  const auto allowed = [cols](const QuantSpec& other) { return !objectionTo(other, cols); };
  std::vector<Remedy> remedies = remediesFor(spec, cols, allowed);
  QuantSpec channel = spec;
  channel.groupSize = -1;
  channel.doubleQuant.reset();
  if (spec.dtype == Dtype::Fp8E4m3fn && allowed(channel)) {
    remedies.insert(remedies.begin(), Remedy::use(channel));
  }
  return remedies;
}

/// What loaders make of layers that the format carries.
void noteLimits(const PlannedTensor& tensor, SharedNotes& notes) {
  const std::string& name = tensor.info.name;
  const QuantSpec& spec = tensor.spec;
  if (spec.dtype == Dtype::Fp8E4m3fn) {
    notes.add(name, "inputs stay as they are: vLLM runs it as W8A16",
              "vLLM, compressed_tensors.py");
  }
  if (spec.dtype == Dtype::Mxfp8) {
    notes.add(name, "mxfp8-quantized is new: compressed-tensors 0.18 reads it", kPackage);
  }
  if (spec.dtype != Dtype::Int) return;
  const std::string bits = std::to_string(spec.bits) + (spec.bits == 1 ? " bit" : " bits");
  if (32 % spec.bits != 0) {
    notes.add(name, bits + ": packed densely, which compressed-tensors reads from 0.17 on",
              "compressed-tensors 3f01c782");
  }
  const bool asym = spec.scheme == Scheme::Asym;
  if (spec.bits != 4 && spec.bits != 8) {
    notes.add(name,
              bits + (asym ? " asym: vLLM runs 4 and 8 bits asym"
                           : ": vLLM runs 4 and 8 bits, 2 to 8 with its Humming kernel"),
              "vLLM, compressed_tensors_wNa16");
  }
  if (asym && isExpert(tensor.info)) {
    notes.add(name, "asym experts: vLLM runs mixtures of experts with sym only",
              "vLLM, compressed_tensors_moe; llm-compressor #2628");
  }
  const bool wholeRow = isWholeRow(spec, tensor.info.cols);
  if (!wholeRow && spec.groupSize != 32 && spec.groupSize != 64 && spec.groupSize != 128) {
    notes.add(name,
              "groups of " + std::to_string(spec.groupSize) +
                  ": vLLM's Marlin kernel takes 32, 64, 128 and whole rows",
              kMarlin);
  }
  if (tensor.info.rows % 64 != 0 || tensor.info.cols % 128 != 0) {
    notes.add(name,
              "vLLM's Marlin kernel takes outputs in multiples of 64 and inputs in multiples of "
              "128, of each part where tensors are split",
              kMarlin);
  }
}

Findings checkCompressedTensors(const ModelHeader& header) {
  RuleBook book(header);
  keepUsualInFloat(book, "vLLM, transformers");
  refuseSharedNames(book);
  refuseParts(book);
  SharedNotes notes;
  for (const PlannedTensor& tensor : plannedTensors(header)) {
    if (roleOf(tensor.info) != TensorRole::Linear) continue;
    if (const auto why = objectionTo(tensor.spec, tensor.info.cols)) {
      book.refuse(tensor.info.name, why->text, why->rule,
                  remediesOf(tensor.spec, tensor.info.cols));
    } else {
      noteLimits(tensor, notes);
    }
  }
  const auto signature = [](const PlannedTensor& tensor) {
    return schemeOf(tensor.spec, tensor.info.cols).text();
  };
  agreeWithinFused(book, signature, kFusing);
  agreeAmongExperts(book, ExpertsAlike::All, signature, "vLLM, compressed_tensors_moe");
  noteTransposed(header, notes);
  notes.into(book);
  return book.take();
}

// The arrays.

std::vector<PlannedArray> planArrays(const TensorInfo& info, const QuantSpec& spec) {
  const std::string weight = moduleOf(info.name) + ".weight";
  const std::string scaleType = safetensorsType(nameOf(storedScaleType(info)));
  const std::uint64_t out = info.rows;
  const std::uint64_t in = info.cols;
  const std::uint64_t groups = layoutOf(spec, out, in).groupsPerRow();
  switch (storageOf(spec).value_or(Storage::Packed)) {
    case Storage::Nvfp4:
      return {{weight + "_packed", "U8", {out, in / 2}},
              {weight + "_scale", "F8_E4M3", {out, groups}},
              {weight + "_global_scale", "F32", {1}}};
    case Storage::Mxfp4:
      return {{weight + "_packed", "U8", {out, in / 2}}, {weight + "_scale", "U8", {out, groups}}};
    case Storage::Mxfp8:
      return {{weight, "F8_E4M3", {out, in}}, {weight + "_scale", "U8", {out, groups}}};
    case Storage::Float8:
      return {{weight, "F8_E4M3", {out, in}}, {weight + "_scale", scaleType, {out, groups}}};
    case Storage::Packed:
      break;
  }
  const auto words = [&](std::uint64_t count) {
    return std::uint64_t{wordsOf(WordOrder::Dense, spec.bits, static_cast<std::size_t>(count))};
  };
  std::vector<PlannedArray> arrays = {{weight + "_packed", "I32", {out, words(in)}},
                                      {weight + "_scale", scaleType, {out, groups}},
                                      {weight + "_shape", "I64", {2}}};
  if (spec.scheme == Scheme::Asym) {
    arrays.push_back({weight + "_zero_point", "I32", {words(out), groups}});
  }
  return arrays;
}

/// Calls pack(codes of a row, row) for all rows, on several threads.
template <typename Pack>
void forEachRow(const std::vector<std::uint8_t>& codes, const GroupLayout& layout,
                const Executor& executor, Pack pack) {
  constexpr std::size_t kRows = 16;
  const Status done =
      executor.forEachBlock((layout.rows + kRows - 1) / kRows, [&](std::size_t block) {
        const std::size_t end = std::min(layout.rows, (block + 1) * kRows);
        for (std::size_t r = block * kRows; r < end; ++r) {
          pack(std::span(codes).subspan(r * layout.cols, layout.cols), r);
        }
      });
  (void)done;  // nobody cancels it
}

/// A stream of words a row.
std::vector<std::uint32_t> packedRows(int bits, const std::vector<std::uint8_t>& codes,
                                      const GroupLayout& layout, const Executor& executor) {
  const std::size_t perRow = wordsOf(WordOrder::Dense, bits, layout.cols);
  std::vector<std::uint32_t> words(layout.rows * perRow);
  forEachRow(codes, layout, executor, [&](std::span<const std::uint8_t> row, std::size_t r) {
    packWords(WordOrder::Dense, bits, row, words.data() + r * perRow);
  });
  return words;
}

/// Zero points [rows, groups], a stream of words down each column.
std::vector<std::uint32_t> packedZeroPoints(int bits, const GroupParameters& parameters) {
  const std::size_t rows = parameters.layout.rows;
  const std::size_t groups = parameters.layout.groupsPerRow();
  const std::size_t perColumn = wordsOf(WordOrder::Dense, bits, rows);
  std::vector<std::uint32_t> words(perColumn * groups);
  std::vector<std::uint8_t> column(rows);
  std::vector<std::uint32_t> packed(perColumn);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t r = 0; r < rows; ++r) {
      column[r] = static_cast<std::uint8_t>(parameters.zeroPoint[r * groups + g]);
    }
    packWords(WordOrder::Dense, bits, column, packed.data());
    for (std::size_t w = 0; w < perColumn; ++w) words[w * groups + g] = packed[w];
  }
  return words;
}

std::vector<std::byte> packedNibbles(const std::vector<std::uint8_t>& codes,
                                     const GroupLayout& layout, const Executor& executor) {
  std::vector<std::uint8_t> bytes(layout.rows * layout.cols / 2);
  forEachRow(codes, layout, executor, [&](std::span<const std::uint8_t> row, std::size_t r) {
    packNibbles(FirstNibble::Low, row, bytes.data() + r * layout.cols / 2);
  });
  return bytesOf(bytes);
}

/// What weight_global_scale says, which divides the scales of the groups.
float globalScale(const GroupParameters& parameters) {
  return 1 / parameters.tensorScale;
}

/// The scale of a group as an fp8 number.
float blockScale(const GroupParameters& parameters, std::size_t group) {
  return kernels::e4m3Rounded(parameters.scale[group] / parameters.tensorScale);
}

/// The pattern of an fp8 e4m3 number above 0: a subnormal is a multiple of 2^-9.
std::uint8_t e4m3Pattern(float value) {
  constexpr int kBias = 7;
  constexpr float kSmallestNormal = 0x1p-6F;
  if (value < kSmallestNormal) return static_cast<std::uint8_t>(std::ldexp(value, 9));
  const int exponent = std::ilogb(value);
  const auto mantissa = static_cast<int>(std::ldexp(value, 3 - exponent)) - 8;
  return static_cast<std::uint8_t>((exponent + kBias) << 3 | mantissa);
}

std::vector<std::byte> blockScales(const GroupParameters& parameters) {
  std::vector<std::uint8_t> patterns(parameters.scale.size());
  for (std::size_t g = 0; g < patterns.size(); ++g) {
    patterns[g] = e4m3Pattern(blockScale(parameters, g));
  }
  return bytesOf(patterns);
}

/// Powers of two as their exponents + 127.
std::vector<std::byte> exponents(const std::vector<float>& scales) {
  std::vector<std::uint8_t> stored(scales.size());
  std::transform(scales.begin(), scales.end(), stored.begin(),
                 [](float scale) { return static_cast<std::uint8_t>(std::ilogb(scale) + 127); });
  return bytesOf(stored);
}

PackedArrays packTensor(const ExportTensor& tensor, const std::vector<PlannedArray>& plan,
                        const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  const QuantSpec& spec = tensor.quantized.spec;
  const std::vector<std::uint8_t> codes = unsignedCodes(tensor, false, executor);
  const auto scales = [&] {
    return storedBytes(storedScaleType(tensor.info), parameters.decoding());
  };
  switch (storageOf(spec).value_or(Storage::Packed)) {
    case Storage::Nvfp4:
      return {packedNibbles(codes, layout, executor), blockScales(parameters),
              storedBytes(StoredType::Float32, std::vector{globalScale(parameters)})};
    case Storage::Mxfp4:
      return {packedNibbles(codes, layout, executor), exponents(parameters.decoding())};
    case Storage::Mxfp8:
      return {bytesOf(codes), exponents(parameters.decoding())};
    case Storage::Float8:
      return {bytesOf(codes), scales()};
    case Storage::Packed:
      break;
  }
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(layout.rows),
                                           static_cast<std::int64_t>(layout.cols)};
  PackedArrays arrays = {bytesOf(packedRows(spec.bits, codes, layout, executor)), scales(),
                         bytesOf(shape)};
  if (plan.size() > arrays.size()) {
    arrays.push_back(bytesOf(packedZeroPoints(spec.bits, parameters)));
  }
  return arrays;
}

void storeScales(const TensorInfo& info, const QuantSpec& spec, GroupParameters& parameters) {
  switch (storageOf(spec).value_or(Storage::Packed)) {
    case Storage::Mxfp4:
    case Storage::Mxfp8:
      return;
    case Storage::Packed:
    case Storage::Float8:
      return roundScales(storedScaleType(info), parameters);
    case Storage::Nvfp4:
      break;
  }
  std::vector<float> stored(parameters.scale.size());
  for (std::size_t g = 0; g < stored.size(); ++g) {
    stored[g] = blockScale(parameters, g) / globalScale(parameters);
  }
  parameters.decodeScale = std::move(stored);
}

// The configuration.

Json weightsOf(const WeightScheme& scheme) {
  const bool channel = scheme.groupSize == 0;
  const bool nvfp4 = scheme.storage == Storage::Nvfp4;
  Json weights =
      Json::object({{"num_bits", scheme.bits},
                    {"type", scheme.storage == Storage::Packed ? "int" : "float"},
                    {"symmetric", scheme.symmetric},
                    {"strategy", channel ? "channel" : (nvfp4 ? "tensor_group" : "group")},
                    {"group_size", channel ? Json() : Json(std::int64_t{scheme.groupSize})},
                    {"dynamic", false}});
  if (nvfp4) weights.set("scale_dtype", "torch.float8_e4m3fn");
  if (scheme.storage == Storage::Mxfp4 || scheme.storage == Storage::Mxfp8) {
    weights.set("scale_dtype", "torch.uint8");
  }
  return weights;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    if (!plain && static_cast<unsigned char>(c) < 0x80) result += '\\';
    result += c;
  }
  return result;
}

/// The last component of a name.
std::string ownName(const std::string& module) {
  return module.substr(module.rfind('.') + 1);
}

/// One target for each module, or for all modules that loaders fuse, under any of their names.
std::vector<std::string> targetsOf(const std::vector<std::string>& modules) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<std::string>> parts;  // of a fused module, or of one alone
  for (const std::string& module : modules) {
    const std::string fused = fusedModuleOf(module);
    const std::string& key = fused.empty() ? module : fused;
    if (!parts.contains(key)) order.push_back(key);
    parts[key].push_back(module);
  }
  std::vector<std::string> targets;
  for (const std::string& key : order) {
    const std::vector<std::string>& members = parts[key];
    if (members.front() == key) {
      targets.push_back("re:^" + escaped(key) + "$");
      continue;
    }
    std::string names;
    for (const std::string& member : members) names += escaped(ownName(member)) + "|";
    const std::string parent = key.substr(0, key.size() - ownName(key).size());
    targets.push_back("re:^" + escaped(parent) + "(" + names + escaped(ownName(key)) + ")$");
  }
  return targets;
}

Json groupOf(const WeightScheme& scheme, const std::vector<std::string>& targets) {
  return Json::object({{"targets", Json::arrayOf(targets)},
                       {"input_activations", nullptr},
                       {"output_activations", nullptr},
                       {"weights", weightsOf(scheme)}});
}

/// The distinct schemes of a model in the order in which they come up, with their modules.
std::vector<std::pair<WeightScheme, std::vector<std::string>>> schemesOf(
    const ModelHeader& header) {
  std::vector<std::pair<WeightScheme, std::vector<std::string>>> schemes;
  for (const PlannedTensor& tensor : plannedTensors(header)) {
    const WeightScheme scheme = schemeOf(tensor.spec, tensor.info.cols);
    auto found = std::find_if(schemes.begin(), schemes.end(),
                              [&](const auto& other) { return other.first == scheme; });
    if (found == schemes.end()) found = schemes.insert(schemes.end(), {scheme, {}});
    found->second.push_back(moduleOf(tensor.info.name));
  }
  return schemes;
}

Json configOf(const ModelHeader& header) {
  const auto schemes = schemesOf(header);
  Json groups = Json::object();
  std::set<std::string> formats;
  for (std::size_t i = 0; i < schemes.size(); ++i) {
    const auto& [scheme, modules] = schemes[i];
    formats.insert(formatName(scheme.storage));
    const bool uniform = schemes.size() == 1;
    Json group = groupOf(scheme, uniform ? std::vector<std::string>{"Linear"} : targetsOf(modules));
    if (!uniform) group.set("format", formatName(scheme.storage));
    groups.set("group_" + std::to_string(i), std::move(group));
  }
  // compressors/format.py: one format is the model's, of several none is.
  const std::string format = formats.size() == 1 ? *formats.begin() : "mixed-precision";
  return Json::object({{"quant_method", kPackage},
                       {"format", format},
                       {"quantization_status", "compressed"},
                       {"ignore", Json::arrayOf(unquantizedLinears(header))},
                       {"config_groups", std::move(groups)}});
}

Result<std::unique_ptr<TensorSink>> createFolder(const OutputPath& path, const ModelHeader& header,
                                                 const Executor& executor) {
  return createStateDict(compressedTensorsLayout(), path, header, executor);
}

Result<std::uint64_t> folderSize(const ModelHeader& header) {
  return stateDictSize(compressedTensorsLayout(), header);
}

}  // namespace

const StateDictFormat& compressedTensorsLayout() {
  static const StateDictFormat layout{planArrays, packTensor, configOf};
  return layout;
}

ExportFormat compressedTensorsFormat() {
  return {.id = "compressed-tensors",
          .title = "compressed-tensors",
          .suffix = "",
          .tip = "A model folder for vLLM and transformers: 1 to 8 bits, NVFP4, MXFP4, MXFP8, fp8",
          .content = ExportContent::Tensors,
          .check = checkCompressedTensors,
          .create = createFolder,
          .wholeModel = true,
          .sizeOf = folderSize,
          .storeScales = storeScales,
          .sharesTensorScale = true};
}

}  // namespace quantoscope
