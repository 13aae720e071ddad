// Clip search on plain scales: a fast curve first, then the reference's own arithmetic for every
// ratio that may be the best.
#pragma once

#include "core/quant/clip_search.h"

namespace quantoscope {

/// Searches as the spec's clip policy says (per tensor, row or group), on plain scales. The ratios
/// chosen are the float64 argmins of the exact errors, first of equals; so are the curve's best and
/// the error at it, and the error unclipped. Other points of the curve are within 1e-6 of the
/// weights' root mean square of the exact ones, both as root mean square errors; that is well
/// within 1e-5 of the error, but for weights that lie on a grid all but exactly. Small tensors,
/// formats beyond the published ones, and kernels without a fast way are searched exactly
/// throughout.
Result<ClipChoice> searchPlainScales(const WeightTensor& tensor, const Coding& coding,
                                     const Executor& executor, const TaskControl& control);

}  // namespace quantoscope
