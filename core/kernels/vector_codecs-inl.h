// How vectors of weights are coded, for the sources that are compiled once for each instruction
// set. No include guard in the usual sense: what stands here is compiled anew for each of them.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "core/kernels/codec.h"
#include "core/kernels/kernels.h"

#if defined(QUANTOSCOPE_VECTOR_CODECS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTOSCOPE_VECTOR_CODECS_INL_H
#undef QUANTOSCOPE_VECTOR_CODECS_INL_H
#else
#define QUANTOSCOPE_VECTOR_CODECS_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using F = hn::ScalableTag<float>;
using V = hn::Vec<F>;

constexpr std::size_t kMaxVector = HWY_MAX_BYTES / sizeof(float);
constexpr std::size_t kMaxLevels = 16;

struct Extremes {
  float min;
  float max;
};

/// Of n >= one vector's elements. The last, overlapping vector covers the remainder.
HWY_INLINE Extremes extremesOf(const float* x, std::size_t n) {
  const F f;
  const std::size_t lanes = hn::Lanes(f);
  V lo = hn::LoadU(f, x);
  V hi = lo;
  for (std::size_t i = lanes; i + lanes <= n; i += lanes) {
    const V v = hn::LoadU(f, x + i);
    lo = hn::Min(lo, v);
    hi = hn::Max(hi, v);
  }
  const V last = hn::LoadU(f, x + n - lanes);
  lo = hn::Min(lo, last);
  hi = hn::Max(hi, last);
  return {hn::GetLane(hn::MinOfLanes(f, lo)), hn::GetLane(hn::MaxOfLanes(f, hi))};
}

HWY_INLINE Extremes scalarExtremesOf(const float* x, std::size_t n) {
  Extremes found{x[0], x[0]};
  for (std::size_t i = 1; i < n; ++i) {
    found.min = std::min(found.min, x[i]);
    found.max = std::max(found.max, x[i]);
  }
  return found;
}

/// Scale and zero point of a vector of groups at once; the same operations in the same order as
/// scalar.cpp.
struct GroupVectors {
  V scale;
  V zeroPoint;
};

HWY_INLINE GroupVectors parametersOf(const Codec& codec, V min, V max, V ratio) {
  const F f;
  const V zero = hn::Zero(f);
  const V one = hn::Set(f, 1.0f);
  switch (codec.kind) {
    case CodecKind::Asymmetric: {
      V wmin = hn::Mul(hn::Min(min, zero), ratio);
      V wmax = hn::Mul(hn::Max(max, zero), ratio);
      const auto flat = hn::And(hn::Eq(wmin, zero), hn::Eq(wmax, zero));
      wmin = hn::IfThenElse(flat, hn::Neg(one), wmin);
      wmax = hn::IfThenElse(flat, one, wmax);
      const V scale = hn::Div(hn::Sub(wmax, wmin), hn::Set(f, codec.maxCode));
      // Adding +0 makes the sign of a zero the same whatever the sign of the extremes' zero was.
      return {scale, hn::Add(hn::Round(hn::Div(hn::Neg(wmin), scale)), zero)};
    }
    case CodecKind::Symmetric: {
      const V high = hn::Abs(max);
      const V low = hn::Abs(min);
      V amax = hn::Mul(hn::Max(high, low), ratio);
      amax = hn::IfThenElse(hn::Eq(amax, zero), one, amax);
      if (!codec.fullRange) return {hn::Div(amax, hn::Set(f, codec.maxCode)), zero};
      const V scale = hn::Div(amax, hn::Set(f, -codec.minCode));
      return {hn::IfThenElse(hn::Gt(high, low), hn::Neg(scale), scale), zero};
    }
    case CodecKind::Codebook: {
      const V amax = hn::Max(hn::Abs(max), hn::Abs(min));
      return {hn::Div(hn::Mul(amax, ratio), hn::Set(f, codec.codebook->levels.back())), zero};
    }
  }
  return {one, zero};
}

/// Minima, maxima and ratios of some groups, waiting to be turned into parameters together: the
/// chain from a horizontal minimum to a division costs more than the elements of a small group.
class Stage {
 public:
  /// `zeroPoint` and `least` (each group's smallest weight) may be null.
  Stage(const Codec& codec, float* scale, float* zeroPoint, float* least = nullptr)
      : codec_(codec), scale_(scale), zeroPoint_(zeroPoint), least_(least) {}

  void add(Extremes x, float ratio) {
    min_[filled_] = x.min;
    max_[filled_] = x.max;
    ratio_[filled_] = ratio;
    if (++filled_ == kMaxVector) flush();
  }

  void flush() {
    const F f;
    const std::size_t lanes = hn::Lanes(f);
    HWY_ALIGN float scale[kMaxVector];
    HWY_ALIGN float zeroPoint[kMaxVector];
    for (std::size_t i = filled_; i < kMaxVector; ++i) min_[i] = max_[i] = ratio_[i] = 1;
    for (std::size_t i = 0; i < filled_; i += lanes) {
      const GroupVectors found = parametersOf(codec_, hn::Load(f, min_ + i), hn::Load(f, max_ + i),
                                              hn::Load(f, ratio_ + i));
      hn::Store(found.scale, f, scale + i);
      hn::Store(found.zeroPoint, f, zeroPoint + i);
    }
    if (least_ != nullptr) least_ = std::copy(min_, min_ + filled_, least_);
    scale_ = std::copy(scale, scale + filled_, scale_);
    if (zeroPoint_ != nullptr) {
      zeroPoint_ = std::copy(zeroPoint, zeroPoint + filled_, zeroPoint_);
    }
    filled_ = 0;
  }

 private:
  const Codec& codec_;
  float* scale_;
  float* zeroPoint_;
  float* least_;
  std::size_t filled_ = 0;
  HWY_ALIGN float min_[kMaxVector];
  HWY_ALIGN float max_[kMaxVector];
  HWY_ALIGN float ratio_[kMaxVector];
};

/// Calls fn(group index in the block, offset of its first element, length) in row-major order.
template <typename Fn>
HWY_INLINE void forEachGroup(const BlockShape& shape, Fn fn) {
  std::size_t group = 0;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize) {
      fn(group++, r * shape.cols + begin, std::min(shape.groupSize, shape.cols - begin));
    }
  }
}

/// Scale, zero point and smallest weight of each group of a block; see Stage.
HWY_INLINE void findGroupParameters(const Codec& codec, const BlockShape& shape, const float* w,
                                    const double* ratios, std::size_t ratioStride, float* scale,
                                    float* zeroPoint, float* least) {
  const std::size_t lanes = hn::Lanes(F());
  Stage stage(codec, scale, zeroPoint, least);
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
    const Extremes x =
        length >= lanes ? extremesOf(w + offset, length) : scalarExtremesOf(w + offset, length);
    stage.add(x, static_cast<float>(ratios[g * ratioStride]));
  });
  stage.flush();
}

/// Integers: x -> (clamp(round(x / scale), lo, hi)) * decode. With a zero point the limits are
/// shifted by it instead of the codes, which is the same for every |code| < 2^23, and a zero is
/// always +0; without, a -0 stays.
template <bool kAsymmetric>
class IntegerCodec {
 public:
  IntegerCodec(const Codec& codec, float scale, float zeroPoint, float decode)
      : scale_(hn::Set(F(), scale)),
        low_(hn::Set(F(), kAsymmetric ? -zeroPoint : codec.minCode)),
        high_(hn::Set(F(), kAsymmetric ? codec.maxCode - zeroPoint : codec.maxCode)),
        zeroPoint_(hn::Set(F(), zeroPoint)),
        decode_(hn::Set(F(), decode)) {}

  HWY_INLINE V shifted(V x) const {
    return hn::Min(hn::Max(hn::Round(hn::Div(x, scale_)), low_), high_);
  }
  HWY_INLINE V value(V x) const {
    if constexpr (kAsymmetric) return hn::MulAdd(shifted(x), decode_, hn::Zero(F()));
    return hn::Mul(shifted(x), decode_);
  }
  HWY_INLINE V code(V x) const {
    return kAsymmetric ? hn::Add(shifted(x), zeroPoint_) : shifted(x);
  }

 private:
  V scale_;
  V low_;
  V high_;
  V zeroPoint_;
  V decode_;
};

/// The tables of a codebook of up to 16 levels, padded: no value lies above an infinite threshold.
struct CodebookTables {
  HWY_ALIGN float thresholds[kMaxLevels];
  HWY_ALIGN float levels[kMaxLevels];
  HWY_ALIGN float codes[kMaxLevels];

  explicit CodebookTables(const Codebook& book) {
    for (std::size_t i = 0; i < kMaxLevels; ++i) {
      const std::size_t level = std::min(i, book.levels.size() - 1);
      levels[i] = book.levels[level];
      codes[i] = static_cast<float>(book.codes[level]);
      thresholds[i] =
          i < book.thresholds.size() ? book.thresholds[i] : std::numeric_limits<float>::infinity();
    }
  }
};

/// entries[number of thresholds below t], by bisection on tables that live in registers.
#if HWY_TARGET == HWY_AVX3
class Lookup {
 public:
  Lookup(const float* thresholds, const float* entries)
      : thresholds_(hn::Load(F(), thresholds)), entries_(hn::Load(F(), entries)) {}

  HWY_INLINE V operator()(V t) const {
    const F f;
    const hn::RebindToSigned<F> i;
    auto at =
        hn::IfThenElseZero(hn::RebindMask(i, hn::Gt(t, threshold(hn::Set(i, 7)))), hn::Set(i, 8));
    at = step(t, at, 3, 4);
    at = step(t, at, 1, 2);
    at = step(t, at, 0, 1);
    return hn::TableLookupLanes(entries_, hn::IndicesFromVec(f, at));
  }

 private:
  using I = hn::Vec<hn::RebindToSigned<F>>;

  HWY_INLINE V threshold(I at) const {
    return hn::TableLookupLanes(thresholds_, hn::IndicesFromVec(F(), at));
  }
  HWY_INLINE I step(V t, I at, int middle, int width) const {
    const hn::RebindToSigned<F> i;
    const auto above = hn::Gt(t, threshold(hn::Add(at, hn::Set(i, middle))));
    return hn::IfThenElse(hn::RebindMask(i, above), hn::Add(at, hn::Set(i, width)), at);
  }

  V thresholds_;
  V entries_;
};
#elif HWY_TARGET == HWY_AVX2
class Lookup {
 public:
  Lookup(const float* thresholds, const float* entries)
      : middle_(hn::Set(F(), thresholds[7])),
        lowQuarter_(hn::Set(F(), thresholds[3])),
        highQuarter_(hn::Set(F(), thresholds[11])),
        lowThresholds_(hn::Load(F(), thresholds)),
        highThresholds_(hn::Load(F(), thresholds + 8)),
        lowEntries_(hn::Load(F(), entries)),
        highEntries_(hn::Load(F(), entries + 8)) {}

  HWY_INLINE V operator()(V t) const {
    const F f;
    const hn::RebindToSigned<F> i;
    const auto upper = hn::Gt(t, middle_);  // which half; below, positions are inside the half
    const auto pastQuarter = hn::Gt(t, hn::IfThenElse(upper, highQuarter_, lowQuarter_));
    auto at = hn::IfThenElseZero(hn::RebindMask(i, pastQuarter), hn::Set(i, 4));
    for (int width = 2; width > 0; width /= 2) {
      const auto index = hn::IndicesFromVec(f, hn::Add(at, hn::Set(i, width - 1)));
      const V threshold = hn::IfThenElse(upper, hn::TableLookupLanes(highThresholds_, index),
                                         hn::TableLookupLanes(lowThresholds_, index));
      const auto above = hn::RebindMask(i, hn::Gt(t, threshold));
      at = hn::Add(at, hn::IfThenElseZero(above, hn::Set(i, width)));
    }
    const auto index = hn::IndicesFromVec(f, at);
    return hn::IfThenElse(upper, hn::TableLookupLanes(highEntries_, index),
                          hn::TableLookupLanes(lowEntries_, index));
  }

 private:
  V middle_, lowQuarter_, highQuarter_;
  V lowThresholds_, highThresholds_;
  V lowEntries_, highEntries_;
};
#else
class Lookup {
 public:
  Lookup(const float* thresholds, const float* entries)
      : thresholds_(thresholds), entries_(entries) {}

  HWY_INLINE V operator()(V t) const {
    const F f;
    V found = hn::Set(f, entries_[0]);
    for (std::size_t j = 0; j + 1 < kMaxLevels; ++j) {
      found =
          hn::IfThenElse(hn::Gt(t, hn::Set(f, thresholds_[j])), hn::Set(f, entries_[j + 1]), found);
    }
    return found;
  }

 private:
  const float* thresholds_;
  const float* entries_;
};
#endif

class CodebookCodec {
 public:
  /// `entries` are the levels or the codes of `tables`.
  CodebookCodec(const CodebookTables& tables, const float* entries, float scale, float decode)
      : scale_(hn::Set(F(), scale)),
        decode_(hn::Set(F(), decode)),
        lookup_(tables.thresholds, entries) {}

  HWY_INLINE V value(V x) const { return hn::Mul(lookup_(hn::Div(x, scale_)), decode_); }
  HWY_INLINE V code(V x) const { return lookup_(hn::Div(x, scale_)); }

 private:
  V scale_;
  V decode_;
  Lookup lookup_;
};

/// Whether vector arithmetic gives the reference's bits for a group with these scales.
HWY_INLINE bool ordinary(float scale) {
  const float magnitude = std::fabs(scale);
  return magnitude >= 1e-30f && magnitude <= 1e30f;
}
HWY_INLINE bool ordinary(const Codec& codec, float scale, float decodeScale) {
  // Double quantization can lead to decoding scales up to 0, with which zeros are negative.
  return ordinary(scale) && (codec.kind != CodecKind::Asymmetric || decodeScale > 0);
}

/// Whether all of a codec is left to scalar.cpp.
HWY_INLINE bool leftToScalar(const Codec& codec) {
  if (codec.extended) return true;
  switch (codec.kind) {
    case CodecKind::Asymmetric:
      return false;
    case CodecKind::Symmetric:
      return codec.minCode >= 0;  // 1 bit: a -0 at the bound must stay
    case CodecKind::Codebook:
      return codec.codebook->levels.size() > kMaxLevels;
  }
  return true;
}

/// A group as a block of its own, for scalar.cpp.
HWY_INLINE BlockShape alone(std::size_t length) {
  return {1, length, length};
}

}  // namespace
#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
