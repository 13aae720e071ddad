// Scales that are not any float32 number: those of the block formats.
#pragma once

namespace quantoscope::kernels {

/// The E8M0 scale of a block for a codebook whose largest level is `maxLevel`:
/// 2^(floor(log2 amax) - floor(log2 maxLevel)), clamped to 2^-127..2^127; 2^-127 for amax = 0.
/// Sources: OCP Microscaling Formats (MX) Specification 1.0, section 6.3; microxcaling,
/// mx/mx_ops.py, which clamps the exponent likewise.
float e8m0Scale(float amax, float maxLevel);

/// The nearest fp8 e4m3 number of `value` >= 0, ties to the even mantissa, kept within 2^-9 (the
/// smallest subnormal) and 448, so that it is never 0.
float e4m3Rounded(float value);

/// The NVFP4 scale of a block: amax / (maxLevel * tensorScale) as an e4m3 number, 1 where that
/// quotient is 0 or not a number, times `tensorScale`; float32, one rounding per operation.
/// Source: NVIDIA Model-Optimizer, modelopt/torch/quantization/qtensor/nvfp4_tensor.py.
float nvfp4Scale(float amax, float maxLevel, float tensorScale);

/// The scale of a tensor under NVFP4, amax / (6 * 448): the block with the largest weight then has
/// the largest block scale. Same source.
float nvfp4TensorScale(float amax);

/// m / level as a float16 number, half to even: infinite beyond 65504, 0 (never -0) below 2^-25.
/// `m` is the weight of a group and `level` the level of a codebook with the largest magnitude.
/// Source: ggml, ggml-quants.c (quantize_row_iq4_nl_impl without its search, d = max / values[0]).
float signedHalfScale(float m, float level);

}  // namespace quantoscope::kernels
