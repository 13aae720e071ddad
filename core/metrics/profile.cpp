#include "core/metrics/profile.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace quantoscope {

namespace {

constexpr std::size_t kLanes = 8;

template <typename T, typename Fold>
T folded(std::array<T, kLanes> lanes, Fold fold) {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] = fold(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}

float larger(float a, float b) {
  return a > b ? a : b;
}

struct TallyLanes {
  std::array<double, kLanes> squaredError{};
  std::array<double, kLanes> absError{};
  std::array<double, kLanes> squaredWeight{};
  std::array<double, kLanes> error{};
  std::array<double, kLanes> cross{};
  std::array<float, kLanes> maxAbsError{};
  std::array<float, kLanes> maxAbsWeight{};

  void add(std::size_t lane, float weight, float difference) {
    const double w = weight;
    const double e = difference;
    squaredError[lane] += e * e;
    absError[lane] += std::fabs(e);
    squaredWeight[lane] += w * w;
    error[lane] -= e;
    cross[lane] += w * e;
    maxAbsError[lane] = larger(std::fabs(difference), maxAbsError[lane]);
    maxAbsWeight[lane] = larger(std::fabs(weight), maxAbsWeight[lane]);
  }
};

double plus(double a, double b) {
  return a + b;
}

double squaresOf(std::span<const float> values) {
  std::array<double, kLanes> lanes{};
  const std::size_t whole = values.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      lanes[lane] += value * value;
    }
  }
  for (std::size_t i = whole; i < values.size(); ++i) {
    const double value = values[i];
    lanes[i - whole] += value * value;
  }
  return folded(lanes, plus);
}

double mean(double sum, std::uint64_t count) {
  return count == 0 ? 0 : sum / static_cast<double>(count);
}

}  // namespace

void ErrorTally::add(const ErrorTally& next) {
  const bool equal = next.maxAbsError == maxAbsError;
  if (count == 0 || next.maxAbsError > maxAbsError || (equal && next.maxAt < maxAt)) {
    maxAt = next.maxAt;
  }
  count += next.count;
  squaredError += next.squaredError;
  absError += next.absError;
  squaredWeight += next.squaredWeight;
  error += next.error;
  cross += next.cross;
  clipping += next.clipping;
  maxAbsError = larger(next.maxAbsError, maxAbsError);
  maxAbsWeight = larger(next.maxAbsWeight, maxAbsWeight);
}

double ErrorTally::mse() const {
  return mean(squaredError, count);
}

double ErrorTally::meanAbs() const {
  return mean(absError, count);
}

double ErrorTally::weightRms() const {
  return std::sqrt(mean(squaredWeight, count));
}

ErrorTally tallyOf(std::span<const float> weights, std::span<const float> errors,
                   std::span<const float> clipped, std::uint64_t first) {
  TallyLanes lanes;
  const std::size_t whole = weights.size() / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes.add(lane, weights[i + lane], errors[i + lane]);
    }
  }
  for (std::size_t i = whole; i < weights.size(); ++i) lanes.add(i - whole, weights[i], errors[i]);

  ErrorTally tally;
  tally.count = weights.size();
  tally.squaredError = folded(lanes.squaredError, plus);
  tally.absError = folded(lanes.absError, plus);
  tally.squaredWeight = folded(lanes.squaredWeight, plus);
  tally.maxAbsError = folded(lanes.maxAbsError, larger);
  tally.maxAbsWeight = folded(lanes.maxAbsWeight, larger);
  tally.error = folded(lanes.error, plus);
  tally.cross = folded(lanes.cross, plus);
  tally.clipping = squaresOf(clipped);
  const auto largest = std::find_if(errors.begin(), errors.end(), [&](float error) {
    return std::fabs(error) == tally.maxAbsError;
  });
  tally.maxAt = first + static_cast<std::uint64_t>(largest - errors.begin());
  return tally;
}

std::size_t Profile::membersPerPoint(std::size_t length, std::size_t limit) {
  limit = std::max<std::size_t>(1, limit);
  return std::max<std::size_t>(1, (length + limit - 1) / limit);
}

ProfileBuilder::ProfileBuilder(std::size_t length, std::size_t limit)
    : profile_{length, Profile::membersPerPoint(length, limit), {}} {}

void ProfileBuilder::add(std::size_t member, const ErrorTally& tally) {
  auto& points = profile_.points;
  const std::size_t first = member / profile_.perPoint * profile_.perPoint;
  if (points.empty() || points.back().first != first) {
    const std::size_t members = std::min(profile_.perPoint, profile_.length - first);
    points.push_back({first, members, {}, member, tally.mse()});
  }
  Profile::Point& point = points.back();
  point.tally.add(tally);
  if (tally.mse() > point.worstMse) {
    point.worst = member;
    point.worstMse = tally.mse();
  }
}

void ProfileBuilder::append(const ProfileBuilder& next) {
  auto& points = profile_.points;
  auto from = next.profile_.points.begin();
  const auto end = next.profile_.points.end();
  if (from == end) return;
  if (!points.empty() && points.back().first == from->first) {  // a point cut in two
    points.back().tally.add(from->tally);
    if (from->worstMse > points.back().worstMse) {
      points.back().worst = from->worst;
      points.back().worstMse = from->worstMse;
    }
    ++from;
  }
  points.insert(points.end(), from, end);
}

}  // namespace quantoscope
