#include "core/kernels/curve_plan.h"

#include <algorithm>
#include <cmath>

namespace quantoscope::kernels {

namespace {

/// Above this a weight passes so many thresholds that summing at every ratio costs less.
constexpr std::size_t kMostLevels = 31;

/// The most thresholds, ascending on one side of zero, that a weight passes while the ratio falls
/// to `last`.
std::size_t mostPassed(const std::vector<double>& thresholds, double last) {
  // A margin for the rounding of a threshold times a ratio.
  const double reach = last * (1 - 1e-5);
  std::size_t most = 0;
  for (std::size_t first = 0; first < thresholds.size(); ++first) {
    std::size_t passed = 0;
    for (std::size_t i = first; i < thresholds.size(); ++i) {
      if (thresholds[first] >= reach * thresholds[i]) ++passed;
    }
    most = std::max(most, passed);
  }
  return most;
}

std::size_t mostPassed(const Codebook& codebook, double last) {
  std::vector<double> positive;
  std::vector<double> negative;
  for (const float threshold : codebook.thresholds) {
    (threshold > 0 ? positive : negative).push_back(std::fabs(threshold));
  }
  std::reverse(negative.begin(), negative.end());
  return std::max(mostPassed(positive, last), mostPassed(negative, last));
}

/// CurvePlan::passes; `last` is the last ratio over the first.
std::vector<std::size_t> passesOf(const Codec& codec, double last) {
  if (codec.kind == CodecKind::Codebook) {
    if (codec.codebook->levels.size() > 16) return {};
    return {std::max<std::size_t>(1, mostPassed(*codec.codebook, last))};
  }
  // An asymmetric group may have its zero point at either end: all codes on one side.
  const auto most = static_cast<std::size_t>(
      codec.hasZeroPoint() ? codec.maxCode : std::max(codec.maxCode, -codec.minCode));
  if (most > kMostLevels) return {};
  std::vector<std::size_t> passes = {0};
  std::vector<double> thresholds;
  for (std::size_t limit = 1; limit <= most; ++limit) {
    thresholds.push_back(static_cast<double>(limit) - 0.5);
    passes.push_back(mostPassed(thresholds, last));
  }
  return passes;
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
  plan.step = stepOf(plan.ratios);
  if (plan.step > 0) plan.passes = passesOf(codec, plan.ratios.back() / plan.ratios.front());
  return plan;
}

}  // namespace quantoscope::kernels
