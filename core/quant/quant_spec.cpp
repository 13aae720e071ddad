#include "core/quant/quant_spec.h"

#include <cmath>

#include "core/base/text.h"

namespace quantoscope {

namespace {

/// The policies that have a name; a ratio is written as a number.
struct ClipName {
  ClipPolicy::Kind kind;
  const char* name;
};
constexpr ClipName kClipNames[] = {{ClipPolicy::Kind::None, "none"},
                                   {ClipPolicy::Kind::SearchTensor, "search"},
                                   {ClipPolicy::Kind::SearchRows, "search-rows"},
                                   {ClipPolicy::Kind::SearchGroups, "search-groups"},
                                   {ClipPolicy::Kind::Optimal, "optimal"}};

Error invalid(const std::string& field, const std::string& value, const std::string& allowed) {
  return {ErrorCode::InvalidArgument, field + " " + value + ": allowed are " + allowed};
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
    return invalid("double_quant_dtype", nameOf(dq.dtype), formatNames(&NumberFormat::isPublished));
  }
  // The default, 8, fits no table, but nobody chose it.
  const auto own = prescribedBits(dq.dtype);
  if (own && dq.bits != *own && dq.bits != DoubleQuant{}.bits) {
    return invalid("double_quant_bits", std::to_string(dq.bits),
                   std::to_string(*own) + " for a float codebook, which has " +
                       std::to_string(*own) + " bits");
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

Codec codebookCodec(const NumberFormat& format, const Codebook* codebook) {
  Codec codec;
  codec.kind = CodecKind::Codebook;
  codec.codebook = codebook;
  codec.scaleFormat = format.scaleFormat;
  codec.extended = !format.isPublished();
  return codec;
}

/// What a spec has that is no choice of the published functions; empty if nothing.
std::string beyondPublished(const QuantSpec& spec) {
  if (!isPublished(spec.dtype)) return std::string("dtype ") + nameOf(spec.dtype);
  if (spec.halfRange) return "half_range";
  if (spec.clip.kind == ClipPolicy::Kind::Optimal) return "clip optimal";
  return "";
}

/// Whether the number format has what it prescribes.
Status validateFormat(const QuantSpec& spec) {
  const NumberFormat& format = formatOf(spec.dtype);
  const std::string forDtype = std::string(" for dtype ") + format.name;
  const bool ownLevels = spec.codebook.book != nullptr;
  if (ownLevels == format.isNamed()) {
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
  for (const ClipName& named : kClipNames) {
    if (text == named.name) return ClipPolicy{named.kind, 1.0};
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
  for (const ClipName& named : kClipNames) {
    if (kind == named.kind) return named.name;
  }
  return formatNumber(ratio);
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
  if (const std::string beyond = beyondPublished(*this);
      compute == Compute::Stored && !beyond.empty()) {
    return invalid("compute", nameOf(compute), "float32 with " + beyond);
  }
  if (!doubleQuant) return ok();
  if (!formatOf(dtype).takesDoubleQuant()) {
    return invalid("double_quant", "true",
                   std::string("formats with float32 scales, not ") + nameOf(dtype));
  }
  return validateDoubleQuant(*doubleQuant);
}

QuantSpec QuantSpec::withDtype(Dtype other, NamedCodebook levels) const {
  QuantSpec spec = *this;
  spec.dtype = other;
  spec.codebook = std::move(levels);
  spec.bits = prescribedBits(other, spec.codebook).value_or(spec.bits);
  spec.groupSize = prescribedGroupSize(other).value_or(spec.groupSize);
  if (!isPublished(other)) spec.compute = Compute::Float32;
  if (spec.isFloat()) {
    spec.scheme = QuantSpec{}.scheme;
    spec.fullRange = false;
    spec.halfRange = false;
  }
  return spec;
}

QuantSpec QuantSpec::withoutClip() const {
  QuantSpec spec = *this;
  spec.clip = {};
  spec.grid = {};
  return spec;
}

Status validateGroupSize(const std::string& field, long long size) {
  if (size == -1 || size >= 1) return ok();
  return invalid(field, std::to_string(size), "-1 (a whole row) and 1 or more");
}

const char* nameOf(Scheme scheme) {
  return scheme == Scheme::Sym ? "sym" : "asym";
}

Result<Scheme> parseScheme(std::string_view text) {
  if (text == "asym") return Scheme::Asym;
  if (text == "sym") return Scheme::Sym;
  return invalid("scheme", std::string(text), "sym, asym");
}

const char* nameOf(Compute compute) {
  return compute == Compute::Stored ? "stored" : "float32";
}

Result<Compute> parseCompute(std::string_view text) {
  for (const Compute compute : {Compute::Float32, Compute::Stored}) {
    if (text == nameOf(compute)) return compute;
  }
  return invalid("compute", std::string(text), "float32, stored");
}

Codec codecOf(const QuantSpec& spec) {
  const NumberFormat& format = formatOf(spec.dtype);
  switch (format.levels) {
    case FormatLevels::Table:
      return codebookCodec(format, &format.table());
    case FormatLevels::User:
      return codebookCodec(format, spec.codebook.book.get());
    case FormatLevels::Steps:
      break;
  }
  Codec codec = integerCodec(spec.bits, spec.scheme);
  codec.fullRange = spec.fullRange;
  codec.halfRange = spec.halfRange;
  codec.extended = spec.halfRange;
  return codec;
}

Codec codecOf(const DoubleQuant& doubleQuant) {
  const NumberFormat& format = formatOf(doubleQuant.dtype);
  if (format.levels == FormatLevels::Table) return codebookCodec(format, &format.table());
  return integerCodec(doubleQuant.bits, Scheme::Sym);
}

GroupLayout layoutOf(const QuantSpec& spec, std::size_t rows, std::size_t cols) {
  return GroupLayout::of(rows, cols, spec.groupSize);
}

std::string describe(const QuantSpec& spec) {
  std::string text = spec.isFloat() ? nameOf(spec.dtype) : "int" + std::to_string(spec.bits);
  if (spec.codebook.book != nullptr) text += " " + spec.codebook.name;
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
  if (spec.compute == Compute::Stored) text += ", computed as stored";
  return text;
}

std::string commandLineOptions(const QuantSpec& spec) {
  std::string text = std::string("--dtype ") + nameOf(spec.dtype);
  if (spec.codebook.book != nullptr) {
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
  if (spec.compute != Compute::Float32) text += std::string(" --compute ") + nameOf(spec.compute);
  return text;
}

}  // namespace quantoscope
