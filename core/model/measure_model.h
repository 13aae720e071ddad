// What one specification does to every tensor of a model.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine/analysis.h"
#include "core/io/tensor_source.h"
#include "core/quant/tuning_plan.h"

namespace quantoscope {

/// One tensor's line of an overview.
struct OverviewEntry {
  TensorInfo info;
  std::optional<ErrorMetrics> metrics;  ///< absent where the tensor could not be quantized
  std::optional<double> clipRatio;      ///< what a search per tensor found
  double bitsPerWeight = 0;
  std::string problem;  ///< why there are no metrics; else empty
};

/// Measures one tensor: a search where the spec asks for one, then the exact metrics. Problems with
/// the tensor become part of the entry; only Cancelled is an error.
Result<OverviewEntry> measureTensor(const TensorSource& source, const TensorInfo& info,
                                    const QuantSpec& spec, Orientation orientation,
                                    const Executor& executor, const TaskControl& control = {});

/// Index of the entry with the lowest SQNR, the first of equals; nothing if none has metrics.
std::optional<std::size_t> worstOf(const std::vector<OverviewEntry>& entries);

/// A plan with this default spec and, for each measured tensor, the ratio that was found.
TuningPlan planFrom(const std::vector<OverviewEntry>& entries, const QuantSpec& spec);

}  // namespace quantoscope
