// The best clip ratio of each group, by counting at which ratio each weight's level changes.
//
// In units of the group's scale at the first ratio R, with ratios divided by R, and k(r) a weight's
// level at ratio r, the error is sum u^2 - 2 r sum u k(r) + r^2 sum k(r)^2. A weight u gets from
// level l to l + 1 at the first ratio that is at most u / (l + 1/2), which adds u to the one sum
// and 2 l + 1 to the other. Both stand in one 64-bit integer of a table [ratio][group], to which a
// weight is added once for each level that it reaches; running sums over the table give the error
// at every ratio.
//
// The sums at R come from d = u - k, so that large terms cancel exactly: sum u^2 = sum d^2 + 2 sum
// d k
// + sum k^2, and sum u k = sum d k + sum k^2.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/curve_plan.h"
#include "core/kernels/kernels.h"

#define HWY_DISABLED_TARGETS HWY_SSSE3

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/group_choice.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/kernels/curve_groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

/// Groups that are worked on together; each has a lane of the table.
constexpr std::size_t kBatch = 8;

/// The table's integers: 2 l + 1 above, u in units of 2^-24 below. 1024 weights that each reach 15
/// levels of at most 15.5 stay below 2^42.
constexpr int kWeightBits = 42;
constexpr float kWeightUnit = 16777216.0f;

/// As words of the list: where to, in 16 bits, and 2 l + 1 above.
constexpr int kPlaceBits = 16;

/// What chosen ratios may be off by in sqrt(error) over the norm, for two points of a curve: each
/// weight's level may change at a ratio that is off by up to 8 roundings, which is worth an error
/// of twice as much, and u itself by two.
constexpr double kBound = 3e-6;

using I = hn::RebindToSigned<F>;
using W = hn::Vec<D>;

/// A value for each group of a batch.
struct Lanes {
  HWY_ALIGN double of[kBatch] = {};
};

/// A vector for each group of a batch.
struct Rows {
  HWY_ALIGN float of[kBatch * kLanes];

  HWY_INLINE void set(std::size_t group, V v) { hn::Store(v, F(), of + group * kLanes); }

  /// Folds each vector to one value, all groups side by side.
  template <typename Fold>
  HWY_INLINE Lanes folded(Fold fold) const {
    const F f;
    V v[kBatch];
    for (std::size_t g = 0; g < kBatch; ++g) v[g] = hn::Load(f, of + g * kLanes);
    std::size_t vectors = kBatch;
    for (std::size_t width = kLanes; width > 1; width /= 2) {
      vectors = std::max<std::size_t>(1, vectors / 2);
      for (std::size_t i = 0; i < vectors; ++i) {
        const V a = v[2 * i % kBatch];
        const V b = v[(2 * i + 1) % kBatch];
        v[i] = fold(hn::ConcatEven(f, b, a), hn::ConcatOdd(f, b, a));
      }
    }
    HWY_ALIGN float folded[kBatch * kLanes];
    for (std::size_t i = 0; i < vectors; ++i) hn::Store(v[i], f, folded + i * kLanes);
    Lanes lanes;
    std::copy(folded, folded + kBatch, lanes.of);
    return lanes;
  }
  HWY_INLINE Lanes sums() const {
    return folded([](V a, V b) HWY_ATTR { return hn::Add(a, b); });
  }
  HWY_INLINE Lanes minima() const {
    return folded([](V a, V b) HWY_ATTR { return hn::Min(a, b); });
  }
};

/// What a batch of groups adds up, in units of their scales.
struct Batch {
  Rows squared;  ///< d^2
  Rows cross;    ///< d k
  Rows level;    ///< k^2
  Rows least;    ///< the smaller of 0 and the smallest weight
  std::size_t listed[kBatch] = {};

  HWY_INLINE void set(std::size_t group, V d2, V dk, V k2, V smallest) {
    squared.set(group, d2);
    cross.set(group, dk);
    level.set(group, k2);
    least.set(group, smallest);
  }
};

class GroupChoice {
 public:
  GroupChoice(const Codec& codec, const BlockShape& shape, const CurvePlan& plan,
              CurveScratch& scratch)
      : codec_(codec), scratch_(scratch), count_(plan.ratios.size()), first_(plan.ratios.front()) {
    inverseStep_ = first_ / plan.step;
    for (std::size_t k = 0; k < 16; ++k) {
      placeOf_[k] = inverseStep_ / (static_cast<float>(k) + 0.5f);
    }
    ratios_.reserve(count_);
    for (const double ratio : plan.ratios) {
      const double r = ratio / first_;
      const auto index = static_cast<double>(ratios_.size());
      ratios_.push_back({r * r, 2 * r / kWeightUnit, kOne + index});
    }
    // A weight reaches at most 15 levels; a vector more than the last group fills is written.
    const std::size_t room = kBatch * (shape.groupSize + kLanes) * 15 + kLanes;
    if (scratch.crossedAt.size() < room) {
      scratch.crossedAt.resize(room);
      scratch.crossedWeight.resize(room);
    }
    scratch.crossings.assign(count_ * kBatch, 0);
    scratch.losses.assign(2 * count_ * kBatch, 0);
  }

  /// Decides up to kBatch groups.
  void choose(const float* const* x, const std::size_t* length, const float* scale,
              const float* zeroPoint, std::size_t groups, std::uint32_t* chosen) {
    Batch batch;
    size_ = 0;
    for (std::size_t g = 0; g < kBatch; ++g) {
      if (g < groups && squaresHold(scale[g])) {
        classify(x[g], length[g], scale[g], zeroPoint[g], g, batch);
      } else {
        const V zero = hn::Zero(F());
        batch.set(g, zero, zero, zero, zero);
      }
    }
    scatter();
    const Lanes least = batch.least.minima();
    Lanes unit;  // squared scales; 0 for what is left out
    for (std::size_t g = 0; g < groups; ++g) {
      const auto s = static_cast<double>(scale[g]) * first_;
      const auto wmin = static_cast<float>(least.of[g]);
      unit.of[g] = steady(codec_, scale[g], zeroPoint[g], wmin) ? s * s : 0;
    }
    decide(batch, length, groups, unit, chosen);
  }

  /// Adds the curves of all groups that were not left out so far; returns their sum of w^2.
  double addCurve(double* squaredError) const {
    const double* sums = scratch_.losses.data() + count_ * kBatch;
    for (std::size_t j = 0; j < count_; ++j) {
      for (std::size_t g = 0; g < kBatch; ++g) squaredError[j] += sums[j * kBatch + g];
    }
    return energy_;
  }

 private:
  static constexpr std::size_t kParts = kLanes / 2;  ///< float64 lanes of a vector

  /// What the error at a ratio r is made of.
  struct Ratio {
    double squared;  ///< r^2
    double twice;    ///< 2 r, for sums of weights in the table's unit
    double counted;  ///< kOne + the index of the ratio
  };
  /// More than any index: a sum of `counted` tells the index where it is of one ratio alone.
  static constexpr double kOne = 1024;

  /// A group's sums and the levels that its weights reach.
  HWY_INLINE void classify(const float* x, std::size_t n, float scale, float zeroPoint,
                           std::size_t lane, Batch& batch) {
    const F f;
    const IntegerLimits limits = integerLimits(codec_, scale, zeroPoint);
    const V inverse = hn::Set(f, 1.0f / (limits.scale * first_));
    const V below = hn::Set(f, limits.negative);
    const V above = hn::Set(f, limits.positive);
    const V zero = hn::Zero(f);
    const V laneOnly = hn::Set(f, static_cast<float>(lane + (1U << kPlaceBits)));
    V squared = zero, cross = zero, level = zero, least = zero;
    std::size_t size = size_;
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V u = hn::Mul(hn::Abs(w), inverse);
      const V limit = hn::IfThenElse(hn::Lt(w, zero), below, above);
      const V k = hn::Min(hn::Round(u), limit);
      const V d = hn::Sub(u, k);
      squared = hn::MulAdd(d, d, squared);
      cross = hn::MulAdd(d, k, cross);
      level = hn::MulAdd(k, k, level);
      least = hn::Min(least, w);
      listLevels(u, k, limit, laneOnly, size);
    });
    batch.set(lane, squared, cross, level, least);
    batch.listed[lane] = size - size_;
    size_ = size;
  }

  /// Lists every level above `level` that the weights reach at some ratio.
  HWY_INLINE void listLevels(V u, V level, V limit, V laneOnly, std::size_t& size) {
    const F f;
    const I i32;
    const V inverseStep = hn::Set(f, inverseStep_);
    const V count = hn::Set(f, static_cast<float>(count_));
    while (true) {
      const V perWeight = entryOf(placeOf_, hn::ConvertTo(i32, level));
      // Rounding may put what is reached at the first ratio a little before it: Ceil gives 0.
      const V at = hn::Ceil(hn::NegMulAdd(u, perWeight, inverseStep));
      const M reached = hn::And(hn::Lt(level, limit), hn::Lt(at, count));
      if (hn::AllFalse(f, reached)) return;
      const V place = hn::MulAdd(level, hn::Set(f, 2.0f * (1U << kPlaceBits)),
                                 hn::MulAdd(at, hn::Set(f, kBatch), laneOnly));
      const V weight = hn::Mul(u, hn::Set(f, kWeightUnit));
      compressTo(hn::BitCast(f, hn::ConvertTo(i32, place)), reached,
                 words(scratch_.crossedAt) + size);
      compressTo(hn::BitCast(f, hn::ConvertTo(i32, weight)), reached,
                 words(scratch_.crossedWeight) + size);
      size += hn::CountTrue(f, reached);
      level = hn::Add(level, hn::Set(f, 1.0f));
    }
  }

  static float* words(std::vector<std::int32_t>& list) {
    return reinterpret_cast<float*>(list.data());
  }

  /// A loop of its own: reading words back right behind the vectors that stored them is slow.
  void scatter() {
    const std::int32_t* at = scratch_.crossedAt.data();
    const std::int32_t* weight = scratch_.crossedWeight.data();
    std::int64_t* table = scratch_.crossings.data();
    constexpr std::int32_t kPlaceMask = (1 << kPlaceBits) - 1;
    const std::size_t size = size_;  // the table might hold it, for all that a compiler knows
    for (std::size_t i = 0; i < size; ++i) {
      table[at[i] & kPlaceMask] +=
          (static_cast<std::int64_t>(at[i] >> kPlaceBits) << kWeightBits) + weight[i];
    }
  }

  void decide(const Batch& batch, const std::size_t* length, std::size_t groups, const Lanes& unit,
              std::uint32_t* chosen) {
    const Lanes squared = batch.squared.sums();
    const Lanes cross = batch.cross.sums();
    const Lanes level = batch.level.sums();
    Lanes energy;
    Lanes slack;
    HWY_ALIGN std::int64_t begin[kBatch] = {};
    for (std::size_t g = 0; g < groups; ++g) {
      energy.of[g] = squared.of[g] + 2 * cross.of[g] + level.of[g];
      slack.of[g] = slackOf(squared.of[g], level.of[g], length[g], batch.listed[g]);
      begin[g] = (static_cast<std::int64_t>(level.of[g]) << kWeightBits) +
                 static_cast<std::int64_t>((cross.of[g] + level.of[g]) * kWeightUnit);
      energy_ += energy.of[g] * unit.of[g];
    }
    for (std::size_t part = 0; part < kBatch; part += kParts) {
      const D d;
      const W sum = hn::Load(d, energy.of + part);
      const W least = findLosses(sum, begin + part, hn::Load(d, unit.of + part),
                                 scratch_.losses.data() + part, scratch_.crossings.data() + part);
      const W norm = hn::Sqrt(hn::Max(sum, hn::Zero(d)));
      const W root = hn::MulAdd(norm, hn::Set(d, kBound), hn::Sqrt(hn::Max(least, hn::Zero(d))));
      const W limit = hn::MulAdd(root, root, hn::Load(d, slack.of + part));
      HWY_ALIGN double counted[kParts];
      hn::Store(countUpTo(limit, part), d, counted);
      for (std::size_t g = part; g < std::min(part + kParts, groups); ++g) {
        const double found = counted[g - part];
        chosen[g] = unit.of[g] == 0    ? kLeftOut
                    : found < 2 * kOne ? static_cast<std::uint32_t>(found - kOne)
                                       : kUndecided;
      }
    }
  }

  /// What the float32 sums of d k and k^2, and the weights cut to the table's unit, may add to the
  /// difference of two errors of a group. The sum of |d k| is at most the product of the norms.
  double slackOf(double squared, double level, std::size_t n, std::size_t listed) const {
    constexpr double kRounding = 1.0 / kWeightUnit;  // of float32, too
    const double adds = static_cast<double>(n / kLanes + 6) * kRounding;
    const double fallen = 1 - std::sqrt(ratios_.back().squared);
    return 2 * fallen * adds * (2 * std::sqrt(squared * level) + fallen * level) +
           4 * kRounding * static_cast<double>(listed);
  }

  /// The errors at every ratio, also added to the curve, and the smallest of them; the table is
  /// zero again.
  W findLosses(W energy, const std::int64_t* begin, W unit, double* losses, std::int64_t* table) {
    const D d;
    const hn::RebindToSigned<D> i64;
    const auto weightMask = hn::Set(i64, (std::int64_t{1} << kWeightBits) - 1);
    auto reached = hn::Load(i64, begin);
    W least = hn::Set(d, std::numeric_limits<double>::infinity());
    const std::size_t count = count_;
    const Ratio* ratios = ratios_.data();
    double* sums = losses + count * kBatch;
    for (std::size_t j = 0; j < count; ++j) {
      reached = hn::Add(reached, hn::LoadU(i64, table + j * kBatch));
      hn::StoreU(hn::Zero(i64), i64, table + j * kBatch);
      const W weights = hn::ConvertTo(d, hn::And(reached, weightMask));
      const W levels = hn::ConvertTo(d, hn::ShiftRight<kWeightBits>(reached));
      const W loss = hn::NegMulAdd(hn::Set(d, ratios[j].twice), weights,
                                   hn::MulAdd(hn::Set(d, ratios[j].squared), levels, energy));
      hn::StoreU(loss, d, losses + j * kBatch);
      least = hn::Min(least, loss);
      hn::StoreU(hn::MulAdd(loss, unit, hn::LoadU(d, sums + j * kBatch)), d, sums + j * kBatch);
    }
    return least;
  }

  /// The sum of `counted` over the ratios whose error is at most the limit.
  HWY_INLINE W countUpTo(W limit, std::size_t part) const {
    const D d;
    const double* losses = scratch_.losses.data() + part;
    W sum = hn::Zero(d);
    for (std::size_t j = 0; j < count_; ++j) {
      const auto near = hn::Le(hn::LoadU(d, losses + j * kBatch), limit);
      sum = hn::Add(sum, hn::IfThenElseZero(near, hn::Set(d, ratios_[j].counted)));
    }
    return sum;
  }

  const Codec& codec_;
  CurveScratch& scratch_;
  const std::size_t count_;
  const float first_;
  float inverseStep_;            ///< of the ratios over the first
  HWY_ALIGN float placeOf_[16];  ///< by level: what a weight u gets nearer by, in ratios
  std::vector<Ratio> ratios_;
  std::size_t size_ = 0;  ///< of the list
  double energy_ = 0;
};

}  // namespace

double chooseGroupRatios(const Codec& codec, const BlockShape& shape, const float* w,
                         const CurvePlan& plan, CurveScratch& scratch, std::uint32_t* chosen,
                         double* squaredError) {
  const std::size_t groups = shape.rows * shape.groupsPerRow();
  scratch.scale.resize(groups);
  scratch.zeroPoint.resize(groups);
  const double one = 1;
  activeKernels().groupParameters(codec, shape, w, &one, 0, scratch.scale.data(),
                                  scratch.zeroPoint.data());
  GroupChoice choice(codec, shape, plan, scratch);
  const float* x[kBatch];
  std::size_t length[kBatch];
  std::size_t filled = 0;
  std::size_t group = 0;
  const auto flush = [&] {
    choice.choose(x, length, scratch.scale.data() + group, scratch.zeroPoint.data() + group, filled,
                  chosen + group);
    group += filled;
    filled = 0;
  };
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize) {
      x[filled] = w + r * shape.cols + begin;
      length[filled] = std::min(shape.groupSize, shape.cols - begin);
      if (++filled == kBatch) flush();
    }
  }
  if (filled > 0) flush();
  return choice.addCurve(squaredError);
}

#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantoscope::kernels {

bool choosesGroupRatios(const Codec& codec, std::size_t groupSize, const CurvePlan& plan) {
  if (codec.kind == CodecKind::Codebook || codec.extended) return false;
  const float largest =
      codec.hasZeroPoint() ? codec.maxCode : std::max(codec.maxCode, -codec.minCode);
  return largest <= 15 && groupSize <= 1024 && plan.step > 0 && plan.ratios.size() <= 128;
}

}  // namespace quantoscope::kernels
#endif
