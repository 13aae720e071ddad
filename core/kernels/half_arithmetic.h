// The published functions in the arithmetic of 16-bit weights: what they give for a float16 or
// bfloat16 tensor. core/quant/README.md has the rules.
//
// Each operation is computed in float32 and its result rounded to the type, half to even, as tensor
// libraries do it; a plain number that meets a tensor (the clip ratio, a codebook's midpoints and
// levels) is rounded to its type first. Asymmetric integers have the scale and the zero point of
// float32, to which the reference promotes a group's extremes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/half.h"
#include "core/kernels/codec.h"

namespace quantoscope::kernels {

/// `value` as the nearest number of the type, half to even; itself for Float32.
inline float roundedTo(Arithmetic arithmetic, float value) {
  switch (arithmetic) {
    case Arithmetic::Float32:
      return value;
    case Arithmetic::Float16:
      return floatFromHalf(halfFromFloat(value));
    case Arithmetic::BFloat16:
      return floatFromBfloat16(bfloat16FromFloat(value));
  }
  return value;
}

/// The value of an integer code, or of a codebook's level, which has no zero point: (code -
/// zeroPoint) * scale, in the codec's arithmetic.
inline float decoded(const Codec& codec, float code, float zeroPoint, float scale) {
  const Arithmetic arithmetic = codec.arithmetic;
  return roundedTo(arithmetic, roundedTo(arithmetic, code - zeroPoint) * scale);
}

// Of a codec whose arithmetic is not Float32:

/// The scale of a group with these extremes at a float32 clip ratio; no asymmetric codec.
float halfScale(const Codec& codec, float least, float most, float ratio);

// KernelTable's functions for a group of n weights; `zeroPoint` is 0 for codecs without.

void halfQuantizeDequantize(const Codec& codec, const float* w, std::size_t n, float scale,
                            float zeroPoint, float decodeScale, float* y);
void halfEncode(const Codec& codec, const float* w, std::size_t n, float scale, float zeroPoint,
                std::int32_t* codes);

}  // namespace quantoscope::kernels
