// The bounds of ScaleSweep: which scales cannot be the best.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/quant/scale_sweep.h"

namespace quantoscope {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Bounds are loosened by this much, so that rounding never makes one wrong.
constexpr double kSlack = 1e-6;

}  // namespace

void ScaleSweep::tabulateBounds() {
  for (auto& sums : from_) sums.assign(buckets_ + 1, {});
  width_ = amax_ / static_cast<double>(buckets_);
  perWidth_ = 1 / width_;
  for (const Element& element : elements_) {
    Sums& sums = from_[element.side][std::min(bucketBelow(element.magnitude), buckets_ - 1)];
    sums.h += element.importance;
    sums.x += element.product;
    sums.xx += element.product * element.magnitude;
  }
  for (const Side side : {kPositive, kNegative}) {
    auto& sums = from_[side];
    auto& clipping = clipping_[side];
    clipping.assign(buckets_ + 1, 0);
    for (std::size_t b = buckets_; b-- > 0;) {
      sums[b].h += sums[b + 1].h;
      sums[b].x += sums[b + 1].x;
      sums[b].xx += sums[b + 1].xx;
      const double edge = static_cast<double>(b) * width_;
      clipping[b] = sums[b].xx - edge * (2 * sums[b].x - edge * sums[b].h);
    }
  }
}

std::size_t ScaleSweep::bucketBelow(double magnitude) const {
  return static_cast<std::size_t>(
      static_cast<int>(std::min(magnitude * perWidth_, static_cast<double>(buckets_))));
}

/// No more than the error of a choice at this scale and every smaller one.
double ScaleSweep::clippingAt(const Choice& choice, double scale) const {
  double error = 0;
  for (const Side side : {kPositive, kNegative}) {
    const double reach = sides_[side].levels[choice.last[side]] * scale;
    const std::size_t bucket = reach > 0 ? bucketBelow(reach) + 1 : 0;
    error += clipping_[side][std::min(bucket, buckets_)];
  }
  return error;
}

/// No more than the error of any choice at this scale and every larger one: a weight below the
/// first threshold gets level 0, one up to the first level gets no nearer than that.
double ScaleSweep::roundingFrom(double scale) const {
  double error = 0;
  for (const Side side : {kPositive, kNegative}) {
    const SideLevels& levels = sides_[side];
    const auto& from = from_[side];
    if (levels.thresholds.empty()) {
      error += from[0].xx;
      continue;
    }
    const double toZero = levels.thresholds[0] * scale;
    const std::size_t zeroBuckets = bucketBelow(toZero * (1 - kSlack));
    error += from[0].xx - from[zeroBuckets].xx;
    const double level = levels.levels[1] * scale * (1 - kSlack);
    const std::size_t begin = std::min(bucketBelow(toZero) + 1, buckets_);
    const std::size_t end = bucketBelow(level);
    if (begin >= end) continue;
    error += from[begin].xx - from[end].xx - 2 * level * (from[begin].x - from[end].x) +
             level * level * (from[begin].h - from[end].h);
  }
  return error;
}

/// 1 / s below which every scale is too large.
double ScaleSweep::firstPosition() const {
  double threshold = kInfinity;
  for (const SideLevels& side : sides_) {
    if (side.levels.front() != 0) return 0;  // the larger the scale, the larger the error
    if (!side.thresholds.empty()) threshold = std::min<double>(threshold, side.thresholds[0]);
  }
  const double limit = errorToBeat();
  // From the scale at which all weights get level 0 downward.
  std::size_t enough = buckets_;
  std::size_t tooFew = 0;
  while (enough - tooFew > 1) {
    const std::size_t middle = (enough + tooFew) / 2;
    const double scale = static_cast<double>(middle) * width_ / threshold * (1 + kSlack);
    (roundingFrom(scale) >= limit ? enough : tooFew) = middle;
  }
  return threshold / (static_cast<double>(enough) * width_) * (1 - 2 * kSlack);
}

/// 1 / s beyond which every scale is too small for every choice, or nothing changes any more.
double ScaleSweep::lastPosition(double first) const {
  constexpr double kGrowth = 1.25;
  constexpr int kHalvings = 4;
  const double limit = errorToBeat();
  double furthest = 0;
  for (const SideLevels& side : sides_) {
    if (side.thresholds.empty()) continue;
    furthest = std::max(furthest, side.thresholds.back() / smallest_ * (1 + kSlack));
  }
  const auto alive = [&](double position) {
    const double scale = 1 / position;
    if (clippingAt(*likeliest_, scale) < limit) return true;
    return std::any_of(choices_.begin(), choices_.end(),
                       [&](const Choice& choice) { return clippingAt(choice, scale) < limit; });
  };
  double low = first > 0 ? first : std::min(furthest, 1e-3 / amax_);
  double high = low;
  while (high < furthest && alive(high)) {
    low = high;
    high *= kGrowth;
  }
  for (int i = 0; i < kHalvings && high > low; ++i) {
    const double middle = (low + high) / 2;
    (alive(middle) ? low : high) = middle;
  }
  return high * (1 + kSlack);
}

/// No more than what a choice of integers loses against all levels with a scale between these two:
/// a weight more than half a step beyond its last level, which would else round within half a step.
double ScaleSweep::missingLevels(const Choice& choice, double largest, double smallest) const {
  double error = 0;
  for (const Side side : {kPositive, kNegative}) {
    if (choice.last[side] == mostSteps_[side]) continue;
    const auto level = static_cast<double>(choice.last[side]);
    const auto& from = from_[side];
    const std::size_t begin = std::min(bucketBelow((level + 0.5) * largest) + 1, buckets_);
    const auto most = static_cast<double>(mostSteps_[side]);
    const std::size_t end = bucketBelow((most + 0.5) * smallest * (1 - kSlack));
    if (begin >= end) continue;
    const double edge = level * largest;
    const double xx = from[begin].xx - from[end].xx;
    const double x = from[begin].x - from[end].x;
    const double h = from[begin].h - from[end].h;
    error += xx - 2 * edge * x + (edge * edge - largest * largest / 4) * h;
  }
  return error;
}

}  // namespace quantoscope
