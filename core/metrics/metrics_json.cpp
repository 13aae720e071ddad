#include "core/metrics/metrics_json.h"

#include <cmath>
#include <string>

namespace quantoscope {

Json toJson(const ErrorMetrics& metrics) {
  Json json = Json::object();
  for (const MetricRow& row : kMetrics) {
    json.set(row.key, row.of(metrics));
    if (row.place == nullptr) continue;
    const Position& at = metrics.*row.place;
    json.set(std::string(row.key) + "_at",
             Json::object({{"row", std::uint64_t{at.row}}, {"col", std::uint64_t{at.col}}}));
  }
  return json;
}

void setMetrics(Json& json, const std::optional<ErrorMetrics>& metrics) {
  for (const MetricRow& row : kMetrics)
    json.set(row.key, metrics ? Json(row.of(*metrics)) : Json());
}

void setKnownMetrics(Json& json, const ErrorMetrics& metrics) {
  for (const MetricRow& row : kMetrics) {
    if (!std::isnan(row.of(metrics))) json.set(row.key, row.of(metrics));
  }
}

std::optional<ErrorMetrics> knownMetricsIn(const Json& json) {
  ErrorMetrics metrics = ErrorMetrics::unknown();
  bool any = false;
  for (const MetricRow& row : kMetrics) {
    const Json* value = json.find(row.key);
    const auto number = value != nullptr ? value->asReal() : std::nullopt;
    if (!number) continue;
    metrics.*row.value = *number;
    any = true;
  }
  return any ? std::optional(metrics) : std::nullopt;
}

}  // namespace quantoscope
