#include "core/quant/optimal_scale.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/half.h"
#include "core/kernels/kernels.h"
#include "core/quant/number_formats.h"
#include "core/quant/scale_sweep.h"

namespace quantoscope {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Every scale that a block format has, ascending.
std::vector<float> existingScales(const Codec& codec) {
  constexpr int kLargestExponent = 127;
  std::vector<float> scales;
  if (codec.scaleFormat == ScaleFormat::E8m0) {
    for (int e = -kLargestExponent; e <= kLargestExponent; ++e)
      scales.push_back(std::ldexp(1.0f, e));
  }
  if (codec.scaleFormat == ScaleFormat::E4m3) {
    for (const float block : codebookOf(Dtype::Fp8E4m3fn).levels) {
      if (block > 0) scales.push_back(block * codec.tensorScale);
    }
  }
  return scales;
}

}  // namespace

struct OptimalScaleFinder::Worker {
  Codec codec;
  std::vector<float> scales;  ///< those that exist, of a block format
  ScaleSweep sweep;           ///< over all real scales, for the others

  std::span<const float> weights;
  std::span<const float> importance;
  std::vector<float> values;

  /// What the engine makes of the group with these parameters.
  OptimalScale evaluated(float scale, float zeroPoint) {
    values.resize(weights.size());
    const kernels::BlockShape shape{1, weights.size(), weights.size()};
    const auto& table = kernels::activeKernels();
    table.quantizeDequantize(codec, shape, weights.data(), &scale, &zeroPoint, &scale,
                             values.data());
    double error = 0;
    if (importance.empty()) {
      table.groupSquaredErrors(shape, weights.data(), values.data(), &error);
    } else {
      error =
          kernels::weightedSquaredError(shape, weights.data(), values.data(), importance.data());
    }
    return {scale, zeroPoint, error};
  }

  OptimalScale unclipped() {
    const kernels::BlockShape shape{1, weights.size(), weights.size()};
    const double ratio = 1;
    float scale = 1;
    float zeroPoint = 0;
    kernels::activeKernels().groupParameters(codec, shape, weights.data(), &ratio, 0, &scale,
                                             &zeroPoint);
    return evaluated(scale, zeroPoint);
  }

  void offer(OptimalScale& best, float scale, float zeroPoint) {
    if (scale == 0 || !std::isfinite(scale)) return;
    const OptimalScale candidate = evaluated(scale, zeroPoint);
    // A NaN, from a scale at the ends of float32's range, never wins and always loses.
    if (!(best.squaredError <= candidate.squaredError)) best = candidate;
  }

  OptimalScale find() {
    switch (codec.scaleFormat) {
      case ScaleFormat::Float32:
        return findReal();
      case ScaleFormat::E8m0:
      case ScaleFormat::E4m3:
        return findExisting();
      case ScaleFormat::SignedHalf:
        return findHalf();
    }
    return unclipped();
  }

  OptimalScale findReal() {
    const ScaleSweep::Best real = sweep.find(weights, importance);
    if (!real.found) return unclipped();
    const auto scale = static_cast<float>(real.scale);
    if (scale == 0 || !std::isfinite(scale)) return unclipped();
    OptimalScale best = evaluated(scale, real.zeroPoint);
    constexpr double kRounding = 1e-6;
    constexpr double kNoise = 1e-13;  // of float32 values
    const double expected = real.squaredError * (1 + kRounding) + kNoise * real.squaredWeight;
    if (best.squaredError <= expected) return best;
    offer(best, std::nextafter(scale, kInfinity), real.zeroPoint);
    offer(best, std::nextafter(scale, -kInfinity), real.zeroPoint);
    const OptimalScale plain = unclipped();
    if (!(best.squaredError <= plain.squaredError)) best = plain;
    return best;
  }

  /// The float16 numbers around the best real scale. With the levels of that one the error grows
  /// with the square of the distance from it, so that no other is better by more than half a step
  /// of float16 leads to.
  OptimalScale findHalf() {
    constexpr int kSign = 0x8000;
    constexpr int kLargest = 0x7bff;
    OptimalScale best = unclipped();
    if (!std::isfinite(best.scale)) return best;  // refused later, as without a search
    const ScaleSweep::Best real = sweep.find(weights, importance);
    if (!real.found) return best;
    const int nearest = halfFromFloat(static_cast<float>(real.scale));
    const int magnitude = nearest & ~kSign;
    for (const int candidate : {magnitude + 1, magnitude, magnitude - 1}) {
      if (candidate < 1 || candidate > kLargest) continue;
      offer(best, floatFromHalf(static_cast<std::uint16_t>(candidate | (nearest & kSign))), 0);
    }
    return best;
  }

  /// The error of the weights that get level 0 with this scale and every larger one, and of those
  /// that lie beyond the last level with this scale and every smaller one.
  struct Bounds {
    double tooLarge = 0;
    double tooSmall = 0;
  };
  Bounds boundsAt(float scale) const {
    const auto& levels = codec.codebook->levels;
    const auto& thresholds = codec.codebook->thresholds;
    const double zeroUpTo = *std::upper_bound(thresholds.begin(), thresholds.end(), 0.0f) * scale;
    const double reach = static_cast<double>(levels.back()) * scale;
    constexpr double kSlack = 1e-5;
    Bounds bounds;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const double x = std::fabs(weights[i]);
      const double h = importance.empty() ? 1.0 : importance[i];
      if (x < zeroUpTo * (1 - kSlack)) bounds.tooLarge += h * x * x;
      if (x > reach) bounds.tooSmall += h * (x - reach) * (x - reach);
    }
    bounds.tooLarge *= 1 - kSlack;
    bounds.tooSmall *= 1 - kSlack;
    return bounds;
  }

  OptimalScale findExisting() {
    const OptimalScale plain = unclipped();
    if (plain.squaredError == 0) return plain;
    OptimalScale best = plain;
    const auto from = std::lower_bound(scales.begin(), scales.end(), plain.scale);
    for (auto at = from; at != scales.end(); ++at) {
      if (boundsAt(*at).tooLarge > best.squaredError) break;
      offerLarger(best, *at);
    }
    for (auto at = from; at != scales.begin(); --at) {
      if (boundsAt(*(at - 1)).tooSmall > best.squaredError) break;
      offer(best, *(at - 1), 0);
    }
    return best;
  }

  /// Going up: of equals the later, larger one wins.
  void offerLarger(OptimalScale& best, float scale) {
    const OptimalScale candidate = evaluated(scale, 0);
    if (candidate.squaredError <= best.squaredError) best = candidate;
  }
};

OptimalScaleFinder::OptimalScaleFinder(const Codec& codec)
    : worker_(new Worker{codec, existingScales(codec), ScaleSweep(codec), {}, {}, {}}) {}
OptimalScaleFinder::~OptimalScaleFinder() = default;
OptimalScaleFinder::OptimalScaleFinder(OptimalScaleFinder&&) noexcept = default;
OptimalScaleFinder& OptimalScaleFinder::operator=(OptimalScaleFinder&&) noexcept = default;

OptimalScale OptimalScaleFinder::find(std::span<const float> weights,
                                      std::span<const float> importance) {
  worker_->weights = weights;
  worker_->importance = importance;
  return worker_->find();
}

OptimalScale optimalScale(const Codec& codec, std::span<const float> weights,
                          std::span<const float> importance) {
  return OptimalScaleFinder(codec).find(weights, importance);
}

}  // namespace quantoscope
