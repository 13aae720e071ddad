// The clip policy that takes the best scale of each group.
#pragma once

#include <span>

#include "core/quant/clip_search.h"

namespace quantoscope {

/// The parameters with the least error of every group, and as ratios the sizes of their scales
/// against the unclipped ones (1 where both are 0). With double quantization both are of the plain
/// scales; `ratios.optimal` holds the final ones beside them.
Result<ClipChoice> optimalClip(const WeightTensor& tensor, const Coding& coding,
                               std::span<const float> importance, const Executor& executor,
                               const TaskControl& control = {});

}  // namespace quantoscope
