// What one specification does to one tensor, in numbers alone.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/engine/analysis.h"
#include "core/metrics/weight_statistics.h"

namespace quantoscope {

/// The short answer that a table of a whole model needs; equal, to the bit, to what analyse() says
/// about the same tensor and spec.
struct TensorMeasurement {
  ErrorMetrics metrics;
  StorageCost storage;
  /// The clip ratio in use where one serves the whole tensor.
  std::optional<double> clipRatio;
  /// The best ratio of the spec's grid for the whole tensor: where the spec searches, or where
  /// MeasureOptions::bestRatio asks for it whatever the clip policy.
  std::optional<double> bestRatio;

  /// From a whole answer (no preview) about a finite tensor.
  static TensorMeasurement from(const AnalysisResult& result);
};

struct MeasureOptions {
  bool bestRatio = false;
  std::span<const float> importance;  ///< as for chooseClip(); empty: all channels count the same
};

/// Measures without histograms: one pass over the weights where nothing is searched and scales
/// stand alone, else a survey, the search, and one pass. Errors: an invalid spec, NotFinite,
/// DoesNotFit (no memory included), Cancelled. Thread-safe.
Result<TensorMeasurement> measureTensor(const WeightTensor& tensor, const QuantSpec& spec,
                                        const Executor& executor, const TaskControl& control = {},
                                        const MeasureOptions& options = {});

/// What a tensor's weights look like, whatever becomes of them.
struct TensorTraits {
  double kurtosis = 0;    ///< Pearson's, of the finite weights; NaN where all are equal
  double meanSquare = 0;  ///< mean of w^2 over the finite weights
  /// Input channels that stand out; see ChannelOutliers. Absent where the tensor is not finite.
  std::optional<std::uint64_t> outliers;

  static TensorTraits from(const WeightStatistics& statistics,
                           std::optional<std::uint64_t> outliers);
};

/// Looks at the weights alone. Errors: DoesNotFit (no memory), Cancelled. Thread-safe.
Result<TensorTraits> traitsOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control = {});

}  // namespace quantoscope
