#include "core/quant/quant_spec.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/base/text.h"

namespace quantoscope {

namespace {

/// What each number format is; 0 stands for a free choice.
struct Format {
  Dtype dtype;
  const char* name;
  int bits;
  long long groupSize;
  const Codebook& (*codebook)();
  ScaleFormat scaleFormat;
};

constexpr auto kPlain = ScaleFormat::Float32;
constexpr std::array<Format, 11> kFormats = {
    {{Dtype::Int, "int", 0, 0, nullptr, kPlain},
     {Dtype::Nf4, "nf4", 4, 0, nf4Codebook, kPlain},
     {Dtype::Fp4, "fp4", 4, 0, fp4Codebook, kPlain},
     {Dtype::Fp4E2m1Bnb, "fp4_e2m1_bnb", 4, 0, fp4Codebook, kPlain},
     {Dtype::Fp4E2m1, "fp4_e2m1", 4, 0, fp4E2m1Codebook, kPlain},
     {Dtype::Fp4E2m1Ocp, "fp4_e2m1_ocp", 4, 0, e2m1Codebook, kPlain},
     {Dtype::Mxfp4, "mxfp4", 4, 32, e2m1Codebook, ScaleFormat::E8m0},
     {Dtype::Nvfp4, "nvfp4", 4, 16, e2m1Codebook, ScaleFormat::E4m3},
     {Dtype::Fp8E4m3fn, "fp8_e4m3fn", 8, 0, fp8E4m3fnCodebook, kPlain},
     {Dtype::Fp8E5m2, "fp8_e5m2", 8, 0, fp8E5m2Codebook, kPlain},
     {Dtype::Codebook, "codebook", 0, 0, nullptr, kPlain}}};

const Format& formatOf(Dtype dtype) {
  return *std::find_if(kFormats.begin(), kFormats.end(),
                       [dtype](const Format& format) { return format.dtype == dtype; });
}

constexpr const char* kClipNames[] = {"none",          "",       "search", "search-rows",
                                      "search-groups", "optimal"};

Error invalid(const std::string& field, const std::string& value, const std::string& allowed) {
  return {ErrorCode::InvalidArgument, field + " " + value + ": allowed are " + allowed};
}

Status validateGroupSize(const std::string& field, long long size) {
  if (size == -1 || size >= 1) return ok();
  return invalid(field, std::to_string(size), "-1 (a whole row) and 1 or more");
}

Status validateRatio(const std::string& field, double ratio) {
  if (ratio > 0 && ratio <= 1) return ok();
  return invalid(field, formatNumber(ratio), "ratios above 0 up to 1");
}

Status validateGrid(const RatioGrid& grid) {
  for (const double end : {grid.from, grid.to}) {
    if (auto status = validateRatio("ratios", end); !status) return status;
  }
  constexpr int kMaxCount = 10000;
  if (grid.count >= 1 && grid.count <= kMaxCount) return ok();
  return invalid("ratios count", std::to_string(grid.count), "1 to 10000");
}

Status validateDoubleQuant(const DoubleQuant& dq) {
  if (dq.bits < 1 || dq.bits > 8) {
    return invalid("double_quant_bits", std::to_string(dq.bits), "1 to 8");
  }
  if (!isPublished(dq.dtype)) {
    return invalid("double_quant_dtype", nameOf(dq.dtype), "int, nf4, fp4, fp4_e2m1_bnb, fp4_e2m1");
  }
  if (dq.dtype != Dtype::Int && dq.bits != 4 && dq.bits != 8) {
    return invalid("double_quant_bits", std::to_string(dq.bits),
                   "4 for a float codebook, which has 4 bits");
  }
  return validateGroupSize("double_quant_group_size", dq.groupSize);
}

Codec integerCodec(int bits, Scheme scheme) {
  Codec codec;
  if (scheme == Scheme::Asym) {
    codec.kind = CodecKind::Asymmetric;
    codec.minCode = 0;
    codec.maxCode = std::ldexp(1.0f, bits) - 1;
    return codec;
  }
  codec.kind = CodecKind::Symmetric;
  codec.maxCode = bits == 1 ? 1 : std::ldexp(1.0f, bits - 1) - 1;
  codec.minCode = bits == 1 ? 0 : -std::ldexp(1.0f, bits - 1);
  return codec;
}

Codec codebookCodec(const Format& format, const Codebook* codebook) {
  Codec codec;
  codec.kind = CodecKind::Codebook;
  codec.codebook = codebook;
  codec.scaleFormat = format.scaleFormat;
  codec.extended = !isPublished(format.dtype);
  return codec;
}

/// Whether the number format has what it prescribes.
Status validateFormat(const QuantSpec& spec) {
  const std::string forDtype = std::string(" for dtype ") + nameOf(spec.dtype);
  const bool ownLevels = spec.codebook.book != nullptr;
  if (ownLevels != (spec.dtype == Dtype::Codebook)) {
    return invalid("codebook", ownLevels ? spec.codebook.name : "none",
                   (ownLevels ? "none" : "a table of levels") + forDtype);
  }
  const auto bits = prescribedBits(spec.dtype, spec.codebook);
  if (bits && spec.bits != *bits) {
    return invalid("bits", std::to_string(spec.bits), std::to_string(*bits) + forDtype);
  }
  if (spec.bits < 1 || spec.bits > 8) return invalid("bits", std::to_string(spec.bits), "1 to 8");
  const auto groupSize = prescribedGroupSize(spec.dtype);
  if (groupSize && spec.groupSize != *groupSize) {
    return invalid("group_size", std::to_string(spec.groupSize),
                   std::to_string(*groupSize) + forDtype);
  }
  return validateGroupSize("group_size", spec.groupSize);
}

/// Whether `field`, one of the ranges that only symmetric integers have, may be on.
Status validateRange(const QuantSpec& spec, const std::string& field) {
  if (spec.isFloat()) return invalid(field, "true", "only dtype int with scheme sym");
  if (spec.scheme != Scheme::Sym) return invalid(field, "true", "only scheme sym, not asym");
  if (spec.bits == 1) return invalid(field, "true", "2 to 8 bits, not 1");
  if (spec.fullRange && spec.halfRange) {
    return invalid(field, "true", "only one of full_range and half_range");
  }
  return ok();
}

}  // namespace

std::vector<double> RatioGrid::ratios() const {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(count));
  const bool standard = *this == RatioGrid{};
  for (int i = 0; i < count; ++i) {
    if (standard) {
      values.push_back(1 - i / 200.0);
    } else {
      values.push_back(count == 1 ? from : from + (to - from) * i / (count - 1));
    }
  }
  return values;
}

Result<RatioGrid> RatioGrid::parse(std::string_view text) {
  const auto parts = split(text, ':');
  const std::string shown(text);
  if (parts.size() == 3) {
    const auto from = parseNumber(parts[0]);
    const auto to = parseNumber(parts[1]);
    const auto count = parseInteger(parts[2]);
    if (from && to && count && *count == static_cast<int>(*count)) {
      const RatioGrid grid{*from, *to, static_cast<int>(*count)};
      if (auto status = validateGrid(grid); !status) return status.error();
      return grid;
    }
  }
  return invalid("ratios", shown, "FROM:TO:COUNT, for example 1:0.805:40");
}

std::string RatioGrid::text() const {
  return formatNumber(from) + ":" + formatNumber(to) + ":" + std::to_string(count);
}

Result<ClipPolicy> ClipPolicy::parse(std::string_view text) {
  for (const Kind kind :
       {Kind::None, Kind::SearchTensor, Kind::SearchRows, Kind::SearchGroups, Kind::Optimal}) {
    if (text == kClipNames[static_cast<int>(kind)]) return ClipPolicy{kind, 1.0};
  }
  const auto ratio = parseNumber(text);
  if (!ratio) {
    return invalid("clip", std::string(text),
                   "none, a ratio above 0 up to 1, search, search-rows, search-groups, optimal");
  }
  if (auto status = validateRatio("clip", *ratio); !status) return status.error();
  return ClipPolicy::fixed(*ratio);
}

std::string ClipPolicy::text() const {
  return kind == Kind::Ratio ? formatNumber(ratio) : kClipNames[static_cast<int>(kind)];
}

Status QuantSpec::validate() const {
  if (auto status = validateFormat(*this); !status) return status;
  if (fullRange) {
    if (auto status = validateRange(*this, "full_range"); !status) return status;
  }
  if (halfRange) {
    if (auto status = validateRange(*this, "half_range"); !status) return status;
  }
  if (clip.kind == ClipPolicy::Kind::Ratio) {
    if (auto status = validateRatio("clip", clip.ratio); !status) return status;
  }
  if (auto status = validateGrid(grid); !status) return status;
  if (!doubleQuant) return ok();
  if (formatOf(dtype).scaleFormat != ScaleFormat::Float32) {
    return invalid("double_quant", "true",
                   std::string("formats with float scales, not ") + nameOf(dtype));
  }
  return validateDoubleQuant(*doubleQuant);
}

QuantSpec QuantSpec::withDtype(Dtype other, NamedCodebook levels) const {
  QuantSpec spec = *this;
  spec.dtype = other;
  spec.codebook = std::move(levels);
  spec.bits = prescribedBits(other, spec.codebook).value_or(spec.bits);
  spec.groupSize = prescribedGroupSize(other).value_or(spec.groupSize);
  if (spec.isFloat()) {
    spec.scheme = QuantSpec{}.scheme;
    spec.fullRange = false;
    spec.halfRange = false;
  }
  return spec;
}

const char* nameOf(Dtype dtype) {
  return formatOf(dtype).name;
}

const char* nameOf(Scheme scheme) {
  return scheme == Scheme::Sym ? "sym" : "asym";
}

Result<Dtype> parseDtype(std::string_view text) {
  std::vector<std::string> names;
  for (const Format& format : kFormats) {
    if (text == format.name) return format.dtype;
    names.emplace_back(format.name);
  }
  return invalid("dtype", std::string(text), join(names, ", "));
}

Result<Scheme> parseScheme(std::string_view text) {
  if (text == "asym") return Scheme::Asym;
  if (text == "sym") return Scheme::Sym;
  return invalid("scheme", std::string(text), "sym, asym");
}

const std::vector<Dtype>& allDtypes() {
  static const std::vector<Dtype> dtypes = [] {
    std::vector<Dtype> all;
    for (const Format& format : kFormats) {
      if (format.dtype != Dtype::Codebook) all.push_back(format.dtype);
    }
    return all;
  }();
  return dtypes;
}

bool isPublished(Dtype dtype) {
  return dtype <= Dtype::Fp4E2m1;
}

std::optional<int> prescribedBits(Dtype dtype, const NamedCodebook& codebook) {
  const int bits = dtype == Dtype::Codebook ? codebook.bits() : formatOf(dtype).bits;
  return bits == 0 ? std::nullopt : std::optional(bits);
}

std::optional<long long> prescribedGroupSize(Dtype dtype) {
  const long long size = formatOf(dtype).groupSize;
  return size == 0 ? std::nullopt : std::optional(size);
}

Codec codecOf(const QuantSpec& spec) {
  const Format& format = formatOf(spec.dtype);
  if (spec.dtype == Dtype::Codebook) return codebookCodec(format, spec.codebook.book.get());
  if (format.codebook != nullptr) return codebookCodec(format, &format.codebook());
  Codec codec = integerCodec(spec.bits, spec.scheme);
  codec.fullRange = spec.fullRange;
  codec.halfRange = spec.halfRange;
  codec.extended = spec.halfRange;
  return codec;
}

Codec codecOf(const DoubleQuant& doubleQuant) {
  const Format& format = formatOf(doubleQuant.dtype);
  if (format.codebook != nullptr) return codebookCodec(format, &format.codebook());
  return integerCodec(doubleQuant.bits, Scheme::Sym);
}

GroupLayout layoutOf(const QuantSpec& spec, std::size_t rows, std::size_t cols) {
  return GroupLayout::of(rows, cols, spec.groupSize);
}

std::string describe(const QuantSpec& spec) {
  std::string text = spec.isFloat() ? nameOf(spec.dtype) : "int" + std::to_string(spec.bits);
  if (spec.dtype == Dtype::Codebook) text += " " + spec.codebook.name;
  text += spec.groupSize == -1 ? " per row" : " g" + std::to_string(spec.groupSize);
  if (!spec.isFloat()) text += std::string(" ") + nameOf(spec.scheme);
  if (spec.fullRange) text += " full range";
  if (spec.halfRange) text += " half range";
  if (spec.clip.kind == ClipPolicy::Kind::Ratio) {
    text += ", clip " + formatRounded(spec.clip.ratio);
  } else if (spec.clip.kind != ClipPolicy::Kind::None) {
    text += ", clip " + spec.clip.text();
  }
  if (spec.doubleQuant) text += ", double quant";
  return text;
}

std::string commandLineOptions(const QuantSpec& spec) {
  std::string text = std::string("--dtype ") + nameOf(spec.dtype);
  if (spec.dtype == Dtype::Codebook) {
    const NamedCodebook& levels = spec.codebook;
    text += " --codebook " + shellQuoted(levels.source.empty() ? levels.name : levels.source);
  }
  if (!spec.isFloat()) {
    text += " --bits " + std::to_string(spec.bits) + " --scheme " + nameOf(spec.scheme);
  }
  text += " --group-size " + std::to_string(spec.groupSize);
  if (spec.fullRange) text += " --full-range";
  if (spec.halfRange) text += " --half-range";
  text += " --clip " + spec.clip.text();
  if (spec.grid != RatioGrid{}) text += " --ratios " + spec.grid.text();
  if (const auto& dq = spec.doubleQuant) {
    text += " --double-quant --double-quant-dtype " + std::string(nameOf(dq->dtype)) +
            " --double-quant-bits " + std::to_string(dq->bits) + " --double-quant-scheme " +
            nameOf(dq->scheme) + " --double-quant-group-size " + std::to_string(dq->groupSize);
  }
  return text;
}

}  // namespace quantoscope
