#include "core/kernels/scale_formats.h"

#include <algorithm>
#include <cmath>

#include "core/base/half.h"

namespace quantoscope::kernels {

namespace {
constexpr int kE8m0Largest = 127;
constexpr float kE4m3Largest = 448;
constexpr int kE4m3SmallestExponent = -6;  // of a normal number
constexpr int kE4m3MantissaBits = 3;
constexpr float kE2m1Largest = 6;
}  // namespace

float e8m0Scale(float amax, float maxLevel) {
  if (!std::isfinite(amax)) return amax;  // what is no number has no exponent
  if (amax == 0) return std::ldexp(1.0f, -kE8m0Largest);
  const int exponent = std::ilogb(amax) - std::ilogb(maxLevel);
  return std::ldexp(1.0f, std::clamp(exponent, -kE8m0Largest, kE8m0Largest));
}

float e4m3Rounded(float value) {
  if (value >= kE4m3Largest) return kE4m3Largest;
  const int exponent =
      value > 0 ? std::max(std::ilogb(value), kE4m3SmallestExponent) : kE4m3SmallestExponent;
  const float step = std::ldexp(1.0f, exponent - kE4m3MantissaBits);
  const float smallest = std::ldexp(1.0f, kE4m3SmallestExponent - kE4m3MantissaBits);
  return std::max(smallest, std::nearbyintf(value / step) * step);
}

float nvfp4Scale(float amax, float maxLevel, float tensorScale) {
  const float quotient = amax / (maxLevel * tensorScale);
  const bool usable = quotient > 0;
  return (usable ? e4m3Rounded(quotient) : 1) * tensorScale;
}

float nvfp4TensorScale(float amax) {
  return amax / (kE2m1Largest * kE4m3Largest);
}

float signedHalfScale(float m, float level) {
  return floatFromHalf(halfFromFloat(m / level)) + 0.0f;
}

}  // namespace quantoscope::kernels
