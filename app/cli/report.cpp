#include "app/cli/report.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include "core/base/printable.h"
#include "core/base/text.h"

namespace quantoscope::cli {

namespace {

Json count(std::uint64_t value) {
  return Json(value);
}

Json healthJson(const TensorHealth& health) {
  Json json = Json::object({{"nan", count(health.nan)},
                            {"inf", count(health.inf)},
                            {"zero", count(health.zero)},
                            {"subnormal", count(health.subnormal)}});
  if (health.firstNonFinite) {
    json.set("first_non_finite", Json::object({{"row", count(health.firstNonFinite->row)},
                                               {"col", count(health.firstNonFinite->col)}}));
  }
  return json;
}

Json statisticsJson(const WeightStatistics& stats) {
  return Json::object({{"min", stats.min},
                       {"max", stats.max},
                       {"mean", stats.mean},
                       {"std", stats.std},
                       {"kurtosis", stats.kurtosis}});
}

bool looksLikeNumber(const std::string& text) {
  return text.empty() || text == "-" || text == "inf" || parseNumber(text).has_value();
}

std::string line(const char* label, const std::string& value) {
  std::string text = std::string("  ") + label;
  text.resize(std::max<std::size_t>(text.size() + 1, 22), ' ');
  return text + printable(value) + "\n";
}

/// "Max |error|" as "max |error|"; "MSE" stays.
std::string withinASentence(std::string title) {
  const bool word = title.size() > 1 && std::islower(static_cast<unsigned char>(title[1])) != 0;
  if (word) title[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(title[0])));
  return title;
}

std::string at(Position position) {
  return "row " + std::to_string(position.row) + ", column " + std::to_string(position.col);
}

Json percentilesJson(const std::vector<Percentile>& percentiles) {
  Json::Array array;
  for (const Percentile& p : percentiles) {
    array.push_back(Json::object({{"percent", p.percent}, {"value", p.value}}));
  }
  return Json(std::move(array));
}

Json worstGroupsJson(const std::vector<GroupError>& groups, const ErrorReport& report) {
  Json::Array array;
  for (const GroupError& group : groups) {
    Json::Object members = {{"row", count(group.row)}, {"group", count(group.group)}};
    const Json metrics = quantoscope::toJson(group.tally.metrics(report.map.layout.cols));
    members.insert(members.end(), metrics.asObject()->begin(), metrics.asObject()->end());
    Json json(std::move(members));
    if (report.split) {  // the coding is known
      json.set("clipping_squared_error", group.tally.clipping);
      json.set("rounding_squared_error", group.tally.rounding());
    }
    array.push_back(std::move(json));
  }
  return Json(std::move(array));
}

/// One array per quantity, one element per point; neighbouring members that share a point are one
/// tally.
Json profileJson(const Profile& profile, std::size_t cols) {
  std::vector<ErrorMetrics> metrics;
  for (const Profile::Point& point : profile.points) metrics.push_back(point.tally.metrics(cols));
  const auto arrayOf = [](const auto& items, auto value) {
    Json::Array array;
    array.reserve(items.size());
    for (const auto& item : items) array.emplace_back(value(item));
    return Json(std::move(array));
  };
  Json json = Json::object(
      {{"members", count(profile.length)}, {"members_per_point", count(profile.perPoint)}});
  for (const MetricRow& row : kMetrics) {
    json.set(row.key, arrayOf(metrics, [&](const ErrorMetrics& m) { return row.of(m); }));
    if (row.place == nullptr) continue;
    const std::string key = row.key;
    json.set(key + "_row",
             arrayOf(metrics, [&](const ErrorMetrics& m) { return count((m.*row.place).row); }));
    json.set(key + "_col",
             arrayOf(metrics, [&](const ErrorMetrics& m) { return count((m.*row.place).col); }));
  }
  using Point = Profile::Point;
  const auto set = [&](const char* key, auto value) {
    json.set(key, arrayOf(profile.points, value));
  };
  set("clipping_squared_error", [](const Point& point) { return point.tally.clipping; });
  set("rounding_squared_error", [](const Point& point) { return point.tally.rounding(); });
  set("worst", [](const Point& point) { return count(point.worst); });
  set("worst_mse", [](const Point& point) { return point.worstMse; });
  return json;
}

Json outliersJson(const ChannelOutliers& outliers) {
  Json::Array array;
  for (const OutlierChannel& channel : outliers.channels) {
    array.push_back(Json::object({{"channel", count(channel.channel)},
                                  {"rms", channel.rms},
                                  {"max_abs", channel.maxAbs},
                                  {"times_median", channel.times()}}));
  }
  return Json::object({{"count", count(outliers.count)}, {"channels", std::move(array)}});
}

Json splitJson(const ErrorSplit& split) {
  return Json::object({{"clipped", count(split.clipped)},
                       {"clipping_squared_error", split.clipping},
                       {"rounding_squared_error", split.rounding}});
}

Json codesJson(const CodeUse& use) {
  Json::Array array;
  for (const CodeUse::Code& code : use.codes) {
    array.push_back(
        Json::object({{"code", code.code}, {"level", code.level}, {"count", count(code.count)}}));
  }
  return Json::object({{"unused", count(use.unused)},
                       {"entropy_bits", use.entropyBits},
                       {"bits", use.bits},
                       {"codes", std::move(array)}});
}

std::string percent(double share) {
  return formatRounded(100 * share, 4) + " %";
}

}  // namespace

Json toJson(const ErrorReport& report) {
  Json json = Json::object({{"percentiles", percentilesJson(report.percentiles)},
                            {"worst_groups", worstGroupsJson(report.worstGroups, report)},
                            {"outlier_channels", outliersJson(report.outliers)}});
  if (report.split) json.set("split", splitJson(*report.split));
  if (report.codes) json.set("codes", codesJson(*report.codes));
  if (report.weightedMse) json.set("weighted_mse", *report.weightedMse);
  return json;
}

namespace {

/// The stored axes that span the rows (output channels), or the columns (input channels first).
std::vector<int> axesJson(const TensorInfo& info, bool rows) {
  const std::vector<int>& order = info.axes.order;
  const auto middle =
      order.begin() + std::min<std::ptrdiff_t>(info.axes.rowAxes, std::ssize(order));
  return rows ? std::vector<int>(order.begin(), middle) : std::vector<int>(middle, order.end());
}

std::string axesText(const std::vector<int>& axes) {
  std::vector<std::string> parts;
  for (const int axis : axes) parts.push_back(std::to_string(axis));
  return axes.size() == 1 ? "axis " + parts.front() : "axes " + join(parts, ", ");
}

}  // namespace

void addProfiles(Json& json, const ErrorReport& report) {
  const std::size_t cols = report.map.layout.cols;
  json.set("rows", profileJson(report.rows, cols));
  json.set("channels", profileJson(report.columns, cols));
  json.set("group_positions", profileJson(report.groupPositions, cols));
}

/// Whether it is float8 with scales, which its type tells.
static bool isScaled(const TensorInfo& info) {
  return info.dtype.find(kTimesScales) != std::string::npos;
}

Json toJson(const TensorInfo& info) {
  std::vector<std::uint64_t> shape(info.shape.begin(), info.shape.end());
  return Json::object(
      {{"name", info.name},
       {"shape", Json::arrayOf(shape)},
       {"dtype", info.dtype},
       {"rows", count(info.rows)},
       {"cols", count(info.cols)},
       {"bytes", count(info.bytes)},
       {"layer", info.layer},
       {"orientation", nameOf(info.transposed ? Orientation::Columns : Orientation::Rows)},
       {"row_axes", Json::arrayOf(axesJson(info, true))},
       {"column_axes", Json::arrayOf(axesJson(info, false))},
       {"axes_evidence", nameOf(info.evidence)},
       {"axes_because", info.because},
       {"gates", Json::arrayOf(info.gates)},
       {"quantizable", info.quantizable},
       {"reason", info.reason},
       {"refused", info.refused},
       {"incomplete", info.incomplete},
       {"perhaps_bfloat16", info.perhapsBFloat16},
       {"quantized_as", isScaled(info) ? info.dtype : info.quantizedAs}});
}

Json toJson(const StorageCost& storage) {
  return Json::object({{"bits_per_weight", storage.bitsPerWeight()},
                       {"bytes", count(storage.bytes())},
                       {"code_bits", count(storage.codeBits)},
                       {"scale_bits", count(storage.scaleBits)},
                       {"zero_point_bits", count(storage.zeroPointBits)},
                       {"double_quant_bits", count(storage.doubleQuantBits)}});
}

Json toJson(const Histogram& histogram) {
  return Json::object(
      {{"edges", Json::arrayOf(histogram.edges())}, {"counts", Json::arrayOf(histogram.counts)}});
}

Json toJson(const AnalysisResult& result) {
  Json json =
      Json::object({{"tensor", result.info.name},
                    {"spec", quantoscope::toJson(result.spec)},
                    {"rows", count(result.info.rows)},
                    {"cols", count(result.info.cols)},
                    {"row_axes", Json::arrayOf(axesJson(result.info, true))},
                    {"column_axes", Json::arrayOf(axesJson(result.info, false))},
                    {"gates", Json::arrayOf(result.info.gates)},
                    {"health", healthJson(result.health)},
                    {"stats", statisticsJson(result.statistics)},
                    {"metrics", result.metrics ? quantoscope::toJson(*result.metrics) : Json()}});
  if (result.weightedMse) json.set("weighted_mse", *result.weightedMse);
  if (result.metrics && result.spec.clip.searches() && result.clip.ratios.values.size() == 1) {
    json.set("clip_ratio", result.clip.ratios.values.front());
  }
  json.set("storage", toJson(result.storage));
  json.set("error_histogram", result.errorHistogram ? toJson(*result.errorHistogram) : Json());
  json.set("weight_histogram", toJson(result.weightHistogram));
  json.set("elapsed_ms", result.elapsedMs);
  return json;
}

std::string tableText(const std::vector<std::string>& header,
                      std::vector<std::vector<std::string>> rows) {
  // One name of a megabyte must not pad all other rows to its length.
  constexpr std::size_t kWidest = 200;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = printable(cell);
  }
  std::vector<std::size_t> widths;
  std::vector<bool> numeric;
  for (std::size_t c = 0; c < header.size(); ++c) {
    widths.push_back(header[c].size());
    numeric.push_back(!rows.empty());
    for (const auto& row : rows) {
      widths[c] = std::max(widths[c], std::min(row[c].size(), kWidest));
      if (!looksLikeNumber(row[c])) numeric[c] = false;
    }
  }
  std::string text;
  const auto append = [&](const std::vector<std::string>& row) {
    std::string lineText;
    for (std::size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - std::min(widths[c], row[c].size()), ' ');
      if (c > 0) lineText += "  ";
      lineText += numeric[c] ? padding + row[c] : row[c] + padding;
    }
    lineText.erase(lineText.find_last_not_of(' ') + 1);
    text += lineText + "\n";
  };
  append(header);
  for (const auto& row : rows) append(row);
  return text;
}

std::string shapeText(const std::vector<std::size_t>& shape) {
  if (shape.empty()) return "scalar";
  std::vector<std::string> parts;
  for (const std::size_t extent : shape) parts.push_back(std::to_string(extent));
  return join(parts, "x");
}

std::string text(const ErrorReport& report) {
  std::string words;
  for (const Percentile& p : report.percentiles) {
    words += line((formatNumber(p.percent) + " % of |error|").c_str(),
                  "up to " + formatRounded(p.value, 6));
  }
  if (report.split) {
    const ErrorSplit& split = *report.split;
    const double whole = split.clipping + split.rounding;
    words +=
        line("clipped",
             std::to_string(split.clipped) + " weights (" + percent(split.clippedShare()) + "), " +
                 percent(whole > 0 ? split.clipping / whole : 0) + " of the squared error");
  }
  if (report.codes) {
    words += line("codes", std::to_string(report.codes->unused) + " unused, entropy " +
                               formatRounded(report.codes->entropyBits, 4) + " of " +
                               std::to_string(report.codes->bits) + " bits");
  }
  if (!report.worstGroups.empty()) {
    const GroupError& worst = report.worstGroups.front();
    words += line("worst group", "row " + std::to_string(worst.row) + ", group " +
                                     std::to_string(worst.group) + ": MSE " +
                                     formatRounded(worst.tally.mse(), 6));
  }
  words += line("outlier channels", std::to_string(report.outliers.count) + " of the inputs");
  return words;
}

std::string text(const ExportReport& report) {
  std::vector<std::vector<std::string>> rows;
  for (const ExportedTensor& tensor : report.tensors) {
    rows.push_back({tensor.name, describe(tensor.spec)});
    appendCells(rows.back(), tensor.metrics, TableRoom::Narrow);
    rows.back().push_back(formatRounded(tensor.storage.bitsPerWeight(), 4));
  }
  std::vector<std::string> header = {"tensor", "specification"};
  appendHeadings(header, TableRoom::Narrow);
  header.emplace_back("bits/weight");
  return tableText(header, rows);
}

std::string text(const ErrorMetrics& metrics) {
  std::string words;
  for (const MetricRow* metric : metricsByAspect()) {
    std::string value = formatRounded(metric->shown(metric->of(metrics)), metric->preciseDigits);
    if (saysUnit(metric->unit)) value += std::string(" ") + textOf(metric->unit);
    if (metric->place != nullptr) value += " at " + at(metrics.*metric->place);
    words += line(withinASentence(metric->title).c_str(), value);
  }
  return words;
}

void appendHeadings(std::vector<std::string>& header, TableRoom room) {
  for (const MetricRow* metric : metricsOfTable(room)) header.emplace_back(metric->heading);
}

void appendCells(std::vector<std::string>& row, const std::optional<ErrorMetrics>& metrics,
                 TableRoom room) {
  for (const MetricRow* metric : metricsOfTable(room)) {
    const int digits = room == TableRoom::Wide ? metric->preciseDigits : metric->digits;
    row.push_back(metrics ? formatRounded(metric->shown(metric->of(*metrics)), digits) : "-");
  }
}

std::string text(const AnalysisResult& result) {
  std::ostringstream out;
  const TensorInfo& info = result.info;
  out << printable(info.name) << "\n"
      << line("stored as", shapeText(info.shape) + " " + info.dtype + ", " +
                               formatBytes(static_cast<double>(info.bytes)))
      << (info.quantizedAs.empty() ? std::string()
                                   : line("decoded from", printable(info.quantizedAs)))
      << line("read as", std::to_string(info.rows) + " output x " + std::to_string(info.cols) +
                             " input channels" + (info.transposed ? " (transposed)" : ""))
      << line("stored axes", "rows from " + axesText(axesJson(info, true)) + ", columns from " +
                                 axesText(axesJson(info, false)))
      << line("axes decided by", info.because)
      << (info.gates.empty()
              ? std::string()
              : line("gates", join(info.gates, ", ") + ", " +
                                  std::to_string(info.rows / info.gates.size()) + " rows each"))
      << line("specification", describe(result.spec))
      << line("min, max", formatRounded(result.statistics.min, 6) + ", " +
                              formatRounded(result.statistics.max, 6))
      << line("mean, std", formatRounded(result.statistics.mean, 6) + ", " +
                               formatRounded(result.statistics.std, 6))
      << line("kurtosis", formatRounded(result.statistics.kurtosis, 5))
      << line("NaN, Inf",
              std::to_string(result.health.nan) + ", " + std::to_string(result.health.inf))
      << line("zeros, subnormals",
              std::to_string(result.health.zero) + ", " + std::to_string(result.health.subnormal));
  if (result.metrics) out << text(*result.metrics);
  if (result.metrics && result.spec.clip.searches() && result.clip.ratios.values.size() == 1) {
    out << line("clip ratio", formatNumber(result.clip.ratios.values.front()));
  }
  out << line("storage", formatRounded(result.storage.bitsPerWeight(), 6) + " bits a weight, " +
                             formatBytes(static_cast<double>(result.storage.bytes())));
  return out.str();
}

std::string text(const ClipCurve& curve) {
  constexpr double kBarWidth = 40;
  const double lowest = *std::min_element(curve.mse.begin(), curve.mse.end());
  const double highest = *std::max_element(curve.mse.begin(), curve.mse.end());
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < curve.ratios.size(); ++i) {
    const double share = highest > lowest ? (curve.mse[i] - lowest) / (highest - lowest) : 0;
    const auto bar = static_cast<std::size_t>(share * kBarWidth + 0.5);
    rows.push_back({formatRounded(curve.ratios[i], 6), formatRounded(curve.mse[i], 6),
                    std::string(bar, '#') + (i == curve.best ? "<- best" : "")});
  }
  std::string out = tableText({"ratio", "mse", ""}, rows);
  out += "best ratio " + formatNumber(curve.bestRatio()) + ", mse " +
         formatRounded(curve.bestMse(), 6) + "; unclipped " + formatRounded(curve.unclippedMse, 6) +
         "; clipping gains " + formatRounded(curve.gainDb(), 3) + " dB\n";
  if (curve.atEdge()) {
    out += "the optimum lies at the edge of the searched ratios; use --ratios to widen them\n";
  }
  return out;
}

}  // namespace quantoscope::cli
