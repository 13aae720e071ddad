// Errors along one side of a tensor: by row, by input channel, by group.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/metrics/error_metrics.h"

namespace quantoscope {

/// The totals of some weights, and more sums over them; float64, in a fixed order.
struct ErrorTally : ErrorTotals {
  double absError = 0;  ///< |e|
  float maxAbsWeight = 0;
  double clipping = 0;      ///< of e^2 over clipped weights (see ClipLimits); 0 where unknown
  std::uint64_t maxAt = 0;  ///< where maxAbsError is first, as row * cols + column of the tensor

  void add(const ErrorTally& next);
  /// `cols` are those of the tensor. Not for a tally of nothing.
  ErrorMetrics metrics(std::size_t cols) const {
    return ErrorMetrics::from(*this, {maxAt / cols, maxAt % cols});
  }
  double mse() const;      ///< that of the metrics, but 0 where there is nothing
  double meanAbs() const;  ///< mean of |e|, in weight units; 0 where there is nothing
  double rounding() const { return squaredError - clipping; }  ///< the rest of the squared error
  double weightRms() const;                                    ///< root mean square of w
};

/// The tally of a run of weights. Element i adds to lane i % 8; lanes are folded as a binary tree.
/// `clipped`, where it is not empty, holds the errors of clipped weights and 0 for the others;
/// `first` is the place of the first weight, see ErrorTally::maxAt.
ErrorTally tallyOf(std::span<const float> weights, std::span<const float> errors,
                   std::span<const float> clipped = {}, std::uint64_t first = 0);

/// The tallies of `length` members (rows, input channels, groups), reduced to a size fit for
/// plotting: each point stands for `perPoint` consecutive members, the last perhaps for fewer.
struct Profile {
  struct Point {
    std::size_t first = 0;    ///< its first member
    std::size_t members = 0;  ///< how many
    ErrorTally tally;         ///< of all of them together
    std::size_t worst = 0;    ///< the member with the largest MSE, the first of equals
    double worstMse = 0;
  };

  std::size_t length = 0;
  std::size_t perPoint = 1;
  std::vector<Point> points;

  /// How many members a point takes so that there are at most `limit` (1 or more) points.
  static std::size_t membersPerPoint(std::size_t length, std::size_t limit);
};

/// Builds a profile from a run of its members, given one by one in ascending order; runs that were
/// built apart are then appended in order. Holds no more than the points it has touched.
class ProfileBuilder {
 public:
  ProfileBuilder() = default;
  ProfileBuilder(std::size_t length, std::size_t limit);

  void add(std::size_t member, const ErrorTally& tally);
  void append(const ProfileBuilder& next);
  const Profile& profile() const { return profile_; }

 private:
  Profile profile_;
};

}  // namespace quantoscope
