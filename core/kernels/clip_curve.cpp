// The squared error of a block at every clip ratio, by the hinge identity that core/README.md
// proves.
#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/curve_plan.h"
#include "core/kernels/kernels.h"

#define HWY_DISABLED_TARGETS HWY_SSSE3

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/clip_curve.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/kernels/curve_classes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

/// How often a float32 accumulator is added to before it is widened.
constexpr std::size_t kAddsPerFlush = 64;

HWY_INLINE double sumOf(V v) {
  const D d;
  const auto low = hn::PromoteTo(d, hn::LowerHalf(v));
  const auto high = hn::PromoteTo(d, hn::UpperHalf(hn::Half<F>(), v));
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(low, high)));
}

/// A float32 sum that is widened before it can lose much.
class Sum {
 public:
  HWY_INLINE Sum() : partial_(hn::Zero(F())), low_(hn::Zero(D())), high_(hn::Zero(D())) {}
  HWY_INLINE void addProduct(V a, V b) { partial_ = hn::MulAdd(a, b, partial_); }
  /// For loops that keep the float32 part in a register: stores to memory would make the compiler
  /// write it back at every step.
  HWY_INLINE V partial() const { return partial_; }
  HWY_INLINE void setPartial(V partial) { partial_ = partial; }
  HWY_INLINE void flush() {
    const D d;
    low_ = hn::Add(low_, hn::PromoteTo(d, hn::LowerHalf(partial_)));
    high_ = hn::Add(high_, hn::PromoteTo(d, hn::UpperHalf(hn::Half<F>(), partial_)));
    partial_ = hn::Zero(F());
  }
  HWY_INLINE double total() {
    flush();
    return hn::GetLane(hn::SumOfLanes(D(), hn::Add(low_, high_)));
  }

 private:
  V partial_;
  hn::Vec<D> low_;
  hn::Vec<D> high_;
};

/// What a block adds up, in units of squared weights.
struct BlockSums {
  Sum squared;
  Sum cross;
  Sum level;
  std::size_t added = 0;

  HWY_INLINE BlockSums() {}
  HWY_INLINE void add(const UnitSums& sums, float squaredUnit) {
    const V unit = hn::Set(F(), squaredUnit);
    squared.addProduct(sums.squared, unit);
    cross.addProduct(sums.cross, unit);
    level.addProduct(sums.level, unit);
    if (++added < kAddsPerFlush / 4) return;
    squared.flush();
    cross.flush();
    level.flush();
    added = 0;
  }
};

/// One block's work.
class BlockCurve {
 public:
  BlockCurve(const Codec& codec, const BlockShape& shape, const float* w, const CurvePlan& plan,
             CurveScratch& scratch)
      : codec_(codec), shape_(shape), w_(w), plan_(plan), scratch_(scratch) {}

  /// Adds the block's curve; returns its sum of w^2.
  double addTo(double* squaredError) {
    double energy = 0;
    withGroups([&](auto groupOf) {
      energy =
          plan_.direct() ? addDirectly(groupOf, squaredError) : addCounted(groupOf, squaredError);
    });
    return energy;
  }

  /// The curve of each group: squaredError[group][ratio], from zeros, and its sum of w^2.
  void addEach(double* squaredError, double* energy) {
    withGroups([&](auto groupOf) {
      forEachGroup([&](std::size_t g, std::size_t inPiece, const float* x, std::size_t n) HWY_ATTR {
        double* curve = squaredError + g * plan_.ratios.size();
        energy[g] = energyOf(x, n);
        if (steadyGroup(inPiece)) {
          addGroupCurve(groupOf(inPiece), x, n, curve);
        } else {
          addExactly(x, n, curve);
        }
      });
    });
  }

 private:
  /// Calls fn with what makes the group of an index into the scratch's parameters.
  template <typename Fn>
  void withGroups(Fn fn) {
    if (codec_.kind == CodecKind::Codebook) {
      const OutwardTables tables(*codec_.codebook);
      fn([&](std::size_t g) { return CodebookGroup{&tables, scratch_.scale[g]}; });
    } else {
      fn([&](std::size_t g) {
        return IntegerGroup{integerLimits(codec_, scratch_.scale[g], scratch_.zeroPoint[g])};
      });
    }
  }

  /// Calls fn(group in the block, group in the scratch's parameters, weights, length) for all
  /// groups in order.
  template <typename Fn>
  HWY_INLINE void forEachGroup(Fn fn) const {
    forEachPiece(codec_, shape_, w_, scratch_,
                 [&](std::size_t first, const BlockShape& piece, const float* w) HWY_ATTR {
                   kernels::HWY_NAMESPACE::forEachGroup(
                       piece, [&](std::size_t g, std::size_t offset, std::size_t n) HWY_ATTR {
                         fetchNext(w + offset, n);
                         fn(first + g, g, w + offset, n);
                       });
                 });
  }

  /// Whether the fast arithmetic holds.
  bool steadyGroup(std::size_t g) const {
    return steady(codec_, scratch_.scale[g], scratch_.zeroPoint[g],
                  std::min(0.0f, scratch_.least[g]));
  }

  static double energyOf(const float* x, std::size_t n) {
    const F f;
    Sum energy;
    constexpr std::size_t kPiece = kAddsPerFlush * kLanes;
    for (std::size_t begin = 0; begin < n; begin += kPiece) {
      V squares = hn::Zero(f);
      forEachVector(x + begin, std::min(kPiece, n - begin),
                    [&](V w) HWY_ATTR { squares = hn::MulAdd(w, w, squares); });
      energy.setPartial(squares);
      energy.flush();
    }
    return energy.total();
  }

  /// A group that needs the reference's own arithmetic.
  void addExactly(const float* x, std::size_t n, double* squaredError) {
    const BlockShape alone{1, n, n};
    const KernelTable& kernels = activeKernels();
    scratch_.values.resize(std::max(scratch_.values.size(), n));
    for (std::size_t j = 0; j < plan_.ratios.size(); ++j) {
      const double ratio = plan_.ratios[j];
      float scale;
      float zeroPoint;
      kernels.groupParameters(codec_, alone, x, &ratio, 0, &scale, &zeroPoint);
      kernels.quantizeDequantize(codec_, alone, x, &scale, &zeroPoint, &scale,
                                 scratch_.values.data());
      double sum;
      kernels.groupSquaredErrors(alone, x, scratch_.values.data(), &sum);
      squaredError[j] += sum;
    }
  }

  /// By the hinge identity.
  template <typename GroupOf>
  double addCounted(GroupOf groupOf, double* squaredError) {
    constexpr std::size_t kPiece = kAddsPerFlush * kLanes;
    const std::size_t most = *std::max_element(plan_.passes.begin(), plan_.passes.end());
    const float first = plan_.ratios.front();
    const float last = plan_.ratios.back() / first;
    LevelChanges changes(plan_, scratch_, most * (kPiece + kLanes));
    BlockSums sums;
    double energy = 0;
    forEachGroup([&](std::size_t, std::size_t g, const float* x, std::size_t n) HWY_ATTR {
      if (!steadyGroup(g)) {
        energy += energyOf(x, n);
        addExactly(x, n, squaredError);
        return;
      }
      const auto group = groupOf(g);
      const std::size_t passes = plan_.passes[group.limit()];
      const float unit = group.scale * first;
      const ListUnits units = ListUnits::squared(unit);
      for (std::size_t begin = 0; begin < n; begin += kPiece) {
        const float* from = x + begin;
        const std::size_t length = std::min(kPiece, n - begin);
        ChangeList list = changes.list();
        if (passes == 1) {
          sums.add(group.template classify<1>(from, length, unit, last, 1, units, list),
                   unit * unit);
        } else if (passes == 2) {
          sums.add(group.template classify<2>(from, length, unit, last, 2, units, list),
                   unit * unit);
        } else {
          sums.add(group.template classify<0>(from, length, unit, last, passes, units, list),
                   unit * unit);
        }
        changes.setSize(list.size);
        changes.countFull();
      }
    });
    return energy + addCurve(sums, changes, squaredError);
  }

  /// Adds the curve that sums and changes amount to; returns the sum of w^2.
  double addCurve(BlockSums& sums, LevelChanges& changes, double* squaredError) {
    const std::size_t count = plan_.ratios.size();
    const double squared = sums.squared.total();
    const double cross = sums.cross.total();
    const double level = sums.level.total();
    scratch_.losses.resize(2 * count);
    double* ratios = scratch_.losses.data();
    double* hinge = ratios + count;
    for (std::size_t j = 0; j < count; ++j) {
      ratios[j] = static_cast<double>(plan_.ratios[j]) / plan_.ratios.front();
    }
    changes.curve(ratios, hinge);
    for (std::size_t j = 0; j < count; ++j) {
      const double fallen = 1 - ratios[j];
      squaredError[j] +=
          squared + 2 * fallen * cross + fallen * fallen * level - 2 * ratios[j] * hinge[j];
    }
    return squared + 2 * cross + level;
  }

  /// Lanes hold ratios, so that nothing is summed across lanes: what a small group's curve would
  /// cost most.
  template <typename Group>
  HWY_INLINE void addGroupCurve(const Group& group, const float* x, std::size_t n,
                                double* squaredError) const {
    const F f;
    const std::size_t count = plan_.ratios.size();
    const V scale = hn::Set(f, group.scale);
    for (std::size_t j = 0; j < count; j += kLanes) {
      const std::size_t used = std::min(kLanes, count - j);
      HWY_ALIGN float ratios[kLanes];
      std::fill(ratios, ratios + kLanes, 1.0f);
      std::copy(plan_.ratios.data() + j, plan_.ratios.data() + j + used, ratios);
      const V step = hn::Mul(hn::Load(f, ratios), scale);
      const V inverse = hn::Div(hn::Set(f, 1.0f), step);
      for (std::size_t begin = 0; begin < n; begin += kAddsPerFlush) {
        const std::size_t end = std::min(begin + kAddsPerFlush, n);
        V sum = hn::Zero(f);
        V other = hn::Zero(f);  // two chains: an addition takes longer than one error
        std::size_t i = begin;
        for (; i + 2 <= end; i += 2) {
          const V a = group.errorOf(x[i], inverse, step);
          const V b = group.errorOf(x[i + 1], inverse, step);
          sum = hn::MulAdd(a, a, sum);
          other = hn::MulAdd(b, b, other);
        }
        if (i < end) {
          const V a = group.errorOf(x[i], inverse, step);
          sum = hn::MulAdd(a, a, sum);
        }
        HWY_ALIGN float sums[kLanes];
        hn::Store(hn::Add(sum, other), f, sums);
        for (std::size_t lane = 0; lane < used; ++lane) squaredError[j + lane] += sums[lane];
      }
    }
  }

  /// At every ratio.
  template <typename GroupOf>
  double addDirectly(GroupOf groupOf, double* squaredError) {
    double energy = 0;
    forEachGroup([&](std::size_t, std::size_t g, const float* x, std::size_t n) HWY_ATTR {
      energy += energyOf(x, n);
      if (!steadyGroup(g)) {
        addExactly(x, n, squaredError);
        return;
      }
      const auto group = groupOf(g);
      // Pieces that stay in the cache and keep float32 sums short.
      constexpr std::size_t kPiece = kAddsPerFlush * kLanes;
      for (std::size_t begin = 0; begin < n; begin += kPiece) {
        const std::size_t length = std::min(kPiece, n - begin);
        for (std::size_t j = 0; j < plan_.ratios.size(); ++j) {
          squaredError[j] += sumOf(group.squaredErrorAt(x + begin, length, plan_.ratios[j]));
        }
      }
    });
    return energy;
  }

  const Codec& codec_;
  const BlockShape& shape_;
  const float* w_;
  const CurvePlan& plan_;
  CurveScratch& scratch_;
};

}  // namespace

double addClipCurve(const Codec& codec, const BlockShape& shape, const float* w,
                    const CurvePlan& plan, CurveScratch& scratch, double* squaredError) {
  return BlockCurve(codec, shape, w, plan, scratch).addTo(squaredError);
}

void addGroupClipCurves(const Codec& codec, const BlockShape& shape, const float* w,
                        const CurvePlan& plan, CurveScratch& scratch, double* squaredError,
                        double* energy) {
  BlockCurve(codec, shape, w, plan, scratch).addEach(squaredError, energy);
}

#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
