// How errors are distributed: in weight units, in steps of each group, relative to the weights.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "core/metrics/code_use.h"
#include "core/metrics/histogram.h"
#include "core/metrics/percentiles.h"

namespace quantoscope {

/// What an error e = float32(w - y) is measured in: weight units (e), the scale with which its
/// group's codes are found (e / |scale|, one step of an integer format), its weight (e / |w|). The
/// quotients are float32, rounded once; an error of 0 is 0 in every unit.
enum class ErrorUnit { Weight, Step, Relative };
inline constexpr std::array kErrorUnits = {ErrorUnit::Weight, ErrorUnit::Step, ErrorUnit::Relative};

/// `error` in a unit; `step` is the scale of its group. Not finite where it has no such quotient.
inline float errorInUnit(ErrorUnit unit, float error, float step, float weight) {
  const float by = unit == ErrorUnit::Weight ? 1 : unit == ErrorUnit::Step ? step : weight;
  return error == 0 ? 0 : error / std::fabs(by);
}

/// The errors of all weights in one unit. `all` and `clipped` have the same bins, an even number
/// over [-R, R] with R the largest magnitude (one bin where R is 0), and count y - w as all
/// histograms of errors do; `clipped` counts those of clipped weights (see ClipLimits), so that
/// what it leaves of `all` is rounding. all.total() + undefined is the number of weights.
struct ErrorDistribution {
  ErrorUnit unit = ErrorUnit::Weight;
  Histogram all;
  Histogram clipped;
  std::uint64_t undefined = 0;  ///< without a finite quotient: an error of a weight that is 0, say
  std::vector<Percentile> percentiles;  ///< of the magnitudes, exact
};

/// Magnitudes of a histogram with an even number of bins over [-R, R], over [0, R]: counts of bins
/// that lie opposite each other added up. One of a single bin is returned as it is.
Histogram folded(const Histogram& symmetric);

/// Errors of a block in one unit; buffers that may be used again.
struct UnitErrors {
  std::vector<float> all;      ///< in order, without those that are undefined
  std::vector<float> clipped;  ///< those of clipped weights
  std::uint64_t undefined = 0;

  /// `errors` are float32(w - y), `scale` and `zeroPoint` (or null) the block's groups.
  void assign(ErrorUnit unit, const Codec& codec, const kernels::BlockShape& shape,
              const float* weights, const float* errors, const float* scale,
              const float* zeroPoint);
};

/// First pass: what the bins and the percentiles depend on. Order does not matter.
struct ErrorExtent {
  MagnitudeCounts magnitudes;
  float largest = 0;
  std::uint64_t undefined = 0;

  void add(const UnitErrors& errors);
  void merge(const ErrorExtent& other);
};

/// Second pass over the same errors. Immutable once made; each worker adds to a part of its own,
/// in any order.
class DistributionCounter {
 public:
  struct Part {
    Histogram all;
    Histogram clipped;
    PercentileSearch::Table magnitudes;
  };

  /// `bins` is rounded up to an even number.
  DistributionCounter(ErrorUnit unit, const ErrorExtent& extent, std::span<const double> percents,
                      std::size_t bins);

  Part emptyPart() const;
  void add(const UnitErrors& errors, Part& part) const;
  static void merge(Part& into, const Part& other);
  ErrorDistribution found(const Part& whole) const;

 private:
  ErrorUnit unit_;
  std::uint64_t undefined_;
  PercentileSearch search_;
  Histogram empty_;
};

}  // namespace quantoscope
