// Real offsets in place of zero points: value = scale * code + offset.
//
// Some files store such an offset (MLX's affine mode, ggml's Q4_1 and Q5_1). One that is fitted
// beats the best integer zero point, by about 0.7 dB for 4 bits and normal weights, and converting
// a zero point would round once more for nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "core/metrics/error_metrics.h"
#include "core/quant/quantizer.h"

namespace quantoscope {

/// A tensor quantized with real offsets.
struct FittedOffsets {
  std::vector<std::uint8_t> codes;  ///< [rows, cols], 0..2^bits - 1
  /// `scale` are those of the start, `decodeScale` and `offset` numbers of the stored type; there
  /// are no zero points.
  GroupParameters parameters;
  ErrorSums sums;  ///< of scale * code + offset, the product and the sum rounded to float32
};

/// Fits scale and offset of each group of an asymmetric integer coding of up to 8 bits. From the
/// codes of `start`, which belongs to that coding, it takes turns: scale and offset with the least
/// sum of squared errors for these codes, rounded to `storedAs` (float16, bfloat16 or float32) one
/// after the other; then the nearest codes for them; until nothing gets better. No group is worse
/// than with the scale of the start and its zero point converted, -zero * scale, both rounded to
/// that type. One without weights of both signs is begun from its own range too, so that one that
/// is constant keeps its value where the type has it. A scale that vanishes in the type is its
/// smallest number.
///
/// The result depends on weights and start alone: the same bits for every number of threads, sums
/// in the order of errorSumsOf(). A target that computes in 16 bits rounds product and sum once
/// more, which is not in the sums. Errors: DoesNotFit where scale or offset of a group overflow the
/// type, naming the group; Cancelled.
Result<FittedOffsets> fitOffsets(const WeightTensor& tensor, const Coding& coding,
                                 const GroupParameters& start, StoredType storedAs,
                                 const Executor& executor, const TaskControl& control = {});

}  // namespace quantoscope
