#include "core/exporting/formats/mlx.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "core/exporting/bit_packing.h"
#include "core/exporting/rules.h"
#include "core/exporting/state_dict_parts.h"

namespace quantoscope {

namespace {

constexpr std::size_t kLeastBlock = 32;
constexpr std::array<std::size_t, 3> kBlocks = {128, 64, 32};
constexpr float kLargestHalf = 65504;
constexpr int kFloatBits = 24;  // significant ones of float32

enum class Mode { Affine, Mxfp4, Mxfp8 };

const char* nameOf(Mode mode) {
  switch (mode) {
    case Mode::Affine:
      return "affine";
    case Mode::Mxfp4:
      return "mxfp4";
    case Mode::Mxfp8:
      return "mxfp8";
  }
  return "";
}

std::optional<Mode> modeOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::Int:
      return Mode::Affine;
    case Dtype::Mxfp4:
      return Mode::Mxfp4;
    case Dtype::Mxfp8:
      return Mode::Mxfp8;
    default:
      return std::nullopt;
  }
}

/// What a layer's entry in the configuration says.
struct LayerScheme {
  Mode mode = Mode::Affine;
  int bits = 4;
  std::size_t block = 64;

  bool operator==(const LayerScheme&) const = default;
  std::string text() const {
    return std::string(nameOf(mode)) + " " + std::to_string(bits) + " bits g" +
           std::to_string(block);
  }
};

/// How many bits a code takes there.
int storedBits(int bits) {
  if (bits == 1) return 2;
  return bits == 7 ? 8 : bits;
}

/// The largest block that groups and rows are multiples of; 0 for none.
std::size_t blockOf(const QuantSpec& spec, std::size_t cols) {
  const std::size_t group = layoutOf(spec, 1, cols).groupSize;
  for (const std::size_t block : kBlocks) {
    if (group % block == 0 && cols % block == 0) return block;
  }
  return 0;
}

LayerScheme schemeOf(const QuantSpec& spec, std::size_t cols) {
  const Mode mode = modeOf(spec.dtype).value_or(Mode::Affine);
  if (mode != Mode::Affine) return {mode, spec.bits, kLeastBlock};
  return {mode, storedBits(spec.bits), std::max(blockOf(spec, cols), kLeastBlock)};
}

// The check.

/// Why the target cannot carry a spec; "" where it can.
std::string objection(const QuantSpec& spec, std::size_t cols) {
  if (spec.dtype == Dtype::Nvfp4) {
    return "its layers have no place for the scale of the tensor; allowed are int, mxfp4 and mxfp8";
  }
  if (!modeOf(spec.dtype)) {
    return std::string(nameOf(spec.dtype)) +
           " has no place in it; allowed are int, mxfp4 and mxfp8";
  }
  if (spec.doubleQuant)
    return "double-quantized scales have no place in it; allowed are plain ones";
  if (cols % kLeastBlock != 0) {
    return "rows of " + std::to_string(cols) + "; allowed are multiples of 32";
  }
  if (blockOf(spec, cols) == 0) {
    return "groups of " + std::to_string(spec.groupSize) +
           "; allowed are multiples of 32, and whole rows";
  }
  return "";
}

std::vector<Remedy> remediesOf(const QuantSpec& spec, std::size_t cols) {
  const auto allowed = [cols](const QuantSpec& other) { return objection(other, cols).empty(); };
  std::vector<Remedy> remedies = remediesFor(spec, cols, allowed);
  const QuantSpec mxfp4 = spec.withDtype(Dtype::Mxfp4);
  if (spec.dtype == Dtype::Nvfp4 && allowed(mxfp4)) {
    remedies.insert(remedies.begin(), Remedy::use(mxfp4));
  }
  return remedies;
}

void noteCosts(const PlannedTensor& tensor, SharedNotes& notes) {
  const QuantSpec& spec = tensor.spec;
  if (spec.dtype != Dtype::Int) return;
  const std::string& name = tensor.info.name;
  const LayerScheme scheme = schemeOf(spec, tensor.info.cols);
  if (scheme.bits != spec.bits) {
    notes.add(name,
              std::to_string(spec.bits) + "-bit codes take " + std::to_string(scheme.bits) +
                  " bits there",
              "mlx, ops.cpp");
  }
  if (tensor.layout.groupSize != scheme.block) {
    notes.add(
        name,
        "a scale is repeated for each " + std::to_string(scheme.block) + " weights of a group",
        "mlx, ops.cpp");
  }
  const StoredType type = storedScaleType(tensor.info);
  if (scheme.bits == 8 && type != StoredType::Float32) {
    const bool half = type == StoredType::Float16;
    notes.add(name,
              std::string("8 bits in ") + nameOf(type) +
                  ": mlx rounds scale * code and the sum to it, up to " +
                  (half ? "0.12 of a step" : "half a step"),
              "mlx, quantized.cpp");
  }
}

Findings checkMlx(const ModelHeader& header) {
  RuleBook book(header);
  refuseSharedNames(book);
  refuseParts(book);
  SharedNotes notes;
  for (const PlannedTensor& tensor : plannedTensors(header)) {
    if (roleOf(tensor.info) == TensorRole::Convolution) {
      book.usual(tensor.info.name,
                 std::to_string(tensor.info.shape.size()) +
                     " axes: only linear layers and embeddings are quantized",
                 "mlx, nn/layers/quantized.py");
      continue;
    }
    const std::string why = objection(tensor.spec, tensor.info.cols);
    if (why.empty()) {
      noteCosts(tensor, notes);
    } else {
      book.refuse(tensor.info.name, why, "mlx, ops.cpp", remediesOf(tensor.spec, tensor.info.cols));
    }
  }
  const auto signature = [](const PlannedTensor& tensor) {
    return schemeOf(tensor.spec, tensor.info.cols).text();
  };
  agreeAmongExperts(book, ExpertsAlike::PerProjection, signature, "mlx-lm, models (sanitize)");
  if (!header.tensors.empty()) {
    notes.add("default",
              "layers keep the names that the source gives them, and mlx-lm renames those "
              "of some models when it loads them",
              "mlx-lm #1214");
  }
  noteTransposed(header, notes);
  notes.into(book);
  return book.take();
}

// The arrays.

std::vector<PlannedArray> planArrays(const TensorInfo& info, const QuantSpec& spec) {
  const std::string module = moduleOf(info.name);
  const LayerScheme scheme = schemeOf(spec, info.cols);
  const std::uint64_t out = info.rows;
  const std::uint64_t words = wordsOf(WordOrder::Dense, scheme.bits, info.cols);
  const std::uint64_t blocks = info.cols / scheme.block;
  const bool affine = scheme.mode == Mode::Affine;
  const std::string type = affine ? safetensorsType(nameOf(storedScaleType(info))) : "U8";
  std::vector<PlannedArray> arrays = {{module + ".weight", "U32", {out, words}},
                                      {module + ".scales", type, {out, blocks}}};
  if (affine) arrays.push_back({module + ".biases", type, {out, blocks}});
  return arrays;
}

std::vector<std::byte> packedCodes(const ExportTensor& tensor, int bits, const Executor& executor) {
  constexpr std::size_t kRows = 16;
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  const std::vector<std::uint8_t> codes = unsignedCodes(tensor, false, executor);
  const std::size_t perRow = wordsOf(WordOrder::Dense, bits, layout.cols);
  std::vector<std::uint32_t> words(layout.rows * perRow);
  const Status done =
      executor.forEachBlock((layout.rows + kRows - 1) / kRows, [&](std::size_t block) {
        const std::size_t end = std::min(layout.rows, (block + 1) * kRows);
        for (std::size_t r = block * kRows; r < end; ++r) {
          packWords(WordOrder::Dense, bits, std::span(codes).subspan(r * layout.cols, layout.cols),
                    words.data() + r * perRow);
        }
      });
  (void)done;  // nobody cancels it
  return bytesOf(words);
}

/// Numbers of groups as numbers of blocks, of which a group has one or more.
std::vector<float> perBlock(const std::vector<float>& perGroup, const GroupLayout& layout,
                            std::size_t block) {
  const std::size_t blocks = layout.cols / block;
  const std::size_t groups = layout.groupsPerRow();
  std::vector<float> spread(layout.rows * blocks);
  for (std::size_t r = 0; r < layout.rows; ++r) {
    for (std::size_t b = 0; b < blocks; ++b) {
      spread[r * blocks + b] = perGroup[r * groups + b * block / layout.groupSize];
    }
  }
  return spread;
}

/// What is added to scale * code of each group. Where no offset was fitted it is what the zero
/// point says, 2^(bits - 1) with sym.
std::vector<float> offsetsOf(const QuantSpec& spec, const GroupParameters& parameters) {
  if (!parameters.offset.empty()) return parameters.offset;
  const std::vector<float>& scales = parameters.decoding();
  std::vector<float> offsets(scales.size());
  for (std::size_t g = 0; g < offsets.size(); ++g) {
    const float zero =
        parameters.zeroPoint.empty() ? std::ldexp(1.0F, spec.bits - 1) : parameters.zeroPoint[g];
    offsets[g] = -zero * scales[g];
  }
  return offsets;
}

/// Powers of two as their exponents + 127.
std::vector<std::byte> exponents(const std::vector<float>& scales) {
  std::vector<std::uint8_t> stored(scales.size());
  std::transform(scales.begin(), scales.end(), stored.begin(),
                 [](float scale) { return static_cast<std::uint8_t>(std::ilogb(scale) + 127); });
  return bytesOf(stored);
}

PackedArrays packTensor(const ExportTensor& tensor, const std::vector<PlannedArray>&,
                        const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const GroupLayout& layout = parameters.layout;
  const QuantSpec& spec = tensor.quantized.spec;
  const LayerScheme scheme = schemeOf(spec, layout.cols);
  std::vector<std::byte> codes = packedCodes(tensor, scheme.bits, executor);
  if (scheme.mode != Mode::Affine) return {std::move(codes), exponents(parameters.decoding())};
  const StoredType type = storedScaleType(tensor.info);
  const auto stored = [&](const std::vector<float>& perGroup) {
    return storedBytes(type, perBlock(perGroup, layout, scheme.block));
  };
  return {std::move(codes), stored(parameters.decoding()), stored(offsetsOf(spec, parameters))};
}

/// The nearest number of so many significant bits, half to even.
float shortened(float value, int bits) {
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits);
}

/// With sym, scale * code and its sum with the offset are to be exact in float32: the offset of a
/// large float16 scale must be a float16 number too, and a float32 scale leaves room for the bits
/// of the code.
void storeScales(const TensorInfo& info, const QuantSpec& spec, GroupParameters& parameters) {
  if (spec.dtype != Dtype::Int) return;
  const StoredType type = storedScaleType(info);
  roundScales(type, parameters);
  if (type == StoredType::BFloat16 || spec.scheme != Scheme::Sym) return;
  const float most = std::ldexp(kLargestHalf, 1 - spec.bits);
  std::vector<float> stored = parameters.decoding();
  for (float& scale : stored) {
    scale = type == StoredType::Float16 ? std::clamp(scale, -most, most)
                                        : shortened(scale, kFloatBits - spec.bits);
  }
  parameters.decodeScale = std::move(stored);
}

std::optional<StoredType> offsetType(const TensorInfo& info, const QuantSpec& spec) {
  if (spec.dtype != Dtype::Int || spec.scheme != Scheme::Asym) return std::nullopt;
  return storedScaleType(info);
}

// The configuration.

/// The scheme of most tensors, the first of equals.
LayerScheme usualScheme(const std::vector<PlannedTensor>& tensors) {
  std::vector<std::pair<LayerScheme, std::size_t>> counts;
  for (const PlannedTensor& tensor : tensors) {
    const LayerScheme scheme = schemeOf(tensor.spec, tensor.info.cols);
    auto found = std::find_if(counts.begin(), counts.end(),
                              [&](const auto& count) { return count.first == scheme; });
    if (found == counts.end()) found = counts.insert(counts.end(), {scheme, 0});
    ++found->second;
  }
  const auto most =
      std::max_element(counts.begin(), counts.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == counts.end() ? LayerScheme{} : most->first;
}

Json entryOf(const LayerScheme& scheme) {
  return Json::object(
      {{"group_size", static_cast<std::int64_t>(scheme.block)}, {"bits", scheme.bits}});
}

Json configOf(const ModelHeader& header) {
  const std::vector<PlannedTensor> tensors = plannedTensors(header);
  const LayerScheme usual = usualScheme(tensors);
  Json config = entryOf(usual);
  config.set("mode", nameOf(usual.mode));
  for (const PlannedTensor& tensor : tensors) {
    const LayerScheme scheme = schemeOf(tensor.spec, tensor.info.cols);
    if (scheme == usual) continue;
    Json entry = entryOf(scheme);
    if (scheme.mode != Mode::Affine) entry.set("mode", nameOf(scheme.mode));
    config.set(moduleOf(tensor.info.name), std::move(entry));
  }
  return config;
}

Result<std::unique_ptr<TensorSink>> createFolder(const OutputPath& path, const ModelHeader& header,
                                                 const Executor& executor) {
  return createStateDict(mlxLayout(), path, header, executor);
}

Result<std::uint64_t> folderSize(const ModelHeader& header) {
  return stateDictSize(mlxLayout(), header);
}

}  // namespace

const StateDictFormat& mlxLayout() {
  static const StateDictFormat layout{.plan = planArrays,
                                      .pack = packTensor,
                                      .config = configOf,
                                      .configAlias = "quantization",
                                      .metadataFormat = "mlx"};
  return layout;
}

ExportFormat mlxFormat() {
  return {.id = "mlx",
          .title = "MLX",
          .suffix = "",
          .tip = "A model folder for mlx-lm on Apple silicon: 2 to 8 bits, MXFP4, MXFP8",
          .content = ExportContent::Tensors,
          .check = checkMlx,
          .create = createFolder,
          .wholeModel = true,
          .sizeOf = folderSize,
          .storeScales = storeScales,
          .offsetType = offsetType};
}

}  // namespace quantoscope
