#include "core/exporting/plan_file.h"

#include <fstream>
#include <sstream>

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

std::optional<double> numberIn(const Json* object, const char* key) {
  const Json* value = object != nullptr ? object->find(key) : nullptr;
  if (value == nullptr) return std::nullopt;
  if (value->isNumber()) return value->asNumber(0);
  return std::nullopt;
}

Result<TensorPlan> tensorFromJson(const Json& json, const std::string& name) {
  const Json* spec = json.find("spec");
  if (spec == nullptr)
    return Error{ErrorCode::InvalidArgument, name + ": the key 'spec' is missing"};
  auto parsed = specFromJson(*spec, name);
  if (!parsed) return parsed.error();
  TensorPlan plan;
  plan.spec = *parsed;
  plan.clipRatio = numberIn(spec, "clip_ratio");
  if (plan.clipRatio && !(*plan.clipRatio > 0 && *plan.clipRatio <= 1)) {
    return Error{ErrorCode::InvalidArgument, name + ": clip_ratio must be above 0 and up to 1"};
  }
  if (const Json* pinned = json.find("pinned")) {
    if (pinned->asBool() == nullptr) {
      return Error{ErrorCode::InvalidArgument, name + ": pinned must be true or false"};
    }
    plan.pinned = *pinned->asBool();
  }
  const Json* metrics = json.find("metrics");
  if (metrics != nullptr) plan.metrics = knownMetricsIn(*metrics);
  plan.bitsPerWeight = numberIn(metrics, "bits_per_weight");
  return plan;
}

std::string textIn(const Json* object, const char* key) {
  const Json* value = object != nullptr ? object->find(key) : nullptr;
  return value != nullptr && value->isString() ? *value->asString() : "";
}

/// The files of a source of several; older plans tell none.
std::vector<FileDigest> filesIn(const Json* source) {
  std::vector<FileDigest> files;
  const Json* listed = source != nullptr ? source->find("files") : nullptr;
  if (listed == nullptr || listed->asArray() == nullptr) return files;
  for (const Json& file : *listed->asArray()) {
    files.push_back({textIn(&file, "file"), textIn(&file, "sha256")});
  }
  return files;
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

}  // namespace

Result<TuningPlan> planFromJson(const Json& json, const std::string& name) {
  const Json* version = json.find("version");
  if (textIn(&json, "format") != kFormat || version == nullptr || !version->isNumber()) {
    return Error{ErrorCode::InvalidArgument,
                 name + ": not a Quantoscope plan (\"format\":\"quantoscope-plan\" is missing)"};
  }
  if (version->asNumber(0) != kVersion) {
    return Error{ErrorCode::InvalidArgument, name + ": plan version " + version->text(-1) +
                                                 " is not supported; only version 1 is"};
  }
  TuningPlan plan;
  plan.sourceFile = textIn(json.find("source"), "file");
  plan.sourceSha256 = textIn(json.find("source"), "sha256");
  plan.sourceFiles = filesIn(json.find("source"));
  if (const Json* spec = json.find("default")) {
    auto parsed = specFromJson(*spec, name + ": default");
    if (!parsed) return parsed.error();
    plan.defaultSpec = *parsed;
  }
  if (const Json* tensors = json.find("tensors")) {
    if (!tensors->isObject()) {
      return Error{ErrorCode::InvalidArgument, name + ": tensors must be a JSON object"};
    }
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
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf())) {
    return Error{ErrorCode::UnreadableFile, path + ": cannot be read"};
  }
  auto json = parseJson(text.str(), path);
  if (!json) return json.error();
  return planFromJson(*json, path);
}

Status writePlan(const TuningPlan& plan, const OutputPath& path) {
  return writeFile(path, planToJson(plan).text() + "\n");
}

}  // namespace quantoscope
