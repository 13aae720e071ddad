#include "core/quant/quant_spec.h"

#include <array>
#include <cmath>

#include "core/base/text.h"
#include "core/quant/codebooks.h"

namespace quantoscope {

namespace {

struct DtypeName {
  Dtype dtype;
  const char* name;
};

constexpr std::array<DtypeName, 5> kDtypes = {{{Dtype::Int, "int"},
                                               {Dtype::Nf4, "nf4"},
                                               {Dtype::Fp4, "fp4"},
                                               {Dtype::Fp4E2m1Bnb, "fp4_e2m1_bnb"},
                                               {Dtype::Fp4E2m1, "fp4_e2m1"}}};

constexpr const char* kClipNames[] = {"none", "", "search", "search-rows", "search-groups"};

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
  if (dq.dtype != Dtype::Int && dq.bits != 4 && dq.bits != 8) {
    return invalid("double_quant_bits", std::to_string(dq.bits),
                   "4 for a float codebook, which has 4 bits");
  }
  return validateGroupSize("double_quant_group_size", dq.groupSize);
}

Codec integerCodec(int bits, Scheme scheme, bool fullRange) {
  Codec codec;
  if (scheme == Scheme::Asym) {
    codec.kind = CodecKind::Asymmetric;
    codec.minCode = 0;
    codec.maxCode = std::ldexp(1.0f, bits) - 1;
    return codec;
  }
  codec.kind = CodecKind::Symmetric;
  codec.fullRange = fullRange;
  codec.maxCode = bits == 1 ? 1 : std::ldexp(1.0f, bits - 1) - 1;
  codec.minCode = bits == 1 ? 0 : -std::ldexp(1.0f, bits - 1);
  return codec;
}

const Codebook* codebookOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::Int:
      return nullptr;
    case Dtype::Nf4:
      return &nf4Codebook();
    case Dtype::Fp4:
    case Dtype::Fp4E2m1Bnb:
      return &fp4Codebook();
    case Dtype::Fp4E2m1:
      return &fp4E2m1Codebook();
  }
  return nullptr;
}

Codec codecFor(Dtype dtype, int bits, Scheme scheme, bool fullRange) {
  const Codebook* codebook = codebookOf(dtype);
  if (codebook == nullptr) return integerCodec(bits, scheme, fullRange);
  Codec codec;
  codec.kind = CodecKind::Codebook;
  codec.codebook = codebook;
  return codec;
}

/// Reads the members of a JSON object into a spec, one key at a time.
class SpecReader {
 public:
  explicit SpecReader(std::string name) : name_(std::move(name)) {}

  Status take(const std::string& key, const Json& value) {
    if (key == "dtype") return text(key, value, parseDtype, spec.dtype);
    if (key == "bits") return integer(key, value, spec.bits);
    if (key == "group_size") return integer(key, value, spec.groupSize);
    if (key == "scheme") return text(key, value, parseScheme, spec.scheme);
    if (key == "full_range") return flag(key, value, spec.fullRange);
    if (key == "clip") return clip(key, value);
    if (key == "ratios") return text(key, value, RatioGrid::parse, spec.grid);
    if (key == "clip_ratio") return ok();  // what a search found: a record, not a choice
    if (key == "double_quant") return flag(key, value, doubleQuantOn);
    if (key == "double_quant_dtype") return text(key, value, parseDtype, doubleQuant.dtype);
    if (key == "double_quant_bits") return integer(key, value, doubleQuant.bits);
    if (key == "double_quant_scheme") return text(key, value, parseScheme, doubleQuant.scheme);
    if (key == "double_quant_group_size") return integer(key, value, doubleQuant.groupSize);
    return Error{ErrorCode::InvalidArgument, name_ + ": unknown key '" + key + "' in a spec"};
  }

  QuantSpec spec;
  DoubleQuant doubleQuant;
  bool doubleQuantOn = false;

 private:
  Status wrong(const std::string& key, const std::string& allowed) const {
    return Error{ErrorCode::InvalidArgument, name_ + ": " + key + " must be " + allowed};
  }

  template <typename T, typename Parse>
  Status text(const std::string& key, const Json& value, Parse parse, T& field) const {
    const std::string* found = value.asString();
    if (found == nullptr) return wrong(key, "a string");
    const auto parsed = parse(*found);
    if (!parsed) return Error{ErrorCode::InvalidArgument, name_ + ": " + parsed.error().message};
    field = *parsed;
    return ok();
  }

  template <typename T>
  Status integer(const std::string& key, const Json& value, T& field) const {
    const std::int64_t* found = value.asInteger();
    if (found == nullptr || static_cast<T>(*found) != *found) return wrong(key, "a small integer");
    field = static_cast<T>(*found);
    return ok();
  }

  Status flag(const std::string& key, const Json& value, bool& field) const {
    if (value.asBool() == nullptr) return wrong(key, "true or false");
    field = *value.asBool();
    return ok();
  }

  Status clip(const std::string& key, const Json& value) {
    if (value.isNumber()) {
      spec.clip = ClipPolicy::fixed(value.asNumber(0));
      return ok();
    }
    return text(key, value, ClipPolicy::parse, spec.clip);
  }

  std::string name_;
};

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
  for (const Kind kind : {Kind::None, Kind::SearchTensor, Kind::SearchRows, Kind::SearchGroups}) {
    if (text == kClipNames[static_cast<int>(kind)]) return ClipPolicy{kind, 1.0};
  }
  const auto ratio = parseNumber(text);
  if (!ratio) {
    return invalid("clip", std::string(text),
                   "none, a ratio above 0 up to 1, search, search-rows, search-groups");
  }
  if (auto status = validateRatio("clip", *ratio); !status) return status.error();
  return ClipPolicy::fixed(*ratio);
}

std::string ClipPolicy::text() const {
  return kind == Kind::Ratio ? formatNumber(ratio) : kClipNames[static_cast<int>(kind)];
}

Status QuantSpec::validate() const {
  if (isFloat()) {
    const std::string name = nameOf(dtype);
    if (bits != 4) return invalid("bits", std::to_string(bits), "4 for dtype " + name);
    if (fullRange) return invalid("full_range", "true", "only dtype int with scheme sym");
  }
  if (bits < 1 || bits > 8) return invalid("bits", std::to_string(bits), "1 to 8");
  if (fullRange && scheme != Scheme::Sym) {
    return invalid("full_range", "true", "only scheme sym, not asym");
  }
  if (fullRange && bits == 1) {
    return invalid("full_range", "true", "2 to 8 bits: with 1 bit the scale would be divided by 0");
  }
  if (auto status = validateGroupSize("group_size", groupSize); !status) return status;
  if (clip.kind == ClipPolicy::Kind::Ratio) {
    if (auto status = validateRatio("clip", clip.ratio); !status) return status;
  }
  if (auto status = validateGrid(grid); !status) return status;
  return doubleQuant ? validateDoubleQuant(*doubleQuant) : ok();
}

const char* nameOf(Dtype dtype) {
  for (const DtypeName& entry : kDtypes) {
    if (entry.dtype == dtype) return entry.name;
  }
  return "";
}

const char* nameOf(Scheme scheme) {
  return scheme == Scheme::Sym ? "sym" : "asym";
}

Result<Dtype> parseDtype(std::string_view text) {
  for (const DtypeName& entry : kDtypes) {
    if (text == entry.name) return entry.dtype;
  }
  return invalid("dtype", std::string(text), "int, nf4, fp4, fp4_e2m1_bnb, fp4_e2m1");
}

Result<Scheme> parseScheme(std::string_view text) {
  if (text == "asym") return Scheme::Asym;
  if (text == "sym") return Scheme::Sym;
  return invalid("scheme", std::string(text), "sym, asym");
}

const std::vector<Dtype>& allDtypes() {
  static const std::vector<Dtype> dtypes = [] {
    std::vector<Dtype> all;
    for (const DtypeName& entry : kDtypes) all.push_back(entry.dtype);
    return all;
  }();
  return dtypes;
}

Codec codecOf(const QuantSpec& spec) {
  return codecFor(spec.dtype, spec.bits, spec.scheme, spec.fullRange);
}

Codec codecOf(const DoubleQuant& doubleQuant) {
  return codecFor(doubleQuant.dtype, doubleQuant.bits, Scheme::Sym, false);
}

GroupLayout layoutOf(const QuantSpec& spec, std::size_t rows, std::size_t cols) {
  return GroupLayout::of(rows, cols, spec.groupSize);
}

std::string describe(const QuantSpec& spec) {
  std::string text = spec.isFloat() ? nameOf(spec.dtype) : "int" + std::to_string(spec.bits);
  text += spec.groupSize == -1 ? " per row" : " g" + std::to_string(spec.groupSize);
  if (!spec.isFloat()) text += std::string(" ") + nameOf(spec.scheme);
  if (spec.fullRange) text += " full range";
  if (spec.clip.kind == ClipPolicy::Kind::Ratio) {
    text += ", clip " + formatRounded(spec.clip.ratio);
  } else if (spec.clip.searches()) {
    text += ", clip " + spec.clip.text();
  }
  if (spec.doubleQuant) text += ", double quant";
  return text;
}

std::string commandLineOptions(const QuantSpec& spec) {
  std::string text = std::string("--dtype ") + nameOf(spec.dtype);
  if (!spec.isFloat()) {
    text += " --bits " + std::to_string(spec.bits) + " --scheme " + nameOf(spec.scheme);
  }
  text += " --group-size " + std::to_string(spec.groupSize);
  if (spec.fullRange) text += " --full-range";
  text += " --clip " + spec.clip.text();
  if (spec.grid != RatioGrid{}) text += " --ratios " + spec.grid.text();
  if (const auto& dq = spec.doubleQuant) {
    text += " --double-quant --double-quant-dtype " + std::string(nameOf(dq->dtype)) +
            " --double-quant-bits " + std::to_string(dq->bits) + " --double-quant-scheme " +
            nameOf(dq->scheme) + " --double-quant-group-size " + std::to_string(dq->groupSize);
  }
  return text;
}

Json toJson(const QuantSpec& spec) {
  Json json = Json::object({{"dtype", nameOf(spec.dtype)},
                            {"bits", spec.bits},
                            {"group_size", static_cast<std::int64_t>(spec.groupSize)},
                            {"scheme", nameOf(spec.scheme)},
                            {"full_range", spec.fullRange}});
  if (spec.clip.kind == ClipPolicy::Kind::Ratio) {
    json.set("clip", spec.clip.ratio);
  } else {
    json.set("clip", spec.clip.text());
  }
  if (spec.grid != RatioGrid{}) json.set("ratios", spec.grid.text());
  json.set("double_quant", spec.doubleQuant.has_value());
  if (const auto& dq = spec.doubleQuant) {
    json.set("double_quant_dtype", nameOf(dq->dtype));
    json.set("double_quant_bits", dq->bits);
    json.set("double_quant_scheme", nameOf(dq->scheme));
    json.set("double_quant_group_size", static_cast<std::int64_t>(dq->groupSize));
  }
  return json;
}

Result<QuantSpec> specFromJson(const Json& json, const std::string& name) {
  const Json::Object* object = json.asObject();
  if (object == nullptr) {
    return Error{ErrorCode::InvalidArgument, name + ": a spec must be a JSON object"};
  }
  SpecReader reader(name);
  for (const auto& [key, value] : *object) {
    if (auto status = reader.take(key, value); !status) return status.error();
  }
  if (reader.doubleQuantOn) reader.spec.doubleQuant = reader.doubleQuant;
  if (auto status = reader.spec.validate(); !status) {
    return Error{ErrorCode::InvalidArgument, name + ": " + status.error().message};
  }
  return reader.spec;
}

}  // namespace quantoscope
