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

ErrorMetrics ErrorMetrics::from(const ErrorSums& sums) {
  ErrorMetrics metrics;
  const auto count = static_cast<double>(sums.count);
  metrics.mse = sums.squaredError / count;
  metrics.rmse = std::sqrt(metrics.mse);
  metrics.sqnrDb = decibels(sums.squaredWeight, sums.squaredError);
  metrics.maxAbsError = sums.maxAbsError;
  metrics.maxAbsErrorAt = sums.maxAbsErrorAt;
  metrics.meanError = sums.error / count;
  metrics.cosine =
      sums.product() / (std::sqrt(sums.squaredWeight) * std::sqrt(sums.squaredValue()));
  metrics.relativeError = std::sqrt(sums.squaredError) / std::sqrt(sums.squaredWeight);
  return metrics;
}

}  // namespace quantoscope
