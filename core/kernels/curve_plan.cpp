#include "core/kernels/curve_plan.h"

#include <algorithm>
#include <cmath>

namespace quantoscope::kernels {

namespace {

/// The largest quotient of neighbouring thresholds, the inner over the outer, on one side of zero.
/// While the ratio falls by less than that, no weight passes two thresholds.
double closestThresholds(const std::vector<float>& outwards) {
  double closest = 0;
  for (std::size_t i = 0; i + 1 < outwards.size(); ++i) {
    closest = std::max(closest, static_cast<double>(outwards[i]) / outwards[i + 1]);
  }
  return closest;
}

double closestThresholds(const Codec& codec) {
  if (codec.kind == CodecKind::Codebook) {
    std::vector<float> positive;
    std::vector<float> negative;
    for (const float threshold : codec.codebook->thresholds) {
      (threshold > 0 ? positive : negative).push_back(std::fabs(threshold));
    }
    std::reverse(negative.begin(), negative.end());
    return std::max(closestThresholds(positive), closestThresholds(negative));
  }
  // An asymmetric group may have its zero point at either end: all codes on one side.
  const double limit =
      codec.kind == CodecKind::Asymmetric ? codec.maxCode : std::max(codec.maxCode, -codec.minCode);
  return limit < 2 ? 0 : (limit - 1.5) / (limit - 0.5);
}

/// Whether every span of `width` ratios is narrow enough.
bool spansHold(const std::vector<float>& ratios, std::size_t width, double closest) {
  // A margin for the rounding of a threshold times a ratio.
  constexpr double kMargin = 1e-5;
  for (std::size_t begin = 0; begin < ratios.size(); begin += width) {
    const std::size_t last = std::min(begin + width, ratios.size()) - 1;
    if (ratios[last] < ratios[begin] * (closest + kMargin)) return false;
  }
  return true;
}

/// CurvePlan::step.
float stepOf(const std::vector<float>& ratios) {
  if (ratios.size() < 2) return 0;
  const double first = ratios.front();
  const double step = (first - ratios.back()) / static_cast<double>(ratios.size() - 1);
  if (ratios.back() < step) return 0;
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    // What rounding a ratio to float32 may do.
    if (std::fabs(first - static_cast<double>(i) * step - ratios[i]) > 1.2e-7) return 0;
  }
  return static_cast<float>(step);
}

}  // namespace

CurvePlan CurvePlan::of(const Codec& codec, std::vector<float> descendingRatios) {
  CurvePlan plan;
  plan.ratios = std::move(descendingRatios);
  const std::size_t count = plan.ratios.size();
  plan.step = stepOf(plan.ratios);
  const double closest = closestThresholds(codec);
  // A span costs about what two ratios cost directly.
  for (std::size_t spans = 1; 2 * spans <= count; ++spans) {
    const std::size_t width = (count + spans - 1) / spans;
    if (!spansHold(plan.ratios, width, closest)) continue;
    for (std::size_t begin = 0; begin < count; begin += width) plan.spanBegins.push_back(begin);
    break;
  }
  return plan;
}

}  // namespace quantoscope::kernels
