// Metrics as members of a JSON object.
#pragma once

#include <optional>

#include "core/base/json.h"
#include "core/metrics/error_metrics.h"

namespace quantoscope {

/// Every metric by its key; where it has a place, "max_abs_error_at" after it.
Json toJson(const ErrorMetrics& metrics);

/// Adds the number of every metric to `json`, null where there are no metrics.
void setMetrics(Json& json, const std::optional<ErrorMetrics>& metrics);

/// Adds the metrics that are not NaN to `json`.
void setKnownMetrics(Json& json, const ErrorMetrics& metrics);

/// Reads what setKnownMetrics wrote: NaN where `json` has no number of that key, so that files of
/// programs that knew fewer metrics are read. Nothing where it has none at all.
std::optional<ErrorMetrics> knownMetricsIn(const Json& json);

}  // namespace quantoscope
