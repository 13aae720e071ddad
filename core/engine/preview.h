// A first impression of a tensor, at once.
#pragma once

#include "core/engine/analysis.h"

namespace quantoscope {

/// How many weights a preview looks at: enough that an MSE is right within a few percent, few
/// enough that a clip search over them takes less than a tenth of a second.
inline constexpr std::size_t kPreviewWeights = 131072;

/// The same for one specification: fewer where the optimal policy has many levels to walk through,
/// so that its preview takes no longer.
std::size_t previewWeights(const QuantSpec& spec);

/// Answers a request from a stratified sample of groups (see GroupSample), in time that does not
/// depend on the tensor's size; `result->preview` says how much was looked at. A tensor of no more
/// than `limit` weights is analysed whole, with the bits of `analyse`.
///
/// `storage` is the whole tensor's; positions and the group's index are those of the tensor.
/// Health, statistics, histograms, metrics and the clip choice are the sample's: a tensor whose
/// only NaN was not sampled looks finite, extremes are those that were seen, and ratios of rows and
/// groups are for the sample's own. The group asked for is always computed from its own weights, at
/// the ratio that the sample chose for a search per tensor; double quantization sees only the
/// scales of the sample (or of that group's row). The same bits for any number of threads.
/// Errors: as `analyse`. Thread-safe.
Result<SharedResult> preview(const AnalysisRequest& request, const Executor& executor,
                             const TaskControl& control = {}, std::size_t limit = kPreviewWeights);

}  // namespace quantoscope
