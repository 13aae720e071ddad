// Histograms that lose nothing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quantoscope {

/// Counts of finite values in equal bins over [lo, hi]. A value's bin is
/// clamp(floor((x - lo) * bins / (hi - lo)), 0, bins - 1), in double; where hi == lo there is one
/// bin. The counts add up to the number of values that were added.
struct Histogram {
  double lo = 0;
  double hi = 0;
  std::vector<std::uint64_t> counts;

  /// An empty histogram of `bins` (1 or more) bins, or of one bin where lo == hi.
  static Histogram over(double lo, double hi, std::size_t bins);

  std::size_t binOf(double x) const;
  void add(double x) { ++counts[binOf(x)]; }
  /// Adds sign * x for each value x; `sign` is 1 or -1. The same bins as one by one, faster.
  void addAll(std::span<const float> values, double sign);
  /// Adds the counts of a histogram with the same bins.
  void merge(const Histogram& other);

  std::uint64_t total() const;
  /// The bins' borders: one more than there are bins.
  std::vector<double> edges() const;
  double binWidth() const { return (hi - lo) / static_cast<double>(counts.size()); }
};

}  // namespace quantoscope
