// Clip search where some input channels matter more than others.
#pragma once

#include <span>

#include "core/quant/clip_search.h"

namespace quantoscope {

/// Whether `importance` suits the tensor: one weight a column, finite, not negative, one above 0.
Status checkImportance(const WeightTensor& tensor, std::span<const float> importance);

/// chooseClip for a policy that searches the grid, minimising sum of h e^2 with the h of each
/// column: e as ever, the product added up in float64 in a fixed order. The curve has both errors.
Result<ClipChoice> weightedClipSearch(const WeightTensor& tensor, const Coding& coding,
                                      std::span<const float> importance, const Executor& executor,
                                      const TaskControl& control = {});

}  // namespace quantoscope
