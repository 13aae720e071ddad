// Searches for clip ratios as questions of their own, about one tensor.
#pragma once

#include <optional>
#include <span>

#include "core/metrics/error_metrics.h"
#include "core/quant/clip_search.h"

namespace quantoscope {

/// What a clip policy chose, and what the choice leads to.
struct RatioSearch {
  ClipChoice choice;
  ErrorMetrics metrics;
};

/// Applies the clip policy of `spec` and measures the outcome; `importance` as for chooseClip().
/// Errors: an invalid spec, NotFinite, DoesNotFit (no memory included), Cancelled. Thread-safe.
Result<RatioSearch> searchRatios(const WeightTensor& tensor, const QuantSpec& spec,
                                 const Executor& executor, const TaskControl& control = {},
                                 std::span<const float> importance = {});

/// The curve over the spec's grid, whatever its clip policy; or over `wide`, a grid whose first
/// ratios are those of the spec's (see wideClipCurveOf). Errors: as searchRatios(). Thread-safe.
Result<ClipCurve> searchCurve(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control = {},
                              const std::optional<RatioGrid>& wide = std::nullopt);

}  // namespace quantoscope
