// Sums in float64 lanes, for the sources that are compiled once for each instruction set.
#include <cstddef>

#include "core/kernels/kernels.h"
#include "core/kernels/vector_codecs-inl.h"

#if defined(QUANTOSCOPE_VECTOR_SUMS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTOSCOPE_VECTOR_SUMS_INL_H
#undef QUANTOSCOPE_VECTOR_SUMS_INL_H
#else
#define QUANTOSCOPE_VECTOR_SUMS_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

using D = hn::Repartition<double, F>;
using W = hn::Vec<D>;
constexpr std::size_t kColumns = ErrorLanes::kLanes;
constexpr std::size_t kVectors = kColumns / kMaxVector;  // float vectors that make 16 columns
constexpr std::size_t kParts = 2 * kVectors;             // float64 vectors that make 16 lanes

/// A float vector as two of float64.
struct Pair {
  W low;
  W high;
  HWY_INLINE explicit Pair(V v)
      : low(hn::PromoteTo(D(), hn::LowerHalf(v))),
        high(hn::PromoteTo(D(), hn::UpperHalf(hn::Half<F>(), v))) {}
};

/// ErrorLanes::Lanes in registers.
class Accumulator {
 public:
  HWY_INLINE explicit Accumulator(const ErrorLanes::Lanes& lanes) {
    for (std::size_t p = 0; p < kParts; ++p) parts_[p] = hn::LoadU(D(), lanes.data() + p * kHalf);
  }
  HWY_INLINE void store(ErrorLanes::Lanes& lanes) const {
    for (std::size_t p = 0; p < kParts; ++p) hn::StoreU(parts_[p], D(), lanes.data() + p * kHalf);
  }
  /// Adds a * b for float vector i of 16 columns. The product of two float32 is exact in float64,
  /// so that a fused and a separate rounding agree.
  HWY_INLINE void add(std::size_t i, const Pair& a, const Pair& b) {
    parts_[2 * i] = hn::MulAdd(a.low, b.low, parts_[2 * i]);
    parts_[2 * i + 1] = hn::MulAdd(a.high, b.high, parts_[2 * i + 1]);
  }
  HWY_INLINE void add(std::size_t i, const Pair& a) {
    parts_[2 * i] = hn::Add(parts_[2 * i], a.low);
    parts_[2 * i + 1] = hn::Add(parts_[2 * i + 1], a.high);
  }
  HWY_INLINE void subtract(std::size_t i, const Pair& a) {
    parts_[2 * i] = hn::Sub(parts_[2 * i], a.low);
    parts_[2 * i + 1] = hn::Sub(parts_[2 * i + 1], a.high);
  }

 private:
  static constexpr std::size_t kHalf = kMaxVector / 2;
  W parts_[kParts];
};

/// Float32 sums in 16 lanes, product and sum rounded one after the other.
class FloatAccumulator {
 public:
  HWY_INLINE FloatAccumulator() { clear(); }
  HWY_INLINE void clear() {
    for (V& part : parts_) part = hn::Zero(F());
  }
  HWY_INLINE void add(std::size_t i, V a, V b) { parts_[i] = hn::Add(parts_[i], hn::Mul(a, b)); }
  HWY_INLINE float largest() const {
    V found = parts_[0];
    for (std::size_t i = 1; i < kVectors; ++i) found = hn::Max(found, parts_[i]);
    return hn::GetLane(hn::MaxOfLanes(F(), found));
  }
  HWY_INLINE void addTo(ErrorLanes::Lanes& lanes) const {
    Accumulator sums(lanes);
    for (std::size_t i = 0; i < kVectors; ++i) sums.add(i, Pair(parts_[i]));
    sums.store(lanes);
  }

 private:
  V parts_[kVectors];
};

}  // namespace
#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
