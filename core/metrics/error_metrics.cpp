#include "core/metrics/error_metrics.h"

#include <cmath>
#include <limits>

namespace quantoscope {

void ErrorSums::add(const kernels::ErrorLanes& block, const kernels::ErrorPeak& peak,
                    std::size_t firstRow, std::uint64_t elements) {
  using kernels::ErrorLanes;
  count += elements;
  squaredError += ErrorLanes::total(block.squaredError);
  error += ErrorLanes::total(block.error);
  squaredWeight += ErrorLanes::total(block.squaredWeight);
  cross += ErrorLanes::total(block.cross);
  if (peak.magnitude > maxAbsError) {
    maxAbsError = peak.magnitude;
    maxAbsErrorAt = {firstRow + peak.row, peak.col};
  }
}

void ErrorSums::append(const ErrorSums& next) {
  count += next.count;
  squaredError += next.squaredError;
  error += next.error;
  squaredWeight += next.squaredWeight;
  cross += next.cross;
  if (next.maxAbsError > maxAbsError) {
    maxAbsError = next.maxAbsError;
    maxAbsErrorAt = next.maxAbsErrorAt;
  }
}

double decibels(double signal, double noise) {
  if (noise == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(signal / noise);
}

ErrorMetrics ErrorMetrics::from(const ErrorTotals& totals, Position largest) {
  ErrorMetrics metrics;
  const auto count = static_cast<double>(totals.count);
  metrics.mse = totals.squaredError / count;
  metrics.rmse = std::sqrt(metrics.mse);
  metrics.sqnrDb = decibels(totals.squaredWeight, totals.squaredError);
  metrics.maxAbsError = totals.maxAbsError;
  metrics.maxAbsErrorAt = largest;
  metrics.meanError = totals.error / count;
  metrics.cosine =
      totals.product() / (std::sqrt(totals.squaredWeight) * std::sqrt(totals.squaredValue()));
  metrics.relativeError = std::sqrt(totals.squaredError) / std::sqrt(totals.squaredWeight);
  metrics.nmse = totals.squaredError / totals.squaredWeight;
  return metrics;
}

ErrorMetrics ErrorMetrics::unknown() {
  ErrorMetrics metrics;
  for (const MetricRow& row : kMetrics) {
    metrics.*row.value = std::numeric_limits<double>::quiet_NaN();
  }
  return metrics;
}

const char* textOf(MetricUnit unit) {
  switch (unit) {
    case MetricUnit::None:
      return "";
    case MetricUnit::Decibel:
      return "dB";
    case MetricUnit::Percent:
      return "%";
    case MetricUnit::Weight:
      return "weight";
    case MetricUnit::SquaredWeight:
      return "weight²";
  }
  return "";
}

bool saysUnit(MetricUnit unit) {
  return unit == MetricUnit::Decibel || unit == MetricUnit::Percent;
}

std::vector<const MetricRow*> metricsByAspect() {
  std::vector<const MetricRow*> ordered;
  for (const MetricAspect aspect :
       {MetricAspect::Size, MetricAspect::Extreme, MetricAspect::Bias, MetricAspect::Direction}) {
    for (const MetricRow& row : kMetrics) {
      if (row.aspect == aspect) ordered.push_back(&row);
    }
  }
  return ordered;
}

std::vector<const MetricRow*> metricsOfTable(TableRoom room) {
  std::vector<const MetricRow*> listed;
  for (const MetricRow& row : kMetrics) {
    if (row.listing == MetricListing::First) listed.insert(listed.begin(), &row);
    const bool fits = row.listing == MetricListing::Spacious && room == TableRoom::Wide;
    if (row.listing == MetricListing::Always || fits) listed.push_back(&row);
  }
  return listed;
}

}  // namespace quantoscope
