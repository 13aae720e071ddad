// One pass over the codes of a quantized tensor, with its original or without: the sums that recipe
// and alarms are told from.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/parallel/executor.h"
#include "core/tensor/health.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// A quantized tensor to look at. `container` was opened as it is stored (OpenOptions::asStored).
/// `original`, which may be null, is finite and has the rows and columns of packed.info().
struct AuditSubject {
  const PackedTensor& packed;
  const Container& container;
  const WeightTensor* original = nullptr;
};

/// The parameters of a tensor as numbers that a code is decoded with, checked to be as many as its
/// shape says. All weights here are those that the codes stand for: the original's times
/// PackedParameters::inputScale.
class AuditedParameters {
 public:
  /// UnreadableFile names the tensor whose parameters do not fit its shape.
  static Result<AuditedParameters> of(const PackedInfo& info, PackedParameters parameters);

  const PackedParameters& stored() const { return stored_; }
  std::size_t cols() const { return cols_; }
  /// Integers rather than levels of a table.
  bool integers() const { return stored_.levels.empty(); }
  bool hasZeros() const { return !stored_.zero.empty(); }

  /// The place of its scale.
  std::size_t groupOf(std::size_t row, std::size_t col) const {
    return stored_.flatBlock != 0 ? (row * cols_ + col) / stored_.flatBlock
                                  : row * stored_.groups + stored_.groupOf[col];
  }
  /// What a unit is multiplied by.
  float step(std::size_t group) const { return steps_[group]; }
  float zero(std::size_t group) const { return stored_.zero.empty() ? 0 : stored_.zero[group]; }
  float offset(std::size_t group) const {
    return stored_.offset.empty() ? 0 : stored_.offset[group];
  }
  /// code - zero, or the level; NaN for an index beyond the levels.
  float unit(std::int16_t code, float zero) const;
  /// The unit that is nearest to `target`.
  float nearestUnit(float target, float zero) const;
  /// The largest distance of two neighbouring units.
  float gap() const { return gap_; }
  /// The smallest and largest code of integers; the lowest and highest of the sorted levels.
  float lowest() const { return lowest_; }
  float highest() const { return highest_; }
  /// The largest magnitude of a unit without a zero point.
  float farthest() const;
  float inputScale(std::size_t col) const {
    return stored_.inputScale.empty() ? 1 : stored_.inputScale[col];
  }
  /// The half of the last place of a scale, relative to it, as far as its type and the scales
  /// themselves tell: 2^-11 for float16, 2^-24 for float32.
  double roundingOfScale() const { return rounding_; }

 private:
  PackedParameters stored_;
  std::size_t cols_ = 0;
  std::vector<float> steps_;
  std::vector<float> sorted_;  ///< the finite levels, ascending
  float lowest_ = 0;
  float highest_ = 0;
  float gap_ = 1;
  double rounding_ = 0;
};

/// A group as it was found, for the recipe. `low` and `high` are the least and the greatest weight.
struct GroupRecord {
  std::size_t row = 0;
  float low = 0;
  float high = 0;
  float scale = 0;  ///< as it is stored
  float step = 0;
  float zero = 0;

  float largest() const { return high > -low ? high : -low; }
  /// The weight of the largest magnitude.
  float extreme() const { return high > -low ? high : low; }
};

/// Sums over some weights. v: the decoded weight, w: the original's, t: w in units, u: v in units.
struct AuditSums {
  double weights = 0;
  double error = 0;    ///< (v - w)^2
  double nearest = 0;  ///< the same where each code were the nearest under the stored scale
  double signal = 0;   ///< w^2
  double value = 0;    ///< v^2
  double cross = 0;    ///< v w
  double fitted = 0;   ///< (v - w)^2 if each group had the scale that suits its codes best
  double drift = 0;    ///< step^2 (u - t)
  double squaredStep = 0;
  double unit = 0;  ///< u
  double squaredUnit = 0;

  void add(const AuditSums& other);
};

/// Where something was seen first, and how often.
struct Sightings {
  std::uint64_t count = 0;
  Position first;

  void see(std::size_t row, std::size_t col) {
    if (count++ == 0) first = {row, col};
  }
  void append(const Sightings& next) {
    if (count == 0) first = next.first;
    count += next.count;
  }
};

/// What a row's groups have in common.
struct AuditRow {
  AuditSums sums;
  std::int16_t code = 0;      ///< the first
  bool constant = true;       ///< all its codes are that
  bool flatOriginal = true;   ///< its weights are within a step of each other, where it has one
  double shift = 0;           ///< sum of the shifts of its groups, in units
  std::uint64_t shifted = 0;  ///< groups that another zero point would suit far better
  std::uint64_t groups = 0;   ///< that were judged for that
};

/// Everything that one pass finds. Deterministic: sums are formed in the order of the rows.
struct AuditTally {
  static constexpr int kMostShift = 128;      ///< of zero points, either way
  static constexpr std::size_t kCodes = 768;  ///< code + 256

  std::uint64_t groups = 0;
  std::array<std::uint64_t, kCodes> codes = {};  ///< how often each is used
  std::vector<AuditRow> rows;
  std::vector<GroupRecord> records;  ///< of whole rows, evenly chosen; at most about kMostRecords
  float largestWeight = 0;

  Sightings vanished;        ///< groups whose scale is 0 and whose weights, or codes, are not
  Sightings subnormal;       ///< scales too small for all digits of their type
  Sightings notFinite;       ///< scales, zero points and values
  Sightings constantGroups;  ///< one code although the weights are far apart; with an original
  Sightings saturated;       ///< see kMostSaturated
  Sightings misfits;         ///< groups that another scale would suit far better; see kScaleGain
  std::uint64_t negativeScales = 0;
  std::uint64_t judged = 0;     ///< codes that were compared with the nearest
  std::uint64_t differing = 0;  ///< of those, by more than the rounding of the scale explains
  std::array<std::uint64_t, 2 * kMostShift + 1> shifts = {};  ///< groups by shift
  std::uint64_t shiftGroups = 0;                              ///< groups judged for that

  AuditSums sums() const;
};

/// Groups of fewer weights tell nothing by their means.
inline constexpr std::size_t kLeastGroup = 8;
/// A group is saturated if more of its weights than this lie beyond what its scale can reach by
/// more than a step (the best scale leaves some 5 % there, with 2 bits); or, where the original is
/// not known, if more of its codes than kMostExtremeCodes are the lowest or highest: optimal
/// clipping at 3 bits leaves some 25 %.
inline constexpr double kMostSaturated = 0.25;
inline constexpr double kMostExtremeCodes = 0.5;
/// A group's zero point is off by k steps if its mean error is within kShiftTolerance of k (the
/// mean of 32 rounding errors has a deviation of 0.05) and moving it takes away 5 dB: rounding
/// alone would lose 11 dB by one step, calibrated codes some 6.
inline constexpr double kShiftTolerance = 0.25;
inline constexpr double kShiftGain = 3.2;

/// The best scale for given codes takes 3 % of the error away in groups of 32, 7 % in groups of 16;
/// a group has another's scale if it takes away 1.5 dB, with 2 bits or fewer, where most codes are
/// 0, 4 dB, and if weights and codes then have a signal of 6 dB.
inline constexpr double kScaleGain = 1.41;
inline constexpr double kScaleGainOfTwoBits = 2.5;
inline constexpr double kRelated = 4;
/// Errors below half of rounding's own, in squared steps, are no fault whatever would lessen them:
/// originals that were quantized once are met nearly exactly.
inline constexpr double kLeastError = 1.0 / 24;

/// Reads codes a few million at a time and the original once. Errors: those of reading; Cancelled.
Result<AuditTally> auditPass(const AuditSubject& subject, const AuditedParameters& parameters,
                             const Executor& executor, const TaskControl& control);

}  // namespace quantoscope
