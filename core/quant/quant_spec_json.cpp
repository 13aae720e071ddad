#include "core/quant/quant_spec.h"

namespace quantoscope {

namespace {

/// Reads the members of a JSON object into a spec, one key at a time.
class SpecReader {
 public:
  explicit SpecReader(std::string name) : name_(std::move(name)) {}

  Status take(const std::string& key, const Json& value) {
    if (key == "dtype") return text(key, value, parseDtype, spec_.dtype);
    if (key == "codebook") return codebook(value);
    if (key == "bits") return integer(key, value, bits_.emplace());
    if (key == "group_size") return integer(key, value, groupSize_.emplace());
    if (key == "scheme") return text(key, value, parseScheme, spec_.scheme);
    if (key == "full_range") return flag(key, value, spec_.fullRange);
    if (key == "half_range") return flag(key, value, spec_.halfRange);
    if (key == "compute") return text(key, value, parseCompute, spec_.compute);
    if (key == "clip") return clip(key, value);
    if (key == "ratios") return text(key, value, RatioGrid::parse, spec_.grid);
    if (key == "clip_ratio") return ok();  // what a search found: a record, not a choice
    if (key == "double_quant") return flag(key, value, doubleQuantOn_);
    if (key == "double_quant_dtype") return text(key, value, parseDtype, doubleQuant_.dtype);
    if (key == "double_quant_bits") return integer(key, value, doubleQuant_.bits);
    if (key == "double_quant_scheme") return text(key, value, parseScheme, doubleQuant_.scheme);
    if (key == "double_quant_group_size") return integer(key, value, doubleQuant_.groupSize);
    return Error{ErrorCode::InvalidArgument, name_ + ": unknown key '" + key + "' in a spec"};
  }

  /// The whole spec: bits and group size that were absent are what the number format prescribes.
  QuantSpec finish() {
    const auto ownBits = prescribedBits(spec_.dtype, spec_.codebook);
    spec_.bits = bits_.value_or(ownBits.value_or(spec_.bits));
    const auto ownGroupSize = prescribedGroupSize(spec_.dtype);
    spec_.groupSize = groupSize_.value_or(ownGroupSize.value_or(spec_.groupSize));
    if (doubleQuantOn_) spec_.doubleQuant = doubleQuant_;
    return spec_;
  }

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

  Status codebook(const Json& value) {
    auto found = codebookFromJson(value, name_ + ": codebook");
    if (!found) return found.error();
    spec_.codebook = std::move(*found);
    return ok();
  }

  Status clip(const std::string& key, const Json& value) {
    if (value.isNumber()) {
      spec_.clip = ClipPolicy::fixed(value.asNumber(0));
      return ok();
    }
    return text(key, value, ClipPolicy::parse, spec_.clip);
  }

  std::string name_;
  QuantSpec spec_;
  std::optional<int> bits_;
  std::optional<long long> groupSize_;
  DoubleQuant doubleQuant_;
  bool doubleQuantOn_ = false;
};

}  // namespace

Json toJson(const QuantSpec& spec) {
  Json json = Json::object({{"dtype", nameOf(spec.dtype)},
                            {"bits", spec.bits},
                            {"group_size", static_cast<std::int64_t>(spec.groupSize)},
                            {"scheme", nameOf(spec.scheme)},
                            {"full_range", spec.fullRange},
                            {"half_range", spec.halfRange}});
  if (spec.codebook.book != nullptr) json.set("codebook", toJson(spec.codebook));
  if (spec.clip.kind == ClipPolicy::Kind::Ratio) {
    json.set("clip", spec.clip.ratio);
  } else {
    json.set("clip", spec.clip.text());
  }
  if (spec.grid != RatioGrid{}) json.set("ratios", spec.grid.text());
  json.set("compute", nameOf(spec.compute));
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
  const QuantSpec spec = reader.finish();
  if (auto status = spec.validate(); !status) {
    return Error{ErrorCode::InvalidArgument, name + ": " + status.error().message};
  }
  return spec;
}

}  // namespace quantoscope
