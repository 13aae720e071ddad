#include "core/io/quantized/bitsandbytes.h"

#include <cmath>
#include <utility>

#include "core/base/checked.h"
#include "core/base/json.h"
#include "core/io/quantized/packed_parts.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kMostStateBytes = 1 << 16;
constexpr std::uint64_t kMostStateValues = 1000;
constexpr std::uint64_t kLevels = 16;
constexpr std::uint64_t kNestedLevels = 256;
constexpr float kLargestByte = 127;

std::uint64_t blocksOf(std::uint64_t count, std::uint64_t block) {
  return count / block + (count % block != 0 ? 1 : 0);
}

/// What quant_state tells.
struct State {
  std::string type;  ///< "nf4", "fp4"
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t block = 0;
  std::uint64_t nestedBlock = 0;  ///< 0: scales are not quantized themselves
  float nestedOffset = 0;
};

struct BlockParts {
  StoredArray codes;
  StoredArray scales;
  StoredArray levels;
  StoredArray nestedScales;  ///< of a meaning where State::nestedBlock is not 0
  StoredArray nestedLevels;
};

class BitsAndBytes4 : public PackedTensor {
 public:
  BitsAndBytes4(BlockParts parts, State state, PackedInfo info)
      : parts_(std::move(parts)), state_(std::move(state)), info_(std::move(info)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.flatBlock = static_cast<std::size_t>(state_.block);
    auto levels = readNumbers(container, parts_.levels, Bytes::Numbers, control);
    if (!levels) return levels.error();
    parameters.levels = *std::move(levels);
    auto scale = state_.nestedBlock == 0
                     ? readNumbers(container, parts_.scales, Bytes::Numbers, control)
                     : readNested(container, control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (Status status = checkRows(info_, firstRow, rows); !status) return status.error();
    const std::size_t first = firstRow * info_.cols;
    std::vector<std::int16_t> codes(rows * info_.cols);
    if (codes.empty()) return codes;
    // The elements whose bytes hold the codes.
    const auto each = static_cast<std::size_t>(parts_.codes.elementBytes);
    const std::size_t firstByte = first / 2;
    const std::size_t firstElement = firstByte / each;
    const std::size_t end = ((first + codes.size() + 1) / 2 + each - 1) / each;
    Box box = wholeOf(parts_.codes);
    box.start.front() = firstElement;
    box.count.front() = end - firstElement;
    std::vector<std::uint8_t> bytes(box.count.front() * each);
    if (Status status = container.read(parts_.codes.path, box, bytes.data(), control); !status) {
      return status.error();
    }
    unpackNibbles(NibbleOrder::HighFirst, bytes.data() + (firstByte - firstElement * each), first,
                  codes.size(), codes.data());
    return codes;
  }

 private:
  Result<std::vector<float>> readNested(const Container& container,
                                        const TaskControl& control) const {
    const auto indices =
        readElements<std::uint8_t>(container, parts_.scales, wholeOf(parts_.scales), control);
    if (!indices) return indices.error();
    const auto levels = readNumbers(container, parts_.nestedLevels, Bytes::Numbers, control);
    if (!levels) return levels.error();
    const auto scales = readNumbers(container, parts_.nestedScales, Bytes::Numbers, control);
    if (!scales) return scales.error();
    if (levels->size() != kNestedLevels ||
        scales->size() != blocksOf(indices->size(), state_.nestedBlock)) {
      return Error{ErrorCode::UnreadableFile,
                   parts_.nestedScales.path + ": does not hold what its tensor needs"};
    }
    std::vector<float> result(indices->size());
    for (std::size_t i = 0; i < result.size(); ++i) {
      const float scaled = (*levels)[(*indices)[i]] * (*scales)[i / state_.nestedBlock];
      result[i] = scaled + state_.nestedOffset;
    }
    return result;
  }

  BlockParts parts_;
  State state_;
  PackedInfo info_;
};

// ---- the description

/// A positive integer of an object; 0 for anything else.
std::uint64_t countIn(const Json* value) {
  const std::int64_t* integer = value == nullptr ? nullptr : value->asInteger();
  return integer == nullptr || *integer <= 0 ? 0 : static_cast<std::uint64_t>(*integer);
}

std::string textIn(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr || !value->isString() ? std::string() : *value->asString();
}

Result<State> stateIn(const Json& json) {
  State state{textIn(json, "quant_type")};
  if (state.type != "nf4" && state.type != "fp4") {
    return undecodable("its description tells neither nf4 nor fp4");
  }
  state.block = countIn(json.find("blocksize"));
  const Json* shape = json.find("shape");
  const Json::Array* sides = shape == nullptr ? nullptr : shape->asArray();
  if (sides == nullptr || sides->size() != 2) {
    return undecodable("its description tells no shape [outputs, inputs]");
  }
  state.rows = countIn(&sides->front());
  state.cols = countIn(&sides->back());
  if (state.block == 0 || state.rows == 0 || state.cols == 0) {
    return undecodable("its description tells no blocksize, or a side that is no count");
  }
  if (json.find("nested_blocksize") == nullptr) return state;
  state.nestedBlock = countIn(json.find("nested_blocksize"));
  const Json* offset = json.find("nested_offset");
  if (offset != nullptr) state.nestedOffset = static_cast<float>(offset->asNumber(0));
  if (state.nestedBlock == 0 || offset == nullptr || !std::isfinite(state.nestedOffset)) {
    return undecodable("its description tells no nested_blocksize and nested_offset");
  }
  return state;
}

Result<const StoredArray*> statePart(const Siblings& siblings) {
  for (const char* name : {"*.quant_state.bitsandbytes__nf4", "*.quant_state.bitsandbytes__fp4"}) {
    const auto part = optionalPart(siblings, name);
    if (!part || *part != nullptr) return part;
  }
  return undecodable("there is no description of nf4 or fp4 beside it");
}

Result<State> readState(const Siblings& siblings, const PackingContext& context) {
  const auto part = statePart(siblings);
  if (!part) return part.error();
  const StoredArray& array = **part;
  const auto bytes = checkedVolume(array.shape);
  if (array.dtype != "uint8" || !bytes || *bytes == 0 || *bytes > kMostStateBytes) {
    return undecodable("its description is " + array.dtype + " " + shapeText(array));
  }
  const auto text =
      readElements<std::uint8_t>(context.container, array, wholeOf(array), context.control);
  if (!text) return text.error();
  const auto json = parseJson({reinterpret_cast<const char*>(text->data()), text->size()},
                              "its description", {}, kMostStateValues);
  if (!json) return json.error();
  return stateIn(*json);
}

// ---- opening

Status checkCount(const StoredArray& part, std::uint64_t count) {
  if (checkedVolume(part.shape) == count) return ok();
  return undecodable(nameOfPart(part) + " has the shape " + shapeText(part) + ", not " +
                     std::to_string(count) + " elements");
}

/// Bytes of a column, of whatever type: two codes each.
Status checkColumn(const StoredArray& codes, const State& state, const Container& container) {
  const auto element = container.elementOf(codes.path);
  if (!element) return element.error();
  const auto count = checkedProduct(state.rows, state.cols);
  const auto bytes = checkedVolume(codes.shape, element->bytes);
  const bool column = !codes.shape.empty() && checkedVolume(codes.shape) == codes.shape.front();
  if (column && count && bytes && element->bytes == codes.elementBytes &&
      *bytes == *count / 2 + *count % 2) {
    return ok();
  }
  return undecodable("its codes are " + codes.dtype + " " + shapeText(codes) + " for " +
                     std::to_string(state.rows) + " x " + std::to_string(state.cols) + " weights");
}

Result<BlockParts> partsOf(const Siblings& siblings, const State& state) {
  const bool nested = state.nestedBlock != 0;
  const std::uint64_t blocks = blocksOf(state.rows * state.cols, state.block);
  BlockParts parts{siblings.array(), {}, {}, {}, {}};
  struct Need {
    const char* name;
    StoredArray* part;
    std::uint64_t count;
    bool floats;
  };
  std::vector<Need> needs{{"*.absmax", &parts.scales, blocks, !nested},
                          {"*.quant_map", &parts.levels, kLevels, true}};
  if (nested) {
    needs.push_back(
        {"*.nested_absmax", &parts.nestedScales, blocksOf(blocks, state.nestedBlock), true});
    needs.push_back({"*.nested_quant_map", &parts.nestedLevels, kNestedLevels, true});
  }
  for (const Need& need : needs) {
    const auto part = neededPart(siblings, need.name);
    if (!part) return part.error();
    if (Status status = checkCount(**part, need.count); !status) return status.error();
    if (need.floats ? !isFloatType(**part) : (*part)->dtype != "uint8") {
      return undecodable(nameOfPart(**part) + " is " + (*part)->dtype);
    }
    *need.part = **part;
  }
  return parts;
}

PackedInfo infoOf(const Siblings& siblings, const State& state, const BlockParts& parts) {
  PackedInfo info = newInfo(siblings.array().path, "bitsandbytes", state.rows, state.cols, 4,
                            static_cast<long long>(state.block));
  info.detail = state.type + ", 4 bits, blocks of " + std::to_string(state.block);
  if (state.nestedBlock != 0) info.detail += ", scales quantized to 8 bits";
  info.scaleType = state.nestedBlock != 0 ? parts.nestedScales.dtype : parts.scales.dtype;
  info.parts = {parts.codes.path, parts.scales.path, parts.levels.path};
  for (const char* name : {"*.nested_absmax", "*.nested_quant_map",
                           "*.quant_state.bitsandbytes__nf4", "*.quant_state.bitsandbytes__fp4"}) {
    if (const StoredArray* part = siblings.find(name)) info.parts.push_back(part->path);
  }
  return info;
}

// ---- 8 bits

class BitsAndBytes8 : public PackedTensor {
 public:
  BitsAndBytes8(StoredArray codes, StoredArray scales, PackedInfo info)
      : codes_(std::move(codes)), scales_(std::move(scales)), info_(std::move(info)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    auto scale = readOver(container, scales_, Bytes::Numbers, info_.rows, 1, control);
    if (!scale) return scale.error();
    PackedParameters parameters;
    parameters.groupOf = evenGroups(info_.cols, info_.groupSize);
    parameters.scale = *std::move(scale);
    parameters.divisor = kLargestByte;
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (Status status = checkRows(info_, firstRow, rows); !status) return status.error();
    const auto bytes = readRows<std::int8_t>(container, codes_, 1, firstRow, rows, control);
    if (!bytes) return bytes.error();
    return std::vector<std::int16_t>(bytes->begin(), bytes->end());
  }

 private:
  StoredArray codes_;
  StoredArray scales_;
  PackedInfo info_;
};

/// Whether rows lie as they are: weight_format is absent or 0.
Status checkOrder(const Siblings& siblings, const PackingContext& context) {
  if (siblings.name() != "weight") return ok();
  const auto part = optionalPart(siblings, "weight_format");
  if (!part) return part.error();
  if (*part == nullptr) return ok();
  if (checkedVolume((*part)->shape) != 1) return undecodable("weight_format is not one number");
  const auto format = readNumbers(context.container, **part, Bytes::Numbers, context.control);
  if (!format) return format.error();
  if (format->front() == 0) return ok();
  return undecodable("weight_format is not 0, which is rows as they are");
}

}  // namespace

Result<SharedPackedTensor> openBitsAndBytes4(const Siblings& siblings,
                                             const PackingContext& context) {
  const auto state = readState(siblings, context);
  if (!state) return state.error();
  if (Status status = checkColumn(siblings.array(), *state, context.container); !status) {
    return status.error();
  }
  auto parts = partsOf(siblings, *state);
  if (!parts) return parts.error();
  PackedInfo info = infoOf(siblings, *state, *parts);
  return SharedPackedTensor(
      std::make_shared<BitsAndBytes4>(*std::move(parts), *state, std::move(info)));
}

Result<SharedPackedTensor> openBitsAndBytes8(const Siblings& siblings,
                                             const PackingContext& context) {
  const StoredArray& codes = siblings.array();
  const auto scales = neededPart(siblings, siblings.name() == "weight" ? "SCB" : "*.SCB");
  if (!scales) return scales.error();
  if (codes.shape.size() != 2 || checkedVolume(codes.shape).value_or(0) == 0) {
    return undecodable("its codes are " + codes.dtype + " " + shapeText(codes));
  }
  if (Status status = checkCount(**scales, codes.shape[0]); !status) return status.error();
  if (Status status = checkOrder(siblings, context); !status) return status.error();
  PackedInfo info = newInfo(codes.path, "bitsandbytes", codes.shape[0], codes.shape[1], 8, -1);
  info.scaleType = (*scales)->dtype;
  info.parts = {codes.path, (*scales)->path};
  return SharedPackedTensor(std::make_shared<BitsAndBytes8>(codes, **scales, std::move(info)));
}

}  // namespace quantoscope
