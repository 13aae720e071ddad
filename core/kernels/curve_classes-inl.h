// Groups of integers and of codebooks as the clip curves see them, for the sources that are
// compiled once for each instruction set.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/kernels/level_changes-inl.h"

#if defined(QUANTOSCOPE_CURVE_CLASSES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTOSCOPE_CURVE_CLASSES_INL_H
#undef QUANTOSCOPE_CURVE_CLASSES_INL_H
#else
#define QUANTOSCOPE_CURVE_CLASSES_INL_H
#endif

#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

constexpr std::size_t kMaxCurveLevels = 16;

/// Weights that are worked on together: they and as many more stay in the first cache.
constexpr std::size_t kPieceElements = 2048;

/// Asks for the next piece's weights while these are worked on. What lies behind the last is asked
/// for in vain, which does no harm.
HWY_INLINE void fetchNext(const float* x, std::size_t n) {
  const auto from = reinterpret_cast<std::uintptr_t>(x) + kPieceElements * sizeof(float);
  for (std::size_t i = 0; i < n; i += 16) {
    hwy::Prefetch(reinterpret_cast<const float*>(from + i * sizeof(float)));
  }
}

/// Calls fn(first group in the block, piece, its weights) for pieces of whole groups, whose
/// parameters at ratio 1 and smallest weights then are in the scratch's first places. A piece of
/// more than one row has whole rows, so that its weights lie in one stretch.
template <typename Fn>
HWY_INLINE void forEachPiece(const Codec& codec, const BlockShape& shape, const float* w,
                             CurveScratch& scratch, Fn fn) {
  const std::size_t rows = std::clamp<std::size_t>(kPieceElements / shape.cols, 1, shape.rows);
  const std::size_t cols = std::min(
      shape.cols, std::max<std::size_t>(1, kPieceElements / shape.groupSize) * shape.groupSize);
  std::size_t first = 0;
  for (std::size_t r = 0; r < shape.rows; r += rows) {
    for (std::size_t c = 0; c < shape.cols; c += cols) {
      const BlockShape piece{std::min(rows, shape.rows - r), std::min(cols, shape.cols - c),
                             shape.groupSize};
      const std::size_t groups = piece.rows * piece.groupsPerRow();
      if (scratch.scale.size() < groups) {
        for (auto* values : {&scratch.scale, &scratch.zeroPoint, &scratch.least}) {
          values->resize(groups);
        }
      }
      const float* from = w + r * shape.cols + c;
      const double one = 1;
      findGroupParameters(codec, piece, from, &one, 0, scratch.scale.data(),
                          scratch.zeroPoint.data(), scratch.least.data());
      fn(first, piece, from);
      first += groups;
    }
  }
}

/// What the weights u of a group add up, in units of its scale at the first ratio, with k their
/// levels there and d = u - k.
struct UnitSums {
  V squared = hn::Zero(F());  ///< d^2
  V cross = hn::Zero(F());    ///< d k
  V level = hn::Zero(F());    ///< k^2

  HWY_INLINE UnitSums() {}
  HWY_INLINE void add(V d, V k) {
    squared = hn::MulAdd(d, d, squared);
    cross = hn::MulAdd(d, k, cross);
    level = hn::MulAdd(k, k, level);
  }
};

/// In which units changes are listed: a weight times `weight`, and instead of its threshold `step`
/// times the level before it, plus `base`.
struct ListUnits {
  float weight;
  float step;
  float base;

  /// For LevelChanges.
  static ListUnits squared(float unit) { return {unit, unit * unit, 0.5f * (unit * unit)}; }
};

/// An integer group: levels are equally spaced, up to a limit on each side of zero.
struct IntegerGroup : IntegerLimits {
  /// For CurvePlan::passes.
  HWY_INLINE std::size_t limit() const {
    return static_cast<std::size_t>(std::max(negative, positive));
  }

  /// Adds up n weights and lists the changes of their levels down to the ratio `last` (over the
  /// first ratio, like `unit`, the scale there); a weight has at most kPasses of them, or `passes`
  /// if that is 0.
  template <std::size_t kPasses>
  HWY_INLINE UnitSums classify(const float* x, std::size_t n, float unit, float last,
                               std::size_t passes, const ListUnits& units,
                               ChangeList& changes) const {
    const F f;
    const V zero = hn::Zero(f);
    const V one = hn::Set(f, 1.0f);
    const V inverse = hn::Set(f, 1.0f / unit);
    const V below = hn::Set(f, negative);
    const V above = hn::Set(f, positive);
    const V reach = hn::Set(f, last);
    const V halfReach = hn::Set(f, 0.5f * last);
    const V weightUnit = hn::Set(f, units.weight);
    const V step = hn::Set(f, units.step);
    const V base = hn::Set(f, units.base);
    UnitSums sums;
    ChangeList list = changes;
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V magnitude = hn::Abs(w);
      const V u = hn::Mul(magnitude, inverse);
      const V limit = hn::IfThenElse(hn::Lt(w, zero), below, above);
      const V k = hn::Min(hn::Round(u), limit);
      sums.add(hn::Sub(u, k), k);
      const V weight = hn::Mul(magnitude, weightUnit);
      V level = k;
      V threshold = hn::MulAdd(k, step, base);
      const std::size_t count = kPasses > 0 ? kPasses : std::max<std::size_t>(1, passes);
      for (std::size_t pass = 0;;) {
        // u >= last * (level + 1/2), and there is a level behind it.
        const M changed =
            hn::And(hn::Ge(u, hn::MulAdd(level, reach, halfReach)), hn::Lt(level, limit));
        list.add(weight, threshold, changed);
        if (++pass == count) break;
        level = hn::Add(level, one);
        threshold = hn::Add(threshold, step);
      }
    });
    changes = list;
    return sums;
  }

  /// The error of one weight at as many ratios as a vector has lanes; `inverse` is 1 / (ratio *
  /// scale) of each, `step` ratio * scale.
  HWY_INLINE V errorOf(float weight, V inverse, V step) const {
    const F f;
    const V w = hn::Set(f, weight);
    const V k = hn::Min(hn::Max(hn::Round(hn::Mul(w, inverse)), hn::Set(f, -negative)),
                        hn::Set(f, positive));
    return hn::NegMulAdd(k, step, w);
  }

  /// e^2 at one ratio, summed in float32.
  HWY_INLINE V squaredErrorAt(const float* x, std::size_t n, float ratio) const {
    const F f;
    const V inverse = hn::Set(f, 1.0f / (ratio * scale));
    const V step = hn::Set(f, ratio * scale);
    const V low = hn::Set(f, -negative);
    const V high = hn::Set(f, positive);
    V sum = hn::Zero(f);
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V k = hn::Min(hn::Max(hn::Round(hn::Mul(w, inverse)), low), high);
      const V e = hn::NegMulAdd(k, step, w);
      sum = hn::MulAdd(e, e, sum);
    });
    return sum;
  }
};

/// What a codebook's level leads to as the ratio falls: the next threshold away from zero and how
/// far the level behind it is. Tables by level; for the level nearest to zero, which has a
/// neighbour on each side, the negative side stands apart.
struct OutwardTables {
  HWY_ALIGN float thresholds[kMaxCurveLevels];  ///< of the codebook, +inf behind the last
  HWY_ALIGN float magnitude[kMaxCurveLevels];   ///< |level|
  HWY_ALIGN float next[kMaxCurveLevels];        ///< |threshold| away from zero; +inf at the ends
  HWY_ALIGN float gap[kMaxCurveLevels];
  std::size_t zero = 0;  ///< the level 0
  float zeroNextNegative = 0;
  float zeroGapNegative = 0;

  explicit OutwardTables(const Codebook& book) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const std::size_t count = book.levels.size();
    for (std::size_t i = 0; i < kMaxCurveLevels; ++i) {
      const std::size_t k = std::min(i, count - 1);
      thresholds[i] = i + 1 < count ? book.thresholds[i] : kInf;
      magnitude[i] = std::fabs(book.levels[k]);
      const bool positive = book.levels[k] >= 0;
      const bool last = positive ? k + 1 >= count : k == 0;
      const std::size_t outer = positive ? k + 1 : k - 1;
      next[i] = last ? kInf : std::fabs(book.thresholds[positive ? k : k - 1]);
      gap[i] = last ? 0 : std::fabs(book.levels[outer] - book.levels[k]);
      if (book.levels[k] == 0) zero = k;
    }
    zeroNextNegative = zero > 0 ? std::fabs(book.thresholds[zero - 1]) : kInf;
    zeroGapNegative = zero > 0 ? std::fabs(book.levels[zero - 1]) : 0;
  }
};

struct CodebookGroup {
  const OutwardTables* tables;
  float scale;

  HWY_INLINE std::size_t limit() const { return 0; }

  /// As IntegerGroup's.
  template <std::size_t kPasses>
  HWY_INLINE UnitSums classify(const float* x, std::size_t n, float unit, float last,
                               std::size_t passes, const ListUnits& units,
                               ChangeList& changes) const {
    const F f;
    const hn::RebindToSigned<F> i32;
    const V zero = hn::Zero(f);
    const V inverse = hn::Set(f, 1.0f / unit);
    const V reach = hn::Set(f, last);
    const V squaredUnit = hn::Set(f, units.step);
    const auto zeroLevel = hn::Set(i32, static_cast<std::int32_t>(tables->zero));
    const V zeroNext = hn::Set(f, tables->zeroNextNegative);
    const V zeroGap = hn::Set(f, tables->zeroGapNegative);
    UnitSums sums;
    ChangeList list = changes;
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V t = hn::Mul(w, inverse);
      const V u = hn::Abs(t);
      auto index = indexOf(t);
      // u - k has the sign of the rounding; a weight never lies across zero from its level.
      const V k = entryOf(tables->magnitude, index);
      sums.add(hn::Sub(u, k), k);
      const M negative = hn::Lt(w, zero);
      const M negativeZero = hn::And(hn::RebindMask(f, hn::Eq(index, zeroLevel)), negative);
      V next = hn::IfThenElse(negativeZero, zeroNext, entryOf(tables->next, index));
      V gap = hn::IfThenElse(negativeZero, zeroGap, entryOf(tables->gap, index));
      const std::size_t count = kPasses > 0 ? kPasses : std::max<std::size_t>(1, passes);
      for (std::size_t pass = 0;;) {
        const V weight = hn::Mul(gap, squaredUnit);
        list.add(hn::Mul(u, weight), hn::Mul(next, weight), hn::Ge(u, hn::Mul(reach, next)));
        if (++pass == count) break;
        const auto outwards =
            hn::IfThenElse(hn::RebindMask(i32, negative), hn::Set(i32, -1), hn::Set(i32, 1));
        index = hn::And(hn::Add(index, outwards), hn::Set(i32, kMaxCurveLevels - 1));
        // What left the table at an end has come to the other: it stays out.
        const M inside = hn::Lt(next, hn::Set(f, std::numeric_limits<float>::max()));
        const V infinite = hn::Set(f, std::numeric_limits<float>::infinity());
        next = hn::IfThenElse(inside, entryOf(tables->next, index), infinite);
        gap = entryOf(tables->gap, index);
      }
    });
    changes = list;
    return sums;
  }

  HWY_INLINE V errorOf(float weight, V inverse, V step) const {
    const F f;
    const V w = hn::Set(f, weight);
    const V level = entryOf(tables->magnitude, indexOf(hn::Mul(w, inverse)));
    return hn::NegMulAdd(level, step, hn::Abs(w));
  }

  HWY_INLINE V squaredErrorAt(const float* x, std::size_t n, float ratio) const {
    const F f;
    const V inverse = hn::Set(f, 1.0f / (ratio * scale));
    const V step = hn::Set(f, ratio * scale);
    V sum = hn::Zero(f);
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V level = entryOf(tables->magnitude, indexOf(hn::Mul(w, inverse)));
      const V e = hn::NegMulAdd(level, step, hn::Abs(w));
      sum = hn::MulAdd(e, e, sum);
    });
    return sum;
  }

 private:
  HWY_INLINE hn::Vec<hn::RebindToSigned<F>> indexOf(V t) const {
    const F f;
    const hn::RebindToSigned<F> i32;
    auto at = hn::Zero(i32);
#if HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX2
    for (int width = 8; width > 0; width /= 2) {
      const V threshold = entryOf(tables->thresholds, hn::Add(at, hn::Set(i32, width - 1)));
      const auto above = hn::RebindMask(i32, hn::Gt(t, threshold));
      at = hn::Add(at, hn::IfThenElseZero(above, hn::Set(i32, width)));
    }
    (void)f;
#else
    for (std::size_t j = 0; j + 1 < kMaxCurveLevels; ++j) {
      const auto above = hn::RebindMask(i32, hn::Gt(t, hn::Set(f, tables->thresholds[j])));
      at = hn::Add(at, hn::IfThenElseZero(above, hn::Set(i32, 1)));
    }
#endif
    return at;
  }
};

}  // namespace
#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
