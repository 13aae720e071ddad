#include "core/metrics/histogram.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/kernels/kernels.h"

namespace quantoscope {

Histogram Histogram::over(double lo, double hi, std::size_t bins) {
  Histogram histogram;
  histogram.lo = lo;
  histogram.hi = hi;
  histogram.counts.assign(hi > lo ? std::max<std::size_t>(1, bins) : 1, 0);
  return histogram;
}

namespace {

kernels::BinRule ruleOf(const Histogram& histogram, double sign) {
  return {histogram.lo, histogram.hi - histogram.lo, static_cast<double>(histogram.counts.size()),
          sign};
}

}  // namespace

std::size_t Histogram::binOf(double x) const {
  if (!(hi > lo)) return 0;
  // The product may be past the last bin (x == hi) or, by rounding, beside the first.
  const auto bins = static_cast<double>(counts.size());
  const double bin = std::floor((x - lo) * bins / (hi - lo));
  return static_cast<std::size_t>(std::clamp(bin, 0.0, bins - 1));
}

void Histogram::addAll(std::span<const float> values, double sign) {
  if (!(hi > lo)) {
    counts[0] += values.size();
    return;
  }
  constexpr std::size_t kPiece = 1024;
  const kernels::BinRule rule = ruleOf(*this, sign);
  std::array<std::int32_t, kPiece> bins;
  const auto forEachPiece = [&](auto count) {
    for (std::size_t begin = 0; begin < values.size(); begin += kPiece) {
      const std::size_t size = std::min(kPiece, values.size() - begin);
      kernels::activeKernels().findBins(values.data() + begin, size, rule, bins.data());
      count(size);
    }
  };
  // Neighbours often fall into the same bin, and adding to what was just stored takes long: they
  // count in tables of their own, where adding those up in the end costs little.
  if (values.size() / counts.size() < 16 ||
      values.size() > std::numeric_limits<std::uint32_t>::max()) {
    forEachPiece([&](std::size_t size) {
      for (std::size_t i = 0; i < size; ++i) ++counts[static_cast<std::size_t>(bins[i])];
    });
    return;
  }
  constexpr std::size_t kTables = 4;
  static thread_local std::vector<std::uint32_t> tables;
  tables.assign(kTables * counts.size(), 0);
  std::array<std::uint32_t*, kTables> table;
  for (std::size_t t = 0; t < kTables; ++t) table[t] = tables.data() + t * counts.size();
  forEachPiece([&](std::size_t size) {
    std::size_t i = 0;
    for (; i + kTables <= size; i += kTables) {
      ++table[0][bins[i]];
      ++table[1][bins[i + 1]];
      ++table[2][bins[i + 2]];
      ++table[3][bins[i + 3]];
    }
    for (; i < size; ++i) ++table[0][bins[i]];
  });
  for (std::size_t bin = 0; bin < counts.size(); ++bin) {
    for (const std::uint32_t* t : table) counts[bin] += t[bin];
  }
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
