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

#include "core/kernels/curve_classes-inl.h"

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

/// Levels that a list's second word, a level plus this times the group's lane, can tell apart.
constexpr int kLevelBits = 4;

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
};

/// Some groups and what they add up, in units of their scales.
struct Batch {
  Rows squared;  ///< d^2
  Rows cross;    ///< d k
  Rows level;    ///< k^2
  std::size_t groups = 0;
  std::size_t length[kBatch];
  std::size_t listed[kBatch];
  Lanes unit;  ///< squared scales; 0 for what is left out

  HWY_INLINE void add(const UnitSums& sums, std::size_t weights, std::size_t changes, double s) {
    squared.set(groups, sums.squared);
    cross.set(groups, sums.cross);
    level.set(groups, sums.level);
    length[groups] = weights;
    listed[groups] = changes;
    unit.of[groups] = s * s;
    ++groups;
  }
};

class GroupChoice {
 public:
  GroupChoice(const Codec& codec, const BlockShape& shape, const CurvePlan& plan,
              CurveScratch& scratch)
      : codec_(codec),
        plan_(plan),
        scratch_(scratch),
        count_(plan.ratios.size()),
        first_(plan.ratios.front()),
        last_(plan.ratios.back() / first_) {
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
    // A vector more than the last group fills is written.
    const std::size_t most = *std::max_element(plan.passes.begin(), plan.passes.end());
    const std::size_t room = kBatch * (shape.groupSize + kLanes) * most + 2 * kLanes;
    if (scratch.crossedAt.size() < room) {
      scratch.scaledWeight.resize(std::max(scratch.scaledWeight.size(), room));
      scratch.scaledThreshold.resize(std::max(scratch.scaledThreshold.size(), room));
      scratch.crossedAt.resize(room);
      scratch.crossedBy.resize(room);
    }
    scratch.crossings.assign((count_ + 1) * kBatch, 0);
    scratch.losses.assign(2 * count_ * kBatch, 0);
  }

  /// Adds a group to those that wait; `least` is its smallest weight. At kBatch of them, or at the
  /// end, they are to be decided.
  HWY_INLINE void add(const float* x, std::size_t n, float scale, float zeroPoint, float least) {
    const std::size_t lane = batch_.groups;
    if (!steady(codec_, scale, zeroPoint, std::min(0.0f, least))) {
      batch_.add(UnitSums(), n, 0, 0);
      return;
    }
    const IntegerGroup group{integerLimits(codec_, scale, zeroPoint)};
    const float unit = group.scale * first_;
    const ListUnits units{1.0f / unit, 1.0f, static_cast<float>(lane << kLevelBits)};
    ChangeList list{scratch_.scaledWeight.data(), scratch_.scaledThreshold.data(), size_};
    const std::size_t passes = plan_.passes[group.limit()];
    const UnitSums sums = passes == 1   ? group.classify<1>(x, n, unit, last_, 1, units, list)
                          : passes == 2 ? group.classify<2>(x, n, unit, last_, 2, units, list)
                                        : group.classify<0>(x, n, unit, last_, passes, units, list);
    batch_.add(sums, n, list.size - size_, static_cast<double>(group.scale) * first_);
    size_ = list.size;
  }
  bool full() const { return batch_.groups == kBatch; }

  /// Decides the groups that wait; returns how many.
  std::size_t decide(std::uint32_t* chosen) {
    const std::size_t groups = batch_.groups;
    place();
    scatter();
    choose(chosen);
    size_ = 0;
    batch_.groups = 0;
    return groups;
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

  /// Turns the list into what is added to the table, and where.
  HWY_NOINLINE void place() {
    const F f;
    const I i32;
    float* weights = scratch_.scaledWeight.data();
    float* levels = scratch_.scaledThreshold.data();
    // What the list ends with goes behind the table's last ratio.
    hn::StoreU(hn::Zero(f), f, weights + size_);
    hn::StoreU(hn::Zero(f), f, levels + size_);
    const V inverseStep = hn::Set(f, inverseStep_);
    const V behind = hn::Set(f, static_cast<float>(count_));
    auto* by = reinterpret_cast<std::int32_t*>(scratch_.crossedBy.data());
    for (std::size_t i = 0; i < size_; i += kLanes) {
      const V u = hn::LoadU(f, weights + i);
      const auto code = hn::ConvertTo(i32, hn::LoadU(f, levels + i));
      const auto level = hn::And(code, hn::Set(i32, (1 << kLevelBits) - 1));
      const auto lane = hn::ShiftRight<kLevelBits>(code);
      // Rounding may put what is reached at the first ratio a little before it: Ceil gives 0.
      const V at = hn::Ceil(hn::NegMulAdd(u, entryOf(placeOf_, level), inverseStep));
      const auto row = hn::ConvertTo(i32, hn::Min(at, behind));
      hn::StoreU(hn::Add(hn::Mul(row, hn::Set(i32, kBatch)), lane), i32,
                 scratch_.crossedAt.data() + i);
      const auto low = hn::ConvertTo(i32, hn::Mul(u, hn::Set(f, kWeightUnit)));
      const auto high =
          hn::Add(hn::ShiftLeft<kWeightBits - 31>(level), hn::Set(i32, 1 << (kWeightBits - 32)));
      hn::StoreU(hn::InterleaveLower(i32, low, high), i32, by + 2 * i);
      hn::StoreU(hn::InterleaveUpper(i32, low, high), i32, by + 2 * i + kLanes);
    }
  }

  /// A loop of its own: reading words back right behind the vectors that stored them is slow.
  HWY_NOINLINE void scatter() {
    const std::int32_t* at = scratch_.crossedAt.data();
    const std::int64_t* by = scratch_.crossedBy.data();
    std::int64_t* table = scratch_.crossings.data();
    const std::size_t size = size_;  // the table might hold it, for all that a compiler knows
    for (std::size_t i = 0; i < size; i += kLanes, at += kLanes, by += kLanes) {
      // Lower halves of 128-bit blocks come first.
      for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t block = 0; block < kLanes / 4; ++block) {
          const std::int32_t* first = at + 4 * block + 2 * half;
          const std::int64_t* pair = by + half * kLanes / 2 + 2 * block;
          table[first[0]] += pair[0];
          table[first[1]] += pair[1];
        }
      }
    }
  }

  void choose(std::uint32_t* chosen) {
    Batch& batch = batch_;
    const std::size_t groups = batch.groups;
    for (std::size_t g = groups; g < kBatch; ++g) {
      batch.squared.set(g, hn::Zero(F()));
      batch.cross.set(g, hn::Zero(F()));
      batch.level.set(g, hn::Zero(F()));
      batch.unit.of[g] = 0;
    }
    const Lanes& unit = batch.unit;
    const Lanes squared = batch.squared.sums();
    const Lanes cross = batch.cross.sums();
    const Lanes level = batch.level.sums();
    Lanes energy;
    Lanes slack;
    HWY_ALIGN std::int64_t begin[kBatch] = {};
    for (std::size_t g = 0; g < groups; ++g) {
      energy.of[g] = squared.of[g] + 2 * cross.of[g] + level.of[g];
      slack.of[g] = slackOf(squared.of[g], level.of[g], batch.length[g], batch.listed[g]);
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
  const CurvePlan& plan_;
  CurveScratch& scratch_;
  const std::size_t count_;
  const float first_;
  const float last_;             ///< over the first
  float inverseStep_;            ///< of the ratios over the first
  HWY_ALIGN float placeOf_[16];  ///< by level: what a weight u gets nearer by, in ratios
  std::vector<Ratio> ratios_;
  Batch batch_;
  std::size_t size_ = 0;  ///< of the list
  double energy_ = 0;
};

}  // namespace

double chooseGroupRatios(const Codec& codec, const BlockShape& shape, const float* w,
                         const CurvePlan& plan, CurveScratch& scratch, std::uint32_t* chosen,
                         double* squaredError) {
  GroupChoice choice(codec, shape, plan, scratch);
  forEachPiece(codec, shape, w, scratch,
               [&](std::size_t, const BlockShape& piece, const float* from) HWY_ATTR {
                 forEachGroup(piece,
                              [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
                                fetchNext(from + offset, length);
                                choice.add(from + offset, length, scratch.scale[g],
                                           scratch.zeroPoint[g], scratch.least[g]);
                                if (choice.full()) chosen += choice.decide(chosen);
                              });
               });
  choice.decide(chosen);
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
