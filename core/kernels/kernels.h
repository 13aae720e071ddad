// The hot loops, as a table of functions: one table for each instruction set, all with the same
// contract and the same bits as the scalar reference.
//
// Every function works on one block of rows, row-major, and allocates nothing. Arrays of group
// parameters are [rows, groupsPerRow] of the block. Float32 arithmetic is IEEE, one rounding per
// operation in the written order, round half to even, nothing contracted. Inputs are finite.
// Thread-safe: no function keeps state.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "core/kernels/codec.h"
#include "core/kernels/curve_plan.h"

namespace quantoscope::kernels {

/// Sums that a pass over weights w and their dequantized values y adds up, with e = float32(w - y).
/// Each sum has 16 float64 lanes; the element in column c adds to lane c % 16, row after row, and
/// `total` folds the lanes as a binary tree. So any vector width up to 16 gives the same bits.
///
/// Errors are added up in float64, where their squares are exact. w^2 and w e, whose float64 would
/// take as long as all the rest, are products and sums of float32 in each lane of a span of a row
/// (kSpan columns, from a multiple of kSpan), 64 terms at most, which the float64 lane gets at its
/// end: within 64 * 2^-24 of the sum of w^2. A span whose w^2 come near the ends of float32
/// (`keptInFloat`) adds exact products in float64 instead.
struct ErrorLanes {
  static constexpr std::size_t kLanes = 16;
  static constexpr std::size_t kSpan = 64 * kLanes;
  using Lanes = std::array<double, kLanes>;

  Lanes squaredError{};   ///< e^2, exact in float64
  Lanes error{};          ///< y - w, as -(double)e
  Lanes squaredWeight{};  ///< w^2
  Lanes cross{};          ///< w * e

  static double total(Lanes lanes);

  /// Whether a span keeps its float32 sums, by the largest lane of w^2.
  static bool keptInFloat(float largest) { return largest >= 1e-24f && largest <= 1e30f; }
  /// Adds the products of n columns, the first in lane 0, in float64.
  void addProducts(const float* w, const float* y, std::size_t n);
};

/// The largest |e| of a block and where it is: the first in row-major order.
struct ErrorPeak {
  float magnitude = -1;  ///< -1 while nothing was seen
  std::size_t row = 0;
  std::size_t col = 0;
};

/// What a pass over plain weights finds. Element i of the pass adds to lane i % 16.
struct Summary {
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  std::uint64_t zero = 0;
  std::uint64_t subnormal = 0;
  float min = std::numeric_limits<float>::infinity();   ///< of the finite elements
  float max = -std::numeric_limits<float>::infinity();  ///< of the finite elements
  ErrorLanes::Lanes sum{};                              ///< of the finite elements
};

/// Sums over the finite elements around their mean, squares rounded once each.
struct MomentLanes {
  ErrorLanes::Lanes second{};
  ErrorLanes::Lanes fourth{};
};

/// Equal bins; see Histogram.
struct BinRule {
  double lo = 0;
  double width = 1;  ///< above 0
  double bins = 1;
  double sign = 1;  ///< 1 or -1: what a value is multiplied by first

  /// clamp(floor((sign x - lo) * bins / width), 0, bins - 1), each operation rounded to double.
  /// What is no number has no bin: the answer is 0 then, so that nothing outside a table is
  /// counted.
  std::int32_t binOf(float x) const;
};

class ErrorCounts;  // core/kernels/error_counts.h

struct KernelTable {
  const char* name;

  /// Scale (and zero point, for a codec that has one) of each group, at clip ratio
  /// float32(ratios[i]) for group i; one ratio serves all if `ratioStride` is 0 (else 1).
  /// `zeroPoint` may be null for codecs without.
  void (*groupParameters)(const Codec& codec, const BlockShape& shape, const float* w,
                          const double* ratios, std::size_t ratioStride, float* scale,
                          float* zeroPoint);

  /// The smallest and the largest weight of each group.
  void (*groupExtremes)(const BlockShape& shape, const float* w, float* least, float* most);

  /// What groupParameters finds, from the extremes of that many groups, at one ratio. A codec that
  /// does not follow from extremes takes them for its two farthest weights, the smaller for the
  /// first.
  void (*parametersOfExtremes)(const Codec& codec, std::size_t groups, const float* least,
                               const float* most, double ratio, float* scale, float* zeroPoint);

  /// The dequantized values: codes are found with `scale` and multiplied by `decodeScale` (the
  /// same array, unless scales are quantized themselves). y may be w.
  void (*quantizeDequantize)(const Codec& codec, const BlockShape& shape, const float* w,
                             const float* scale, const float* zeroPoint, const float* decodeScale,
                             float* y);

  /// The integer codes: clamped integers, or the published code of a codebook's level.
  void (*encode)(const Codec& codec, const BlockShape& shape, const float* w, const float* scale,
                 const float* zeroPoint, std::int32_t* codes);

  /// Adds a block to the sums, and replaces `peak`, whose row counts from the block's first, by
  /// something larger.
  void (*addErrors)(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums,
                    ErrorPeak& peak);

  /// ErrorLanes' e^2 alone, with the same bits.
  void (*addSquaredErrors)(const BlockShape& shape, const float* w, const float* y,
                           ErrorLanes::Lanes& squaredError);

  /// sum of e^2 of each group, as an ErrorLanes sum of its own (lane = column in group % 16).
  void (*groupSquaredErrors)(const BlockShape& shape, const float* w, const float* y,
                             double* squaredError);

  /// What quantizeDequantize and then addErrors lead to, with the same bits, for callers that have
  /// no use for the values. `room` has space for the block's values; what it holds afterwards is
  /// not defined.
  void (*addCodingErrors)(const Codec& codec, const BlockShape& shape, const float* w,
                          const float* scale, const float* zeroPoint, const float* decodeScale,
                          float* room, ErrorLanes& sums, ErrorPeak& peak);

  /// addCodingErrors, and the histogram of the errors. `room` has space for a row's values.
  void (*addCountedErrors)(const Codec& codec, const BlockShape& shape, const float* w,
                           const float* scale, const float* zeroPoint, const float* decodeScale,
                           float* room, ErrorLanes& sums, ErrorPeak& peak, ErrorCounts& counts);

  /// quantizeDequantize and then addSquaredErrors likewise.
  void (*addCodingSquaredErrors)(const Codec& codec, const BlockShape& shape, const float* w,
                                 const float* scale, const float* zeroPoint,
                                 const float* decodeScale, float* room,
                                 ErrorLanes::Lanes& squaredError);

  /// Adds n elements to a summary.
  void (*summarize)(const float* x, std::size_t n, Summary& summary);

  /// Adds the finite ones of n elements to the moments around `mean`.
  void (*addMoments)(const float* x, std::size_t n, double mean, MomentLanes& moments);

  /// The bin of each of n finite values.
  void (*findBins)(const float* x, std::size_t n, const BinRule& rule, std::int32_t* bins);

  /// Adds the block's sum of e^2 at every ratio of the plan to squaredError[ratio] and returns the
  /// block's sum of w^2. Fast and nearly exact, |sqrt(found) - sqrt(exact)| <= 1e-6 |w|
  /// (core/README.md); the order of its sums is fixed, for one table. Null where a table has no
  /// fast way.
  double (*addClipCurve)(const Codec& codec, const BlockShape& shape, const float* w,
                         const CurvePlan& plan, CurveScratch& scratch, double* squaredError);

  /// The same of each group: adds to squaredError[group][ratio] and stores energy[group], the sum
  /// of w^2. Null where a table has no fast way.
  void (*addGroupClipCurves)(const Codec& codec, const BlockShape& shape, const float* w,
                             const CurvePlan& plan, CurveScratch& scratch, double* squaredError,
                             double* energy);

  /// The ratio with the least error of each group, as an index into the plan, stored in
  /// chosen[group], where no other comes so near that only the exact errors could tell; else
  /// kUndecided. Adds the curves of these groups to squaredError[ratio] and returns their sum of
  /// w^2. kLeftOut and nothing added for a group that float32 does not hold for. Only where
  /// `choosesGroupRatios`; null where a table has no fast way.
  double (*chooseGroupRatios)(const Codec& codec, const BlockShape& shape, const float* w,
                              const CurvePlan& plan, CurveScratch& scratch, std::uint32_t* chosen,
                              double* squaredError);
};

/// What chooseGroupRatios stores for groups that it leaves to the caller.
constexpr std::uint32_t kUndecided = std::numeric_limits<std::uint32_t>::max();
constexpr std::uint32_t kLeftOut = kUndecided - 1;

/// Whether the counting of chooseGroupRatios holds for such groups: integers of at most 4 bits,
/// groups of at most 1024, and at most 128 ratios that are equally far apart.
bool choosesGroupRatios(const Codec& codec, std::size_t groupSize, const CurvePlan& plan);

/// The plain reference: the truth that other tables are held to.
const KernelTable& scalarKernels();

/// All tables that run on this machine, the best first, the scalar one last.
const std::vector<const KernelTable*>& availableKernels();

/// The table that this process uses: the best, unless useKernels chose another.
const KernelTable& activeKernels();

/// Chooses a table by name; false if there is none such. Not while work runs.
bool useKernels(std::string_view name);

/// The largest of n values, found as fast as they can be read: the measure that other passes are
/// held against.
float readThrough(const float* x, std::size_t n);

/// The sum of e^2 over a block with each e^2 times the importance of its column, in float64: the
/// product of the float32 importance and the exact square is rounded once. Plain code on every CPU.
double weightedSquaredError(const BlockShape& shape, const float* w, const float* y,
                            const float* importance);

/// KernelTable::groupSquaredErrors likewise.
void weightedGroupSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                                const float* importance, double* squaredError);

/// The code that a scaled value gets in a codebook: the number of thresholds below `t`; a NaN (0 /
/// 0 in a group of zeros) gets the index of the level nearest to 0, the lower of two.
std::size_t codebookIndex(const Codebook& codebook, float t);

}  // namespace quantoscope::kernels
