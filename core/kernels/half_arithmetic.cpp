#include "core/kernels/half_arithmetic.h"

#include <algorithm>
#include <cmath>

#include "core/kernels/kernels.h"

namespace quantoscope::kernels {

namespace {

/// The coding of one group in the arithmetic A.
template <Arithmetic A>
class HalfGroup {
 public:
  HalfGroup(const Codec& codec, float scale, float zeroPoint)
      : codec_(codec), scale_(scale), zeroPoint_(zeroPoint) {}

  /// The integer code, as a float32.
  float code(float x) const {
    const float whole = std::nearbyintf(scaled(x));
    const float shifted = codec_.hasZeroPoint() ? rounded(whole + zeroPoint_) : whole;
    return std::clamp(shifted, codec_.minCode, codec_.maxCode);
  }

  /// The index of a codebook's level. Rounded midpoints ascend as they did.
  std::size_t index(float x) const {
    const float t = scaled(x);
    const Codebook& book = *codec_.codebook;
    if (std::isnan(t)) return codebookIndex(book, t);
    const auto firstNotBelow =
        std::partition_point(book.thresholds.begin(), book.thresholds.end(),
                             [t](float threshold) { return rounded(threshold) < t; });
    return static_cast<std::size_t>(firstNotBelow - book.thresholds.begin());
  }

  float value(float x, float decodeScale) const {
    const bool isLevel = codec_.kind == CodecKind::Codebook;
    const float code = isLevel ? codec_.codebook->levels[index(x)] : this->code(x);
    return decoded(codec_, code, zeroPoint_, decodeScale);
  }

  std::int32_t storedCode(float x) const {
    if (codec_.kind == CodecKind::Codebook) return codec_.codebook->codes[index(x)];
    return static_cast<std::int32_t>(code(x));
  }

 private:
  static float rounded(float value) { return roundedTo(A, value); }
  float scaled(float x) const { return rounded(x / scale_); }

  const Codec& codec_;
  float scale_;
  float zeroPoint_;
};

/// Calls fn with the group in the codec's arithmetic.
template <typename Fn>
void withGroup(const Codec& codec, float scale, float zeroPoint, Fn fn) {
  if (codec.arithmetic == Arithmetic::Float16) {
    fn(HalfGroup<Arithmetic::Float16>(codec, scale, zeroPoint));
  } else {
    fn(HalfGroup<Arithmetic::BFloat16>(codec, scale, zeroPoint));
  }
}

}  // namespace

float halfScale(const Codec& codec, float least, float most, float ratio) {
  const auto rounded = [&](float value) { return roundedTo(codec.arithmetic, value); };
  const float largest = std::max(std::fabs(most), std::fabs(least));
  float amax = rounded(largest * rounded(ratio));
  if (codec.kind == CodecKind::Codebook) return rounded(amax / codec.codebook->maxMagnitude());
  if (amax == 0) amax = 1;
  if (!codec.fullRange) return rounded(amax / codec.maxCode);
  const float scale = rounded(amax / -codec.minCode);
  return std::fabs(most) > std::fabs(least) ? -scale : scale;
}

void halfQuantizeDequantize(const Codec& codec, const float* w, std::size_t n, float scale,
                            float zeroPoint, float decodeScale, float* y) {
  withGroup(codec, scale, zeroPoint, [&](const auto& group) {
    for (std::size_t i = 0; i < n; ++i) y[i] = group.value(w[i], decodeScale);
  });
}

void halfEncode(const Codec& codec, const float* w, std::size_t n, float scale, float zeroPoint,
                std::int32_t* codes) {
  withGroup(codec, scale, zeroPoint, [&](const auto& group) {
    for (std::size_t i = 0; i < n; ++i) codes[i] = group.storedCode(w[i]);
  });
}

}  // namespace quantoscope::kernels
