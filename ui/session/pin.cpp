#include "ui/session/pin.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/metrics/metrics_json.h"

namespace quantoscope::ui {

namespace {

std::optional<double> numberOf(const Json* value) {
  return value != nullptr ? value->asReal() : std::nullopt;
}

/// More bins and ratios than any plot draws.
constexpr std::size_t kMostNumbers = 1 << 16;

template <typename T>
std::optional<std::vector<T>> numbersOf(const Json* value) {
  if (value == nullptr || value->asArray() == nullptr) return std::nullopt;
  if (value->asArray()->size() > kMostNumbers) return std::nullopt;
  std::vector<T> numbers;
  for (const Json& item : *value->asArray()) {
    const auto number = numberOf(&item);
    const bool whole = item.asInteger() != nullptr && *item.asInteger() >= 0;
    if (!number || (std::is_integral_v<T> && !whole)) return std::nullopt;
    numbers.push_back(static_cast<T>(*number));
  }
  return numbers;
}

Json curveToJson(const ClipCurve& curve) {
  return Json::object({{"ratios", Json::arrayOf(curve.ratios)},
                       {"mse", Json::arrayOf(curve.mse)},
                       {"best", static_cast<std::uint64_t>(curve.best)},
                       {"unclipped_mse", curve.unclippedMse}});
}

std::shared_ptr<const ClipCurve> curveFromJson(const Json* json) {
  if (json == nullptr) return nullptr;
  const auto ratios = numbersOf<double>(json->find("ratios"));
  const auto mse = numbersOf<double>(json->find("mse"));
  const auto unclipped = numberOf(json->find("unclipped_mse"));
  const Json* best = json->find("best");
  const bool whole = ratios && mse && unclipped && best != nullptr && best->asInteger() != nullptr;
  if (!whole || ratios->empty() || ratios->size() != mse->size()) return nullptr;
  auto curve = std::make_shared<ClipCurve>();
  curve->ratios = *ratios;
  curve->mse = *mse;
  curve->unclippedMse = *unclipped;
  curve->best = static_cast<std::size_t>(*best->asInteger());
  return curve->best < curve->ratios.size() ? curve : nullptr;
}

Json measureToJson(const PinMeasure& measure) {
  Json json = Json::object();
  setKnownMetrics(json, measure.metrics);
  json.set("bits_per_weight", measure.bitsPerWeight);
  json.set("bytes", measure.bytes);
  if (measure.clipRatio) json.set("clip_ratio", *measure.clipRatio);
  json.set("errors", Json::object({{"from", measure.errors.lo},
                                   {"to", measure.errors.hi},
                                   {"counts", Json::arrayOf(measure.errors.counts)}}));
  if (measure.curve) json.set("curve", curveToJson(*measure.curve));
  return json;
}

/// Null where anything is missing: a pin without its measure is measured again.
SharedPinMeasure measureFromJson(const Json* json) {
  if (json == nullptr) return nullptr;
  const auto metrics = knownMetricsIn(*json);
  const auto bits = numberOf(json->find("bits_per_weight"));
  const Json* bytes = json->find("bytes");
  const Json* errors = json->find("errors");
  if (!metrics || !bits || bytes == nullptr || errors == nullptr) return nullptr;
  const auto from = numberOf(errors->find("from"));
  const auto to = numberOf(errors->find("to"));
  const auto counts = numbersOf<std::uint64_t>(errors->find("counts"));
  if (!from || !to || !counts || counts->empty() || bytes->asInteger() == nullptr) return nullptr;
  auto measure = std::make_shared<PinMeasure>();
  measure->metrics = *metrics;
  measure->bitsPerWeight = *bits;
  measure->bytes = static_cast<std::uint64_t>(*bytes->asInteger());
  measure->clipRatio = numberOf(json->find("clip_ratio"));
  measure->errors = {*from, *to, *counts};
  measure->curve = curveFromJson(json->find("curve"));
  return measure;
}

}  // namespace

bool PinMeasure::lacksMetricOf(const AnalysisResult& result) const {
  return result.metrics && std::any_of(kMetrics.begin(), kMetrics.end(), [&](const MetricRow& row) {
           return std::isnan(row.of(metrics)) && !std::isnan(row.of(*result.metrics));
         });
}

std::optional<PinMeasure> PinMeasure::from(const AnalysisResult& result,
                                           std::shared_ptr<const ClipCurve> curve) {
  const bool exact = !result.preview || result.preview->whole();
  if (!exact || !result.metrics || !result.errorHistogram) return std::nullopt;
  PinMeasure measure;
  measure.metrics = *result.metrics;
  measure.bitsPerWeight = result.storage.bitsPerWeight();
  measure.bytes = result.storage.bytes();
  const ClipRatios& ratios = result.clip.ratios;
  if (ratios.granularity == ClipRatios::Granularity::Tensor && !ratios.optimal) {
    measure.clipRatio = ratios.values.front();
  }
  measure.errors = *result.errorHistogram;
  measure.curve = std::move(curve);
  return measure;
}

Json toJson(const Pin& pin, const QString& file) {
  Json json = Json::object({{"name", pin.name.toStdString()},
                            {"color", pin.color},
                            {"shown", pin.shown},
                            {"file", file.toStdString()},
                            {"tensor", pin.tensor.toStdString()},
                            {"spec", toJson(pin.spec)}});
  if (pin.measure) json.set("measure", measureToJson(*pin.measure));
  return json;
}

Result<Pin> pinFromJson(const Json& json, const std::string& name) {
  const auto wrong = [&name](const std::string& what) {
    return Error{ErrorCode::InvalidArgument, name + ": " + what};
  };
  constexpr qsizetype kMostOfField = 16 * 1024 * 1024;  // a tensor's name may be long
  Pin pin;
  for (const auto& [key, field] :
       {std::pair{"name", &pin.name}, {"file", &pin.file}, {"tensor", &pin.tensor}}) {
    const Json* value = json.find(key);
    if (value == nullptr || !value->isString()) return wrong(std::string(key) + " must be a text");
    *field = QString::fromStdString(*value->asString());
    if (field->size() > kMostOfField) {
      return wrong(std::string(key) + " is too long; allowed are at most " +
                   std::to_string(kMostOfField) + " characters");
    }
  }
  if (const Json* color = json.find("color")) {
    const std::int64_t* index = color->asInteger();
    if (index == nullptr || *index < 0 || *index >= Pin::kColors) {
      return wrong("color must be a whole number from 0 to 7");
    }
    pin.color = static_cast<int>(*index);
  }
  if (const Json* shown = json.find("shown")) {
    if (shown->asBool() == nullptr) return wrong("shown must be true or false");
    pin.shown = *shown->asBool();
  }
  const Json* spec = json.find("spec");
  if (spec == nullptr) return wrong("the key 'spec' is missing");
  auto parsed = specFromJson(*spec, name);
  if (!parsed) return parsed.error();
  pin.spec = std::move(*parsed);
  pin.measure = measureFromJson(json.find("measure"));
  return pin;
}

}  // namespace quantoscope::ui
