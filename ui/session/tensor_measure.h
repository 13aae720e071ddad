// The short answer about a tensor that an overview of a whole model needs.
#pragma once

#include <cstdint>
#include <optional>

#include "core/metrics/error_metrics.h"
#include "core/metrics/weight_statistics.h"
#include "core/parallel/executor.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope::ui {

/// What a tensor's weights look like, whatever becomes of them.
struct WeightFacts {
  double kurtosis = 0;    ///< Pearson's, of the finite weights; NaN where all are equal
  double meanSquare = 0;  ///< mean of w^2 over the finite weights
  /// Input channels that stand out; see ChannelOutliers. Absent where the tensor is not finite.
  std::optional<std::uint64_t> outliers;

  static WeightFacts from(const WeightStatistics& statistics,
                          std::optional<std::uint64_t> outliers);
};

/// Looks at the weights alone. Errors: Cancelled. Thread-safe.
Result<WeightFacts> weightFacts(const WeightTensor& tensor, const Executor& executor,
                                const TaskControl& control);

/// What one tensor's specification leads to; equal to what an analysis of it says.
struct TensorMeasure {
  bool finite = true;  ///< with false the others are absent
  std::optional<ErrorMetrics> metrics;
  /// The best clip ratio of the spec's grid for the whole tensor, whatever the clip policy.
  std::optional<double> bestRatio;
  /// The clip ratio in use where one serves the whole tensor.
  std::optional<double> clipRatio;
  double bitsPerWeight = 0;
};

/// Measures without histograms. `spec` is valid. Errors: DoesNotFit, Cancelled. Thread-safe.
Result<TensorMeasure> measure(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control);

}  // namespace quantoscope::ui
