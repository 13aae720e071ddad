// The best scale of a group in real arithmetic, for any table of levels.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/kernels/codec.h"

namespace quantoscope {

/// Finds the scale, and the zero point, with the least sum of h (x - s q)^2 over a group, q being
/// the level nearest to x / s: over all real scales, not those of a grid.
///
/// As s falls from infinity, the level of x moves one up each time |x| / s passes a threshold;
/// between two such breakpoints all levels stay, and the error is sum(h x x) - A^2 / B at its
/// least, with A = sum(h x q) and B = sum(h q q), at s = A / B. That s may lie outside the
/// interval: then the nearest levels there are better still, and their own interval answers for
/// them. So the least error of all is sum(h x x) - max A^2 / B over the intervals, and one sweep
/// over the sorted breakpoints, A and B kept by increments, finds it.
///
/// Bounds keep the sweep short, and are never wrong: a scale is too large when the weights that
/// fall to the first levels alone cost more than the best known error, too small when those beyond
/// the last level do. The breakpoints are the same for all zero points, which differ in their last
/// levels only. So for them the sweep goes by segments: the error with every level of any zero
/// point is below that of each, and where it, with what this zero point's missing levels cost, is
/// too large already, the segment is not swept for it.
class ScaleSweep {
 public:
  /// All real scales are tried, whatever the codec's ScaleFormat.
  explicit ScaleSweep(const Codec& codec);

  struct Best {
    bool found = false;  ///< not where every weight, or its importance, is 0, or no level helps
    double scale = 0;
    float zeroPoint = 0;
    double squaredError = 0;   ///< with that scale, in real arithmetic
    double squaredWeight = 0;  ///< sum(h x x): the scale of rounding errors
  };

  /// `importance`: h of each weight, or empty for 1.
  Best find(std::span<const float> weights, std::span<const float> importance);

 private:
  enum Side : std::uint8_t { kPositive = 0, kNegative = 1 };
  /// The levels to one side of 0 as distances in that direction, nearest first (the first may lie
  /// on the other side of 0), and the |x| / s at which each next one begins.
  struct SideLevels {
    std::vector<float> thresholds;
    std::vector<double> levels;
    bool operator==(const SideLevels&) const = default;
  };

  /// How far the levels go to each side: one zero point, or one sign of the scale.
  struct Choice {
    std::array<std::size_t, 2> last;
    float zeroPoint = 0;
    double sign = 1;
  };

  struct Sums {
    double h = 0;
    double x = 0;   ///< of h x
    double xx = 0;  ///< of h x x
  };

  struct Element {
    float magnitude;  ///< over a power of two that brings the largest to 1..2
    Side side;
    double importance;
    double product;  ///< importance * magnitude
  };

  struct State {
    double a;
    double b;
  };
  /// A weight's step to its next level.
  struct Event {
    float position;  ///< 1 / s
    std::uint16_t step;
    Side side;
    double a;  ///< what A and B grow by
    double b;
  };
  struct RawEvent {
    float position;
    std::uint32_t element;
    std::uint16_t step;
  };

  void addIntegers(const Codec& codec);
  void addCodebook(const Codebook& codebook);
  void turnLevels();

  bool load(std::span<const float> weights, std::span<const float> importance);
  void run();
  void offer(const Choice& choice, double a, double b);
  double errorToBeat() const;

  std::size_t stepsAt(Side side, float u) const;
  void tryScales();
  void tryScale(const Choice& choice, double scale);

  // Bounds.
  void tabulateBounds();
  std::size_t bucketBelow(double magnitude) const;
  double clippingAt(const Choice& choice, double scale) const;
  double roundingFrom(double scale) const;
  double missingLevels(const Choice& choice, double largest, double smallest) const;
  double firstPosition() const;
  double lastPosition(double first) const;

  // Breakpoints.
  void collectEvents(double first, double last);
  void sortEvents(double first, double last);
  void prepareStates();
  State stateWith(const std::array<std::size_t, 2>& last) const;
  void sweepSegments(double first, double last);
  void sweep(const Choice& choice, std::size_t from, std::size_t to);
  double leastErrorOfAllLevels(std::size_t from, std::size_t to) const;
  void takeSteps(std::size_t from, std::size_t to);

  // The number format.
  bool uniform_ = false;    ///< thresholds are 0.5, 1.5, ...
  bool bothSigns_ = false;  ///< a codebook that differs from its mirror image
  std::array<SideLevels, 2> sides_;
  double zeroLevel_ = 0;  ///< what a weight of 0 gets
  std::vector<Choice> choices_;
  std::array<std::size_t, 2> mostSteps_{};  ///< of any choice
  std::size_t buckets_ = 0;                 ///< of the tables of bounds

  // The present group.
  std::vector<Element> elements_;
  std::array<double, 2> largest_{};
  double amax_ = 0;  ///< 1..2, or 0
  double smallest_ = 0;
  int exponent_ = 0;  ///< magnitudes are weights over 2^exponent
  double squaredWeight_ = 0;
  double zeroImportance_ = 0;  ///< of the weights that are 0
  double width_ = 0;           ///< of a bucket
  double perWidth_ = 0;
  /// Over the weights of each side from each bucket's lower edge up.
  std::array<std::vector<Sums>, 2> from_;
  /// The error of those weights if they are taken down to that edge.
  std::array<std::vector<double>, 2> clipping_;

  const Choice* likeliest_ = nullptr;
  double gain_ = 0;  ///< max A^2 / B so far
  double bestScale_ = 0;
  float bestZeroPoint_ = 0;

  /// Sums over the weights that are on each step or further.
  std::array<std::vector<Sums>, 2> reached_;
  /// A and B of each side for levels that end at each step.
  std::array<std::vector<State>, 2> states_;
  std::vector<RawEvent> raw_;
  std::vector<std::uint32_t> offsets_;
  std::vector<Event> events_;
};

}  // namespace quantoscope
