#include "core/io/quantized/packed_fp4.h"

#include <utility>

#include "core/base/checked.h"
#include "core/io/quantized/packed_parts.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kNvBlock = 16;
constexpr std::uint64_t kMxBlock = 32;

/// What the scale of the whole tensor does with those of blocks.
enum class WholeScale { None, Divides, Multiplies };

struct Fp4Parts {
  StoredArray codes;
  StoredArray scales;
  StoredArray whole;  ///< the scale of the tensor; of no meaning for WholeScale::None
  WholeScale use = WholeScale::None;
  std::size_t inner = 1;  ///< axes of the codes that make up a row
};

bool isExponents(const StoredArray& scales) {
  return scales.dtype == "uint8" || scales.dtype == "float8_e8m0fnu";
}

class Fp4Tensor : public PackedTensor {
 public:
  Fp4Tensor(Fp4Parts parts, PackedInfo info) : parts_(std::move(parts)), info_(std::move(info)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = info_.cols / static_cast<std::size_t>(info_.groupSize);
    parameters.groupOf = evenGroups(info_.cols, info_.groupSize);
    parameters.levels = fp4Levels();
    auto scale = readOver(container, parts_.scales,
                          isExponents(parts_.scales) ? Bytes::Exponents : Bytes::Numbers,
                          info_.rows, parameters.groups, control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    if (parts_.use == WholeScale::None) return parameters;
    const auto whole = readOver(container, parts_.whole, Bytes::Numbers, 1, 1, control);
    if (!whole) return whole.error();
    if (parts_.use == WholeScale::Divides) {
      parameters.divisor = whole->front();
    } else {
      for (float& value : parameters.scale) value *= whole->front();
    }
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (Status status = checkRows(info_, firstRow, rows); !status) return status.error();
    const auto bytes =
        readRows<std::uint8_t>(container, parts_.codes, parts_.inner, firstRow, rows, control);
    if (!bytes) return bytes.error();
    std::vector<std::int16_t> codes(bytes->size() * 2);
    unpackNibbles(NibbleOrder::LowFirst, bytes->data(), 0, codes.size(), codes.data());
    return codes;
  }

 private:
  Fp4Parts parts_;
  PackedInfo info_;
};

/// The sides of the tensor, where the scales fit them.
struct Fp4Sides {
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t block = 0;
};

Result<Fp4Sides> sidesOf(const Fp4Parts& parts) {
  const auto& shape = parts.codes.shape;
  const auto rows = leadingSides(parts.codes, parts.inner);
  const auto codes = checkedVolume(shape, 2);
  const auto scales = checkedVolume(parts.scales.shape);
  const std::uint64_t block = isExponents(parts.scales) ? kMxBlock : kNvBlock;
  const bool known = rows && codes && scales && *rows > 0 && *codes > 0 &&
                     parts.scales.shape.size() == shape.size() + 1 - parts.inner &&
                     leadingSides(parts.scales, 1) == rows;
  if (!known || *codes / block != *scales || *codes % block != 0 || *codes / *rows % block != 0) {
    return undecodable("its shape is " + shapeText(parts.codes) + ", that of " +
                       nameOfPart(parts.scales) + " " + shapeText(parts.scales) +
                       ": no blocks of " + std::to_string(block));
  }
  return Fp4Sides{*rows, *codes / *rows, block};
}

Result<SharedPackedTensor> openFp4(Fp4Parts parts, std::string path, std::string format) {
  if (parts.codes.dtype != "uint8") return undecodable("its codes are " + parts.codes.dtype);
  if (!isExponents(parts.scales) && parts.scales.dtype != "float8_e4m3fn") {
    return undecodable("its scales are " + parts.scales.dtype);
  }
  const auto sides = sidesOf(parts);
  if (!sides) return sides.error();
  if (parts.use != WholeScale::None && checkedVolume(parts.whole.shape) != 1) {
    return undecodable(nameOfPart(parts.whole) + " is not one number");
  }
  PackedInfo info = newInfo(std::move(path), std::move(format), sides->rows, sides->cols, 4,
                            static_cast<long long>(sides->block));
  info.detail.insert(0, isExponents(parts.scales) ? "MXFP4, " : "NVFP4, ");
  info.scaleType = isExponents(parts.scales) ? "float8_e8m0fnu" : parts.scales.dtype;
  info.parts = {parts.codes.path, parts.scales.path};
  if (parts.use != WholeScale::None) info.parts.push_back(parts.whole.path);
  return SharedPackedTensor(std::make_shared<Fp4Tensor>(std::move(parts), std::move(info)));
}

}  // namespace

Result<SharedPackedTensor> openCompressedFp4(const Siblings& siblings) {
  const auto scales = neededPart(siblings, "weight_scale");
  if (!scales) return scales.error();
  Fp4Parts parts{siblings.array(), **scales, {}};
  if (!isExponents(**scales)) {
    const auto whole = neededPart(siblings, "weight_global_scale");
    if (!whole) return whole.error();
    parts.whole = **whole;
    parts.use = WholeScale::Divides;
  }
  return openFp4(std::move(parts), siblings.path("weight"), "compressed-tensors");
}

Result<SharedPackedTensor> openNvfp4(const Siblings& siblings, const PackingContext&) {
  const auto scales = neededPart(siblings, "*_scale");
  if (!scales) return scales.error();
  const auto whole = neededPart(siblings, "*_scale_2");
  if (!whole) return whole.error();
  return openFp4({siblings.array(), **scales, **whole, WholeScale::Multiplies},
                 siblings.array().path, "NVFP4");
}

Result<SharedPackedTensor> openGptOss(const Siblings& siblings, const PackingContext&) {
  const auto scales = neededPart(siblings, "%_scales");
  if (!scales) return scales.error();
  const std::string_view name = siblings.name();
  return openFp4({siblings.array(), **scales, {}, WholeScale::None, 2},
                 siblings.path(name.substr(0, name.rfind('_'))), "MXFP4");
}

}  // namespace quantoscope
