// What a weight tensor looks like before anything is done to it.
#pragma once

#include <cstdint>

#include "core/base/result.h"
#include "core/metrics/histogram.h"
#include "core/parallel/executor.h"
#include "core/tensor/health.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Statistics of the finite elements, in float64 and in a fixed order.
struct WeightStatistics {
  std::uint64_t count = 0;  ///< of finite elements; with 0 the others are NaN
  double min = 0;
  double max = 0;
  double mean = 0;
  double std = 0;       ///< of the population
  double kurtosis = 0;  ///< Pearson's: 3 for a normal distribution; NaN where std is 0
};

/// What a tensor looks like and whether it is fit to be quantized.
struct WeightSummary {
  WeightSurvey survey;
  WeightStatistics statistics;
};

/// Two parallel passes: health, extremes and mean, then central moments.
Result<WeightSummary> summaryOf(const WeightTensor& tensor, const Executor& executor,
                                const TaskControl& control = {});

/// The statistics alone.
Result<WeightStatistics> statisticsOf(const WeightTensor& tensor, const Executor& executor,
                                      const TaskControl& control = {});

/// The finite elements over [min, max] of `statistics`.
Result<Histogram> weightHistogram(const WeightTensor& tensor, const WeightStatistics& statistics,
                                  std::size_t bins, const Executor& executor,
                                  const TaskControl& control = {});

}  // namespace quantoscope
