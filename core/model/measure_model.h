// What a plan does to every tensor of a model.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/model/measure_tensor.h"
#include "core/model/model_job.h"

namespace quantoscope {

/// One tensor's line of a survey.
struct ModelMeasurement {
  TensorInfo info;
  QuantSpec spec;                                ///< that it was measured under
  Result<TensorMeasurement> measured = Error{};  ///< or why there is no measurement
  std::optional<TensorTraits> traits;            ///< where they were asked for and can be had
};

struct MeasureModelOptions {
  bool bestRatio = false;  ///< see MeasureOptions
  /// Of which tensors the traits are wanted; absent: of none.
  std::function<bool(const TensorInfo&)> traits = {};
};

/// Takes each line when it is known, in the order of the job; false ends the work early.
using TakeMeasurement = std::function<bool(ModelMeasurement&&)>;

/// Measures the tensors of a job one after the other, at most one in memory. What keeps a tensor
/// from being measured becomes part of its line; the only error is Cancelled. Calls that load by
/// one source must not overlap.
Status measureModel(const ModelJob& job, const MeasureModelOptions& options,
                    const TakeMeasurement& take, const Executor& executor,
                    const ModelControl& control = {});

/// The same with all lines at once.
Result<std::vector<ModelMeasurement>> measureModel(const ModelJob& job, const Executor& executor,
                                                   const ModelControl& control = {});

/// Index of the line with the lowest SQNR, the first of equals; nothing if none was measured.
std::optional<std::size_t> worstOf(const std::vector<ModelMeasurement>& lines);

/// A plan with this default spec and, for each measured tensor, what was measured and the ratio
/// that a search per tensor found.
TuningPlan planFrom(const std::vector<ModelMeasurement>& lines, const QuantSpec& defaultSpec);

}  // namespace quantoscope
