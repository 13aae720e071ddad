#include "core/io/quantized/mlx.h"

#include <utility>

#include "core/base/checked.h"
#include "core/base/json.h"
#include "core/io/quantized/packed_parts.h"
#include "core/io/quantized/word_packing.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kWordBits = 32;

enum class Mode { Affine, MxFp4, MxFp8, NvFp4 };

struct Scheme {
  Mode mode = Mode::Affine;
  int bits = 0;
  int group = 0;

  bool operator==(const Scheme&) const = default;
};

constexpr Scheme kFloatSchemes[] = {
    {Mode::MxFp4, 4, 32}, {Mode::MxFp8, 8, 32}, {Mode::NvFp4, 4, 16}};

const char* nameOf(Mode mode) {
  switch (mode) {
    case Mode::MxFp4:
      return "mxfp4";
    case Mode::MxFp8:
      return "mxfp8";
    case Mode::NvFp4:
      return "nvfp4";
    case Mode::Affine:
      break;
  }
  return "affine";
}

struct MlxParts {
  StoredArray codes;
  StoredArray scales;
  StoredArray offsets;  ///< of affine ones
};

class MlxTensor : public PackedTensor {
 public:
  MlxTensor(MlxParts parts, Scheme scheme, PackedInfo info)
      : parts_(std::move(parts)), scheme_(scheme), info_(std::move(info)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = static_cast<std::size_t>(parts_.scales.shape.back());
    parameters.groupOf = evenGroups(info_.cols, scheme_.group);
    const bool exponents = scheme_.mode == Mode::MxFp4 || scheme_.mode == Mode::MxFp8;
    auto scale = readOver(container, parts_.scales, exponents ? Bytes::Exponents : Bytes::Numbers,
                          info_.rows, parameters.groups, control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    if (scheme_.mode == Mode::Affine) {
      auto offset = readOver(container, parts_.offsets, Bytes::Numbers, info_.rows,
                             parameters.groups, control);
      if (!offset) return offset.error();
      parameters.offset = *std::move(offset);
      return parameters;
    }
    parameters.levels = scheme_.mode == Mode::MxFp8 ? e4m3Levels() : fp4Levels();
    if (scheme_.mode == Mode::NvFp4) {
      const std::vector<float> levels = e4m3Levels();
      for (float& value : parameters.scale) value = levels[static_cast<std::uint8_t>(value)];
    }
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (Status status = checkRows(info_, firstRow, rows); !status) return status.error();
    const auto words = readRows<std::uint32_t>(container, parts_.codes, 1, firstRow, rows, control);
    if (!words) return words.error();
    const auto each = static_cast<std::size_t>(parts_.codes.shape.back());
    std::vector<std::int16_t> codes(rows * info_.cols);
    for (std::size_t r = 0; r < rows; ++r) {
      unpackCodes(WordPacking::Dense, scheme_.bits, words->data() + r * each, info_.cols,
                  codes.data() + r * info_.cols);
    }
    return codes;
  }

 private:
  MlxParts parts_;
  Scheme scheme_;
  PackedInfo info_;
};

// ---- the scheme

/// Every scheme of so many bits a group.
std::vector<Scheme> schemesOf(std::uint64_t bitsOfGroup, bool affine) {
  std::vector<Scheme> schemes;
  const auto add = [&](Scheme scheme) {
    if (static_cast<std::uint64_t>(scheme.bits) * static_cast<std::uint64_t>(scheme.group) ==
        bitsOfGroup) {
      schemes.push_back(scheme);
    }
  };
  if (!affine) {
    for (const Scheme& scheme : kFloatSchemes) add(scheme);
    return schemes;
  }
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const int group : {32, 64, 128}) add({Mode::Affine, bits, group});
  }
  return schemes;
}

/// The member of the module's own part of the configuration, or of all of it.
std::int64_t configured(const Json* config, const std::string& module, std::string_view key) {
  if (config == nullptr) return 0;
  const Json* own = config->find(module);
  const Json* value = own != nullptr && own->isObject() ? own->find(key) : nullptr;
  if (value == nullptr) value = config->find(key);
  return value == nullptr || value->asInteger() == nullptr ? 0 : *value->asInteger();
}

Result<Scheme> schemeOf(const Siblings& siblings, const PackingContext& context,
                        std::uint64_t bitsOfGroup, bool affine) {
  const auto schemes = schemesOf(bitsOfGroup, affine);
  if (schemes.size() == 1) return schemes.front();
  if (schemes.empty()) {
    return undecodable("no scheme of MLX has " + std::to_string(bitsOfGroup) + " bits a scale");
  }
  const std::string& path = siblings.array().path;
  const std::string module = path.substr(0, path.find_last_of("./+"));
  const std::int64_t bits = configured(context.config, module, "bits");
  const std::int64_t group = configured(context.config, module, "group_size");
  for (const Scheme& scheme : schemes) {
    if (scheme.bits == bits && scheme.group == group) return scheme;
  }
  return undecodable(context.config == nullptr
                         ? "there is no configuration beside it that says which"
                         : "the configuration beside it names none of these");
}

// ---- opening

/// How many bits share a scale; undecodable() where scales do not lie over the codes.
Result<std::uint64_t> bitsOfGroup(const MlxParts& parts) {
  const auto& codes = parts.codes.shape;
  const auto& scales = parts.scales.shape;
  const auto bits = checkedVolume(codes, kWordBits);
  const auto count = checkedVolume(scales);
  const bool over = codes.size() >= 2 && codes.size() == scales.size() && bits && count &&
                    *count > 0 && *bits > 0 &&
                    std::equal(codes.begin(), codes.end() - 1, scales.begin()) &&
                    codes.back() * kWordBits % scales.back() == 0;
  if (over) return codes.back() * kWordBits / scales.back();
  return undecodable("its shape is " + shapeText(parts.codes) + ", that of scales " +
                     shapeText(parts.scales));
}

Result<MlxParts> partsOf(const Siblings& siblings) {
  const auto scales = neededPart(siblings, "scales");
  if (!scales) return scales.error();
  MlxParts parts{siblings.array(), **scales, {}};
  if ((*scales)->dtype == "uint8") return parts;
  if (!isFloatType(**scales)) return undecodable("its scales are " + (*scales)->dtype);
  const auto offsets = neededPart(siblings, "biases");
  if (!offsets) return offsets.error();
  if (!isFloatType(**offsets) || (*offsets)->shape != (*scales)->shape) {
    return undecodable("biases are " + (*offsets)->dtype + " " + shapeText(**offsets) +
                       ", scales " + (*scales)->dtype + " " + shapeText(**scales));
  }
  parts.offsets = **offsets;
  return parts;
}

PackedInfo infoOf(const MlxParts& parts, const Scheme& scheme) {
  const auto bits = static_cast<std::uint64_t>(scheme.bits);
  PackedInfo info = newInfo(parts.codes.path, "MLX", *leadingSides(parts.codes, 1),
                            parts.codes.shape.back() * kWordBits / bits, scheme.bits, scheme.group);
  if (scheme.mode != Mode::Affine) info.detail = nameOf(scheme.mode) + (", " + info.detail);
  info.parts = {parts.codes.path, parts.scales.path};
  switch (scheme.mode) {
    case Mode::Affine:
      info.scaleType = parts.scales.dtype;
      info.parts.push_back(parts.offsets.path);
      break;
    case Mode::NvFp4:
      info.scaleType = "float8_e4m3fn";
      break;
    case Mode::MxFp4:
    case Mode::MxFp8:
      info.scaleType = "float8_e8m0fnu";
  }
  return info;
}

}  // namespace

Result<SharedPackedTensor> openMlx(const Siblings& siblings, const PackingContext& context) {
  auto parts = partsOf(siblings);
  if (!parts) return parts.error();
  const auto bits = bitsOfGroup(*parts);
  if (!bits) return bits.error();
  const bool affine = parts->scales.dtype != "uint8";
  const auto scheme = schemeOf(siblings, context, *bits, affine);
  if (!scheme) return scheme.error();
  PackedInfo info = infoOf(*parts, *scheme);
  return SharedPackedTensor(
      std::make_shared<MlxTensor>(*std::move(parts), *scheme, std::move(info)));
}

}  // namespace quantoscope
