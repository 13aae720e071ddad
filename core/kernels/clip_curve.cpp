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

#include "core/kernels/curve_groups-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

constexpr std::size_t kMaxLevels = 16;

/// Vectors of pairs that stay in registers while all ratios of a span pass over them.
constexpr std::size_t kTile = HWY_TARGET == HWY_AVX3 ? 8 : 4;

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

/// What a span adds up: with d = |w| - R K at the span's first ratio R and K the level times the
/// scale at ratio 1.
struct SpanSums {
  Sum squared;  ///< d^2
  Sum cross;    ///< d K
  Sum level;    ///< K^2
  std::size_t added = 0;

  HWY_INLINE SpanSums() {}
  HWY_INLINE void count(std::size_t vectors) {
    added += vectors;
    if (added < kAddsPerFlush) return;
    squared.flush();
    cross.flush();
    level.flush();
    added = 0;
  }
};

/// Where the pairs of a span go; kept in registers while a group is classified.
struct PairList {
  float* scaledWeight;
  float* scaledThreshold;
  std::size_t size;

  HWY_INLINE void add(V weight, V threshold, M which) {
    compressTo(weight, which, scaledWeight + size);
    compressTo(threshold, which, scaledThreshold + size);
    size += hn::CountTrue(F(), which);
  }
};

/// The pairs of a span: weights whose level changes in it.
class Crossings {
 public:
  Crossings(CurveScratch& scratch, std::size_t elements) : scratch_(scratch) {
    const std::size_t room = elements + 2 * kTile * kLanes;
    if (scratch.scaledWeight.size() < room) {
      scratch.scaledWeight.resize(room);
      scratch.scaledThreshold.resize(room);
    }
  }

  void clear() { size_ = 0; }

  HWY_INLINE PairList list() {
    return {scratch_.scaledWeight.data(), scratch_.scaledThreshold.data(), size_};
  }
  HWY_INLINE void setSize(std::size_t size) { size_ = size; }

  /// Adds the sum of max(0, A - r B) over all pairs to hinge[j] for each ratio of the span.
  void evaluate(const float* ratios, std::size_t count, CurveScratch& scratch, double* hinge) {
    const F f;
    // Pairs that are never positive fill the last tile.
    const std::size_t tile = kTile * kLanes;
    const std::size_t padded = (size_ + tile - 1) / tile * tile;
    std::fill(scratch_.scaledWeight.begin() + static_cast<std::ptrdiff_t>(size_),
              scratch_.scaledWeight.begin() + static_cast<std::ptrdiff_t>(padded), 0.0f);
    std::fill(scratch_.scaledThreshold.begin() + static_cast<std::ptrdiff_t>(size_),
              scratch_.scaledThreshold.begin() + static_cast<std::ptrdiff_t>(padded), 1.0f);

    scratch.partial.assign(count * kLanes, 0.0f);
    float* partial = scratch.partial.data();
    constexpr std::size_t kTilesPerFlush = kAddsPerFlush / kTile;
    std::size_t tiles = 0;
    for (std::size_t begin = 0; begin < padded; begin += tile) {
      addTile(scratch_.scaledWeight.data() + begin, scratch_.scaledThreshold.data() + begin, ratios,
              count, partial);
      if (++tiles % kTilesPerFlush == 0) flush(partial, count, hinge);
    }
    flush(partial, count, hinge);
    (void)f;
  }

 private:
  static HWY_INLINE void addTile(const float* a, const float* b, const float* ratios,
                                 std::size_t count, float* partial) {
    const F f;
    const hn::RebindToSigned<F> i32;
    const auto zero = hn::Zero(i32);
    V weights[kTile];
    V thresholds[kTile];
    for (std::size_t i = 0; i < kTile; ++i) {
      weights[i] = hn::LoadU(f, a + i * kLanes);
      thresholds[i] = hn::LoadU(f, b + i * kLanes);
    }
    for (std::size_t j = 0; j < count; ++j) {
      const V ratio = hn::Set(f, ratios[j]);
      V sum = hn::LoadU(f, partial + j * kLanes);
      for (std::size_t i = 0; i < kTile; ++i) {
        const V above = hn::NegMulAdd(ratio, thresholds[i], weights[i]);
        // As integers negative floats are negative: this maximum runs beside the additions.
        const V positive = hn::BitCast(f, hn::Max(hn::BitCast(i32, above), zero));
        sum = hn::Add(sum, positive);
      }
      hn::StoreU(sum, f, partial + j * kLanes);
    }
  }

  static void flush(float* partial, std::size_t count, double* hinge) {
    const F f;
    for (std::size_t j = 0; j < count; ++j) {
      hinge[j] += sumOf(hn::LoadU(f, partial + j * kLanes));
      hn::StoreU(hn::Zero(f), f, partial + j * kLanes);
    }
  }

  CurveScratch& scratch_;
  std::size_t size_ = 0;
};

/// An integer group: levels are equally spaced, up to a limit on each side of zero.
struct IntegerGroup : IntegerLimits {
  HWY_INLINE void classify(const float* x, std::size_t n, float first, float last, SpanSums& sums,
                           Crossings& crossings) const {
    PairList pairs = crossings.list();
    V squared = sums.squared.partial();
    V cross = sums.cross.partial();
    V levels = sums.level.partial();
    const F f;
    const V zero = hn::Zero(f);
    const V half = hn::Set(f, 0.5f);
    const V s = hn::Set(f, scale);
    const V inverse = hn::Set(f, 1.0f / (first * scale));
    const V ratio = hn::Set(f, first);
    const V lastRatio = hn::Set(f, last);
    const V below = hn::Set(f, negative);
    const V above = hn::Set(f, positive);
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const V u = hn::Abs(w);
      const V limit = hn::IfThenElse(hn::Lt(w, zero), below, above);
      const V k = hn::Min(hn::Round(hn::Mul(u, inverse)), limit);
      const V level = hn::Mul(k, s);
      const V d = hn::NegMulAdd(ratio, level, u);
      squared = hn::MulAdd(d, d, squared);
      cross = hn::MulAdd(d, level, cross);
      levels = hn::MulAdd(level, level, levels);
      const V threshold = hn::MulAdd(half, s, level);
      const M crosses = hn::And(hn::Lt(k, limit), hn::Ge(u, hn::Mul(lastRatio, threshold)));
      pairs.add(hn::Mul(u, s), hn::Mul(threshold, s), crosses);
    });
    sums.squared.setPartial(squared);
    sums.cross.setPartial(cross);
    sums.level.setPartial(levels);
    crossings.setSize(pairs.size);
    sums.count((n + kLanes - 1) / kLanes);
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
  HWY_ALIGN float thresholds[kMaxLevels];  ///< of the codebook, +inf behind the last
  HWY_ALIGN float magnitude[kMaxLevels];   ///< |level|
  HWY_ALIGN float next[kMaxLevels];        ///< |threshold| away from zero; +inf at the ends
  HWY_ALIGN float gap[kMaxLevels];
  std::size_t zero = 0;  ///< the level 0
  float zeroNextNegative = 0;
  float zeroGapNegative = 0;

  explicit OutwardTables(const Codebook& book) {
    constexpr float kInf = std::numeric_limits<float>::infinity();
    const std::size_t count = book.levels.size();
    for (std::size_t i = 0; i < kMaxLevels; ++i) {
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

  HWY_INLINE void classify(const float* x, std::size_t n, float first, float last, SpanSums& sums,
                           Crossings& crossings) const {
    PairList pairs = crossings.list();
    V squared = sums.squared.partial();
    V cross = sums.cross.partial();
    V levels = sums.level.partial();
    const F f;
    const hn::RebindToSigned<F> i32;
    const V s = hn::Set(f, scale);
    const V inverse = hn::Set(f, 1.0f / (first * scale));
    const V ratio = hn::Set(f, first);
    const V lastScaled = hn::Set(f, last * scale);
    const auto zeroLevel = hn::Set(i32, static_cast<std::int32_t>(tables->zero));
    const V zeroNext = hn::Set(f, tables->zeroNextNegative);
    const V zeroGap = hn::Set(f, tables->zeroGapNegative);
    forEachVector(x, n, [&](V w) HWY_ATTR {
      const auto index = indexOf(hn::Mul(w, inverse));
      const V u = hn::Abs(w);
      const V level = hn::Mul(entryOf(tables->magnitude, index), s);
      const M negativeZero =
          hn::And(hn::RebindMask(f, hn::Eq(index, zeroLevel)), hn::Lt(w, hn::Zero(f)));
      const V next = hn::IfThenElse(negativeZero, zeroNext, entryOf(tables->next, index));
      const V gap = hn::IfThenElse(negativeZero, zeroGap, entryOf(tables->gap, index));
      // |w| - R K has the sign of the rounding; a weight never lies across zero from its level.
      const V d = hn::NegMulAdd(ratio, level, u);
      squared = hn::MulAdd(d, d, squared);
      cross = hn::MulAdd(d, level, cross);
      levels = hn::MulAdd(level, level, levels);
      const M crosses = hn::Ge(u, hn::Mul(lastScaled, next));
      const V weight = hn::Mul(gap, s);
      pairs.add(hn::Mul(u, weight), hn::Mul(hn::Mul(next, s), weight), crosses);
    });
    sums.squared.setPartial(squared);
    sums.cross.setPartial(cross);
    sums.level.setPartial(levels);
    crossings.setSize(pairs.size);
    sums.count((n + kLanes - 1) / kLanes);
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
    for (std::size_t j = 0; j + 1 < kMaxLevels; ++j) {
      const auto above = hn::RebindMask(i32, hn::Gt(t, hn::Set(f, tables->thresholds[j])));
      at = hn::Add(at, hn::IfThenElseZero(above, hn::Set(i32, 1)));
    }
#endif
    return at;
  }
};

/// The smallest weight of a group, and its w^2 into `energy`.
HWY_INLINE float minimumOf(const float* x, std::size_t n, Sum& energy) {
  const F f;
  V least = hn::Zero(f);  // zeros behind the last element do not matter: only negatives count
  constexpr std::size_t kPiece = kAddsPerFlush * kLanes;
  for (std::size_t begin = 0; begin < n; begin += kPiece) {
    V squares = energy.partial();
    forEachVector(x + begin, std::min(kPiece, n - begin), [&](V w) HWY_ATTR {
      squares = hn::MulAdd(w, w, squares);
      least = hn::Min(least, w);
    });
    energy.setPartial(squares);
    if (n > kPiece) energy.flush();
  }
  return hn::GetLane(hn::MinOfLanes(f, least));
}

/// One block's work.
class BlockCurve {
 public:
  BlockCurve(const Codec& codec, const BlockShape& shape, const float* w, const CurvePlan& plan,
             CurveScratch& scratch)
      : codec_(codec), shape_(shape), w_(w), plan_(plan), scratch_(scratch) {}

  /// Adds the block's curve; returns its sum of w^2.
  double addTo(double* squaredError) {
    const double energy = findParameters([&](std::size_t) { return squaredError; });
    withGroups([&](auto groupOf) {
      if (plan_.direct()) {
        addDirectly(groupOf, [&](std::size_t) { return squaredError; });
      } else {
        addBySpans(groupOf, squaredError);
      }
    });
    return energy;
  }

  /// The curve of each group: squaredError[group][ratio], from zeros, and its sum of w^2.
  void addEach(double* squaredError, double* energy) {
    const auto curveOf = [&](std::size_t g) { return squaredError + g * plan_.ratios.size(); };
    findParameters(curveOf);
    withGroups([&](auto groupOf) {
      forEachGroup([&](std::size_t g, const float* x, std::size_t n) HWY_ATTR {
        Sum squares;
        minimumOf(x, n, squares);
        energy[g] = squares.total();
        if (scratch_.scale[g] != 0) addGroupCurve(groupOf(g), x, n, curveOf(g));
      });
    });
  }

 private:
  /// Calls fn with what makes the group of an index.
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

  template <typename Fn>
  HWY_INLINE void forEachGroup(Fn fn) const {
    std::size_t group = 0;
    for (std::size_t r = 0; r < shape_.rows; ++r) {
      for (std::size_t begin = 0; begin < shape_.cols; begin += shape_.groupSize) {
        fn(group++, w_ + r * shape_.cols + begin, std::min(shape_.groupSize, shape_.cols - begin));
      }
    }
  }

  /// Parameters at ratio 1; a group that needs the reference's own arithmetic is added here and
  /// gets scale 0, an all-zero group too. Returns the sum of w^2.
  template <typename CurveOf>
  double findParameters(CurveOf curveOf) {
    Sum energy;
    const std::size_t groups = shape_.rows * shape_.groupsPerRow();
    scratch_.scale.resize(groups);
    scratch_.zeroPoint.resize(groups);
    const double one = 1;
    activeKernels().groupParameters(codec_, shape_, w_, &one, 0, scratch_.scale.data(),
                                    scratch_.zeroPoint.data());
    std::size_t added = 0;
    forEachGroup([&](std::size_t g, const float* x, std::size_t n) HWY_ATTR {
      const float wmin = minimumOf(x, n, energy);
      added += (n + kLanes - 1) / kLanes;
      if (added >= kAddsPerFlush) {
        energy.flush();
        added = 0;
      }
      if (steady(codec_, scratch_.scale[g], scratch_.zeroPoint[g], wmin)) return;
      addExactly(x, n, curveOf(g));
      scratch_.scale[g] = 0;
    });
    return energy.total();
  }

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

  template <typename GroupOf>
  void addBySpans(GroupOf groupOf, double* squaredError) {
    Crossings crossings(scratch_, shape_.rows * shape_.cols);
    std::vector<double> hinge;
    for (std::size_t span = 0; span < plan_.spanBegins.size(); ++span) {
      const std::size_t begin = plan_.spanBegins[span];
      const std::size_t end = plan_.spanEnd(span);
      const float* ratios = plan_.ratios.data();
      SpanSums sums;
      crossings.clear();
      forEachGroup([&](std::size_t g, const float* x, std::size_t n) HWY_ATTR {
        if (scratch_.scale[g] == 0) return;
        groupOf(g).classify(x, n, ratios[begin], ratios[end - 1], sums, crossings);
      });
      hinge.assign(end - begin, 0);
      crossings.evaluate(ratios + begin, end - begin, scratch_, hinge.data());
      addSpan(begin, end, sums, hinge, squaredError);
    }
  }

  void addSpan(std::size_t begin, std::size_t end, SpanSums& sums, const std::vector<double>& hinge,
               double* squaredError) {
    const double squared = sums.squared.total();
    const double cross = sums.cross.total();
    const double level = sums.level.total();
    for (std::size_t j = begin; j < end; ++j) {
      const double ratio = plan_.ratios[j];
      const double fallen = plan_.ratios[begin] - ratio;
      squaredError[j] +=
          squared + 2 * fallen * cross + fallen * fallen * level - 2 * ratio * hinge[j - begin];
    }
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

  template <typename GroupOf, typename CurveOf>
  void addDirectly(GroupOf groupOf, CurveOf curveOf) {
    forEachGroup([&](std::size_t g, const float* x, std::size_t n) HWY_ATTR {
      if (scratch_.scale[g] == 0) return;
      const auto group = groupOf(g);
      double* squaredError = curveOf(g);
      // Pieces that stay in the cache and keep float32 sums short.
      constexpr std::size_t kPiece = kAddsPerFlush * kLanes;
      for (std::size_t begin = 0; begin < n; begin += kPiece) {
        const std::size_t length = std::min(kPiece, n - begin);
        for (std::size_t j = 0; j < plan_.ratios.size(); ++j) {
          squaredError[j] += sumOf(group.squaredErrorAt(x + begin, length, plan_.ratios[j]));
        }
      }
    });
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
