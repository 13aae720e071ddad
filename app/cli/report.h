// Results as JSON and as text.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/engine/analysis.h"
#include "core/metrics/error_report.h"
#include "core/metrics/metrics_json.h"
#include "core/model/export_model.h"

namespace quantoscope::cli {

Json toJson(const TensorInfo& info);
Json toJson(const AnalysisResult& result);
Json toJson(const StorageCost& storage);
Json toJson(const Histogram& histogram);
/// What inspect --detail and compare add to the metrics; without profiles and map.
Json toJson(const ErrorReport& report);
/// Adds the profiles: "rows", "channels", "group_positions", an array for each metric.
void addProfiles(Json& json, const ErrorReport& report);

/// A table as text. Columns are left-aligned, or right-aligned where every row looks like a number.
/// Each row is one line, whatever its cells hold.
std::string tableText(const std::vector<std::string>& header,
                      std::vector<std::vector<std::string>> rows);

/// "512x257".
std::string shapeText(const std::vector<std::size_t>& shape);

/// The text that inspect prints.
std::string text(const AnalysisResult& result);

/// What was exported, as a table.
std::string text(const ExportReport& report);

/// The metrics alone, one line each.
std::string text(const ErrorMetrics& metrics);

/// Adds the headings of the metrics that such a table lists.
void appendHeadings(std::vector<std::string>& header, TableRoom room);
/// Adds their numbers, or "-" where there are none.
void appendCells(std::vector<std::string>& row, const std::optional<ErrorMetrics>& metrics,
                 TableRoom room);

/// What inspect --detail adds to the text.
std::string text(const ErrorReport& report);

/// A clip curve as text: one line per ratio with a bar, the best one marked.
std::string text(const ClipCurve& curve);

}  // namespace quantoscope::cli
