#include "core/exporting/plan_file.h"

#include <optional>
#include <utility>

#include "core/base/file_output.h"
#include "core/base/input_file.h"
#include "core/metrics/metrics_json.h"

namespace quantoscope {

namespace {

constexpr const char* kFormat = "quantoscope-plan";
constexpr std::int64_t kVersion = 1;

Json tensorToJson(const TensorPlan& plan) {
  Json spec = toJson(plan.spec);
  if (plan.clipRatio) spec.set("clip_ratio", *plan.clipRatio);
  Json metrics = Json::object();
  if (plan.metrics) setKnownMetrics(metrics, *plan.metrics);
  if (plan.bitsPerWeight) metrics.set("bits_per_weight", *plan.bitsPerWeight);
  return Json::object({{"spec", spec}, {"pinned", plan.pinned}, {"metrics", metrics}});
}

Error wrong(const std::string& name, const std::string& what) {
  return {ErrorCode::InvalidArgument, name + ": " + what};
}

/// The number under a key, where there is one; what is not finite is written as a text.
Result<std::optional<double>> numberIn(const Json* object, const char* key,
                                       const std::string& name) {
  const Json* value = object != nullptr ? object->find(key) : nullptr;
  if (value == nullptr) return std::optional<double>();
  if (!value->asReal()) return wrong(name, std::string(key) + " must be a number");
  return value->asReal();
}

Result<TensorPlan> tensorFromJson(const Json& json, const std::string& name) {
  const Json* spec = json.find("spec");
  if (spec == nullptr) return wrong(name, "the key 'spec' is missing");
  auto parsed = specFromJson(*spec, name);
  if (!parsed) return parsed.error();
  TensorPlan plan;
  plan.spec = *parsed;
  const auto ratio = numberIn(spec, "clip_ratio", name);
  if (!ratio) return ratio.error();
  plan.clipRatio = *ratio;
  if (plan.clipRatio && !(*plan.clipRatio > 0 && *plan.clipRatio <= 1)) {
    return wrong(name, "clip_ratio must be above 0 and up to 1");
  }
  if (const Json* pinned = json.find("pinned")) {
    if (pinned->asBool() == nullptr) return wrong(name, "pinned must be true or false");
    plan.pinned = *pinned->asBool();
  }
  const Json* metrics = json.find("metrics");
  if (metrics != nullptr && !metrics->isObject()) {
    return wrong(name, "metrics must be a JSON object");
  }
  if (metrics != nullptr) plan.metrics = knownMetricsIn(*metrics);
  const auto bits = numberIn(metrics, "bits_per_weight", name);
  if (!bits) return bits.error();
  plan.bitsPerWeight = *bits;
  return plan;
}

std::string textIn(const Json* object, const char* key) {
  const Json* value = object != nullptr ? object->find(key) : nullptr;
  return value != nullptr && value->isString() ? *value->asString() : "";
}

Json sourceJson(const TuningPlan& plan) {
  Json source = Json::object({{"file", plan.sourceFile}, {"sha256", plan.sourceSha256}});
  if (plan.sourceFiles.empty()) return source;
  Json::Array files;
  for (const FileDigest& digest : plan.sourceFiles) {
    const bool missing = digest.sha256.empty();
    files.push_back(
        Json::object({{"file", digest.file}, {"sha256", missing ? Json() : Json(digest.sha256)}}));
  }
  source.set("files", std::move(files));
  return source;
}

/// The files of a source of several; older plans tell none.
Status readFiles(const Json& source, const std::string& name, std::vector<FileDigest>& files) {
  const Json* listed = source.find("files");
  if (listed == nullptr) return ok();
  if (listed->asArray() == nullptr) return wrong(name, "source: files must be a list");
  for (const Json& file : *listed->asArray()) {
    const Json* path = file.isObject() ? file.find("file") : nullptr;
    const Json* sha256 = file.isObject() ? file.find("sha256") : nullptr;
    if (path == nullptr || !path->isString() ||
        (sha256 != nullptr && !sha256->isString() && !sha256->isNull())) {
      return wrong(name, "source: files must list objects of file and sha256, both texts");
    }
    const bool told = sha256 != nullptr && sha256->isString();
    files.push_back({*path->asString(), told ? *sha256->asString() : std::string()});
  }
  return ok();
}

Status readSource(const Json& json, const std::string& name, TuningPlan& plan) {
  const Json* source = json.find("source");
  if (source == nullptr) return ok();
  if (!source->isObject()) return wrong(name, "source must be a JSON object");
  for (const auto& [key, field] :
       {std::pair{"file", &plan.sourceFile}, {"sha256", &plan.sourceSha256}}) {
    const Json* value = source->find(key);
    if (value == nullptr) continue;
    if (!value->isString()) return wrong(name, std::string("source: ") + key + " must be a text");
    *field = *value->asString();
  }
  return readFiles(*source, name, plan.sourceFiles);
}

}  // namespace

Result<TuningPlan> planFromJson(const Json& json, const std::string& name) {
  const Json* version = json.find("version");
  if (textIn(&json, "format") != kFormat || version == nullptr || !version->isNumber()) {
    return wrong(name, "not a Quantoscope plan (\"format\":\"quantoscope-plan\" is missing)");
  }
  if (version->asNumber(0) != kVersion) {
    return wrong(name,
                 "plan version " + version->text(-1) + " is not supported; only version 1 is");
  }
  TuningPlan plan;
  if (auto status = readSource(json, name, plan); !status) return status.error();
  if (const Json* spec = json.find("default")) {
    auto parsed = specFromJson(*spec, name + ": default");
    if (!parsed) return parsed.error();
    plan.defaultSpec = *parsed;
  }
  if (const Json* tensors = json.find("tensors")) {
    if (!tensors->isObject()) return wrong(name, "tensors must be a JSON object");
    for (const auto& [tensorName, value] : *tensors->asObject()) {
      auto tensor = tensorFromJson(value, name + ": " + tensorName);
      if (!tensor) return tensor.error();
      plan.tensors[tensorName] = std::move(*tensor);
    }
  }
  return plan;
}

Json planToJson(const TuningPlan& plan) {
  Json::Object members;
  for (const auto& [name, tensor] : plan.tensors) members.emplace_back(name, tensorToJson(tensor));
  return Json::object({{"format", kFormat},
                       {"version", kVersion},
                       {"source", sourceJson(plan)},
                       {"default", toJson(plan.defaultSpec)},
                       {"tensors", Json(std::move(members))}});
}

Result<TuningPlan> readPlan(const std::string& path) {
  const auto text = readWholeFile(path, kMostDocumentBytes);
  if (!text) return text.error();
  const auto json = parseJson(*text, path);
  if (!json) return json.error();
  return planFromJson(*json, path);
}

Status writePlan(const TuningPlan& plan, const OutputPath& path) {
  return writeFile(path, planToJson(plan).text() + "\n");
}

}  // namespace quantoscope
