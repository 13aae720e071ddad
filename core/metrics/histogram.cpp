#include "core/metrics/histogram.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace quantoscope {

Histogram Histogram::over(double lo, double hi, std::size_t bins) {
  Histogram histogram;
  histogram.lo = lo;
  histogram.hi = hi;
  histogram.counts.assign(hi > lo ? std::max<std::size_t>(1, bins) : 1, 0);
  return histogram;
}

std::size_t Histogram::binOf(double x) const {
  const auto bins = static_cast<double>(counts.size());
  const double width = hi - lo;
  if (!(width > 0)) return 0;
  // The product may be past the last bin (x == hi) or, by rounding, beside the first.
  const double bin = std::floor((x - lo) * bins / width);
  return static_cast<std::size_t>(std::clamp(bin, 0.0, bins - 1));
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
}

std::uint64_t Histogram::total() const {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::vector<double> Histogram::edges() const {
  std::vector<double> borders(counts.size() + 1);
  for (std::size_t i = 0; i < borders.size(); ++i) {
    borders[i] = lo + (hi - lo) * static_cast<double>(i) / static_cast<double>(counts.size());
  }
  borders.back() = hi;
  return borders;
}

}  // namespace quantoscope
