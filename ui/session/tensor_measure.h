// The short answer about a tensor that an overview of a whole model needs.
#pragma once

#include <optional>

#include "core/parallel/executor.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope::ui {

/// What one tensor's specification leads to; equal to what an analysis of it says.
struct TensorMeasure {
  bool finite = true;  ///< with false the others are absent
  std::optional<double> mse;
  std::optional<double> sqnrDb;
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
