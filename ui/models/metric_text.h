// What the table of metrics says, in the user's language and notation.
#pragma once

#include <QString>

#include "core/metrics/error_metrics.h"

namespace quantoscope::ui {

/// "Largest |error|".
QString labelOf(const MetricRow& metric);
/// Of a column: "SQNR, dB".
QString titleOf(const MetricRow& metric);
/// Of an axis: "SQNR (dB)".
QString axisLabelOf(const MetricRow& metric);
/// "weight²"; empty where there is none.
QString unitOf(const MetricRow& metric);
/// The definition, and in a second line the formula.
QString tipOf(const MetricRow& metric);
/// The tip of a column that holds it for each tensor: also which values are better.
QString columnTipOf(const MetricRow& metric);

/// The text of a cell. `shown` is what MetricRow::shown returns.
QString cellText(const MetricRow& metric, double shown);

}  // namespace quantoscope::ui
