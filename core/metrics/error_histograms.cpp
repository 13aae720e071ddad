#include "core/metrics/error_histograms.h"

#include <algorithm>
#include <cmath>

namespace quantoscope {

Histogram folded(const Histogram& symmetric) {
  const std::size_t half = symmetric.counts.size() / 2;
  if (half == 0) return symmetric;
  Histogram magnitudes = Histogram::over(0, symmetric.hi, half);
  for (std::size_t i = 0; i < half; ++i) {
    magnitudes.counts[i] = symmetric.counts[half + i] + symmetric.counts[half - 1 - i];
  }
  return magnitudes;
}

void UnitErrors::assign(ErrorUnit unit, const Codec& codec, const kernels::BlockShape& shape,
                        const float* weights, const float* errors, const float* scale,
                        const float* zeroPoint) {
  const std::size_t size = shape.rows * shape.cols;
  all.resize(size);
  clipped.resize(size);
  std::size_t kept = 0;
  std::size_t keptClipped = 0;
  std::size_t group = 0;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize, ++group) {
      const std::size_t end = r * shape.cols + std::min(begin + shape.groupSize, shape.cols);
      const float step = scale[group];
      const ClipLimits limits = ClipLimits::of(codec, zeroPoint == nullptr ? 0 : zeroPoint[group]);
      for (std::size_t i = r * shape.cols + begin; i < end; ++i) {
        const float value = errorInUnit(unit, errors[i], step, weights[i]);
        // Written always and kept by counting: no branch to guess.
        const bool defined = std::isfinite(value);
        all[kept] = value;
        clipped[keptClipped] = value;
        kept += defined ? 1 : 0;
        keptClipped += defined && limits.clipped(weights[i] / step) ? 1 : 0;
      }
    }
  }
  all.resize(kept);
  clipped.resize(keptClipped);
  undefined = size - kept;
}

void ErrorExtent::add(const UnitErrors& errors) {
  magnitudes.add(errors.all);
  for (const float value : errors.all) largest = std::max(largest, std::fabs(value));
  undefined += errors.undefined;
}

void ErrorExtent::merge(const ErrorExtent& other) {
  magnitudes.merge(other.magnitudes);
  largest = std::max(largest, other.largest);
  undefined += other.undefined;
}

DistributionCounter::DistributionCounter(ErrorUnit unit, const ErrorExtent& extent,
                                         std::span<const double> percents, std::size_t bins)
    : unit_(unit),
      undefined_(extent.undefined),
      search_(extent.magnitudes, percents),
      empty_(Histogram::over(-extent.largest, extent.largest, bins + bins % 2)) {}

DistributionCounter::Part DistributionCounter::emptyPart() const {
  return {empty_, empty_, search_.emptyTable()};
}

void DistributionCounter::add(const UnitErrors& errors, Part& part) const {
  part.all.addAll(errors.all, -1);
  part.clipped.addAll(errors.clipped, -1);
  search_.add(errors.all, part.magnitudes);
}

void DistributionCounter::merge(Part& into, const Part& other) {
  into.all.merge(other.all);
  into.clipped.merge(other.clipped);
  PercentileSearch::merge(into.magnitudes, other.magnitudes);
}

ErrorDistribution DistributionCounter::found(const Part& whole) const {
  return {unit_, whole.all, whole.clipped, undefined_, search_.found(whole.magnitudes)};
}

}  // namespace quantoscope
