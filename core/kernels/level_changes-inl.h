// Where levels change as the clip ratio falls, and what that adds to a curve; for the sources that
// are compiled once for each instruction set.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "core/kernels/curve_groups-inl.h"
#include "core/kernels/curve_plan.h"

#if defined(QUANTOSCOPE_LEVEL_CHANGES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTOSCOPE_LEVEL_CHANGES_INL_H
#undef QUANTOSCOPE_LEVEL_CHANGES_INL_H
#else
#define QUANTOSCOPE_LEVEL_CHANGES_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

/// A weight u, in units of its group's scale at the first ratio, whose level changes by `gap` where
/// u >= r T adds max(0, A - r B) to the curve's last sum, with A = gap u and B = gap T in units of
/// squared scale. A list of such pairs, kept in registers while a group is worked on.
struct ChangeList {
  float* weight;     ///< A
  float* threshold;  ///< B
  std::size_t size;

  HWY_INLINE void add(V a, V b, M which) {
    compressTo(a, which, weight + size);
    compressTo(b, which, threshold + size);
    size += hn::CountTrue(F(), which);
  }
};

/// The sums of A and of B of all changes, by the ratio at which they happen. Each ratio's share of
/// the curve then costs one step of a running sum, not a look at every weight.
class LevelChanges {
 public:
  /// Pairs are counted when there are this many: they have left the first cache's write queue, and
  /// lie in that cache.
  static constexpr std::size_t kFull = 1024;

  /// `room` is how many a caller may add between two calls of `countFull`.
  LevelChanges(const CurvePlan& plan, CurveScratch& scratch, std::size_t room)
      : count_(plan.ratios.size()),
        perRatio_(plan.ratios.front() / plan.step),
        pairs_(scratch.scaledWeight),
        thresholds_(scratch.scaledThreshold),
        at_(scratch.changedAt),
        by_(scratch.changedBy),
        sums_(scratch.changes) {
    const std::size_t longest = kFull + room + 2 * kLanes;
    if (pairs_.size() < longest) {
      pairs_.resize(longest);
      thresholds_.resize(longest);
      at_.resize(longest);
      by_.resize(2 * longest);
    }
    sums_.assign(kCopies * 2 * (count_ + 1), 0.0);
  }

  HWY_INLINE ChangeList list() { return {pairs_.data(), thresholds_.data(), size_}; }
  HWY_INLINE void setSize(std::size_t size) { size_ = size; }

  HWY_INLINE void countFull() {
    if (size_ >= kFull) count();
  }

  /// hinge[j] = sum of max(0, A - r B) at ratio j, the ratios over the first being 1 - j /
  /// perRatio.
  void curve(const double* ratios, double* hinge) {
    count();
    double weight = 0;
    double threshold = 0;
    for (std::size_t j = 0; j < count_; ++j) {
      for (std::size_t copy = 0; copy < kCopies; ++copy) {
        weight += sums_[2 * (copy * (count_ + 1) + j)];
        threshold += sums_[2 * (copy * (count_ + 1) + j) + 1];
      }
      hinge[j] = weight - ratios[j] * threshold;
    }
  }

 private:
  /// Neighbouring pairs add to tables of their own: adding to what was just stored takes long.
  static constexpr std::size_t kCopies = 2;

  void count() {
    place();
    scatter();
    size_ = 0;
  }

  /// Turns the list into pairs side by side and the places of their sums.
  HWY_NOINLINE void place() {
    const F f;
    const hn::RebindToSigned<F> i32;
    // Nothing is added where the list ends.
    hn::StoreU(hn::Zero(f), f, pairs_.data() + size_);
    hn::StoreU(hn::Set(f, 1.0f), f, thresholds_.data() + size_);
    const V perRatio = hn::Set(f, perRatio_);
    const V last = hn::Set(f, static_cast<float>(count_));
    for (std::size_t i = 0; i < size_; i += kLanes) {
      const V a = hn::LoadU(f, pairs_.data() + i);
      const V b = hn::LoadU(f, thresholds_.data() + i);
      // Rounding may put what happens at the first ratio a little before it: Ceil gives 0.
      const V place = hn::Ceil(hn::NegMulAdd(hn::Div(a, b), perRatio, perRatio));
      hn::StoreU(hn::ConvertTo(i32, hn::Min(place, last)), i32, at_.data() + i);
      hn::StoreU(hn::InterleaveLower(f, a, b), f, by_.data() + 2 * i);
      hn::StoreU(hn::InterleaveUpper(f, a, b), f, by_.data() + 2 * i + kLanes);
    }
  }

  HWY_NOINLINE void scatter() {
    double* even = sums_.data();
    double* odd = even + 2 * (count_ + 1);
    const std::int32_t* at = at_.data();
    const float* by = by_.data();
    for (std::size_t i = 0; i < size_; i += kLanes, at += kLanes, by += 2 * kLanes) {
      // Pairs of lower halves of 128-bit blocks come first.
      for (std::size_t half = 0; half < 2; ++half) {
        for (std::size_t block = 0; block < kLanes / 4; ++block) {
          const std::int32_t* first = at + 4 * block + 2 * half;
          const float* pair = by + half * kLanes + 4 * block;
          add(even + 2 * first[0], pair);
          add(odd + 2 * first[1], pair + 2);
        }
      }
    }
  }

  static HWY_INLINE void add(double* sums, const float* pair) {
    const hn::Full128<double> d;
    const hn::Rebind<float, hn::Full128<double>> f;
    hn::StoreU(hn::Add(hn::LoadU(d, sums), hn::PromoteTo(d, hn::LoadU(f, pair))), d, sums);
  }

  const std::size_t count_;
  const float perRatio_;
  std::vector<float>& pairs_;
  std::vector<float>& thresholds_;
  std::vector<std::int32_t>& at_;
  std::vector<float>& by_;
  std::vector<double>& sums_;
  std::size_t size_ = 0;
};

}  // namespace
#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
