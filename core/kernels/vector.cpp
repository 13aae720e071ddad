// The kernel table in vector form: one source, compiled for several instruction sets. Every
// function has the bits of scalar.cpp; what a vector cannot do under that promise is handed to it:
// groups shorter than a vector, scales near the ends of float32, codebooks of more than 16 levels.
#include "core/kernels/vector.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/kernels.h"

// SSSE3 has a wrong IfNegativeThenElse in Highway 1.0.3, and is too old to be worth a table.
#define HWY_DISABLED_TARGETS HWY_SSSE3

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/vector.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// In clip_curve.cpp, for the same instruction sets.
double addClipCurve(const Codec& codec, const BlockShape& shape, const float* w,
                    const CurvePlan& plan, CurveScratch& scratch, double* squaredError);
void addGroupClipCurves(const Codec& codec, const BlockShape& shape, const float* w,
                        const CurvePlan& plan, CurveScratch& scratch, double* squaredError,
                        double* energy);

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
  Stage(const Codec& codec, float* scale, float* zeroPoint)
      : codec_(codec), scale_(scale), zeroPoint_(zeroPoint) {}

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
    std::copy(scale, scale + filled_, scale_);
    scale_ += filled_;
    if (zeroPoint_ != nullptr) {
      std::copy(zeroPoint, zeroPoint + filled_, zeroPoint_);
      zeroPoint_ += filled_;
    }
    filled_ = 0;
  }

 private:
  const Codec& codec_;
  float* scale_;
  float* zeroPoint_;
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

void groupParameters(const Codec& codec, const BlockShape& shape, const float* w,
                     const double* ratios, std::size_t ratioStride, float* scale,
                     float* zeroPoint) {
  if (codec.extended) {
    scalarKernels().groupParameters(codec, shape, w, ratios, ratioStride, scale, zeroPoint);
    return;
  }
  const std::size_t lanes = hn::Lanes(F());
  Stage stage(codec, scale, zeroPoint);
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

/// y[i] = one(x[i]) of n >= one vector's elements; y may be x. The overlapping last vector is
/// computed before anything is stored.
template <typename One>
HWY_INLINE void transform(const float* x, std::size_t n, float* y, One one) {
  const F f;
  const std::size_t lanes = hn::Lanes(f);
  const V last = one(hn::LoadU(f, x + n - lanes));
  for (std::size_t i = 0; i + lanes <= n; i += lanes)
    hn::StoreU(one(hn::LoadU(f, x + i)), f, y + i);
  hn::StoreU(last, f, y + n - lanes);
}

/// A group as a block of its own, for scalar.cpp.
HWY_INLINE BlockShape alone(std::size_t length) {
  return {1, length, length};
}

void quantizeDequantize(const Codec& codec, const BlockShape& shape, const float* w,
                        const float* scale, const float* zeroPoint, const float* decodeScale,
                        float* y) {
  const KernelTable& scalar = scalarKernels();
  if (leftToScalar(codec)) {
    scalar.quantizeDequantize(codec, shape, w, scale, zeroPoint, decodeScale, y);
    return;
  }
  const std::size_t lanes = hn::Lanes(F());
  const auto fallback = [&](std::size_t g, std::size_t offset, std::size_t length) {
    scalar.quantizeDequantize(codec, alone(length), w + offset, scale + g,
                              zeroPoint != nullptr ? zeroPoint + g : nullptr, decodeScale + g,
                              y + offset);
  };
  const auto run = [&](auto codecOfGroup) HWY_ATTR {
    forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
      if (length < lanes || !ordinary(codec, scale[g], decodeScale[g])) {
        fallback(g, offset, length);
        return;
      }
      const auto group = codecOfGroup(g);
      transform(w + offset, length, y + offset, [&](V x) HWY_ATTR { return group.value(x); });
    });
  };
  if (codec.kind == CodecKind::Asymmetric) {
    run([&](std::size_t g)
            HWY_ATTR { return IntegerCodec<true>(codec, scale[g], zeroPoint[g], decodeScale[g]); });
  } else if (codec.kind == CodecKind::Symmetric) {
    run([&](std::size_t g)
            HWY_ATTR { return IntegerCodec<false>(codec, scale[g], 0, decodeScale[g]); });
  } else {
    const CodebookTables tables(*codec.codebook);
    run([&](std::size_t g)
            HWY_ATTR { return CodebookCodec(tables, tables.levels, scale[g], decodeScale[g]); });
  }
}

/// codes[i] = one(x[i]) as integers, of n >= one vector's elements.
template <typename One>
HWY_INLINE void transformToCodes(const float* x, std::size_t n, std::int32_t* codes, One one) {
  const F f;
  const hn::RebindToSigned<F> i32;
  const std::size_t lanes = hn::Lanes(f);
  for (std::size_t i = 0; i + lanes <= n; i += lanes) {
    hn::StoreU(hn::ConvertTo(i32, one(hn::LoadU(f, x + i))), i32, codes + i);
  }
  hn::StoreU(hn::ConvertTo(i32, one(hn::LoadU(f, x + n - lanes))), i32, codes + n - lanes);
}

void encode(const Codec& codec, const BlockShape& shape, const float* w, const float* scale,
            const float* zeroPoint, std::int32_t* codes) {
  const KernelTable& scalar = scalarKernels();
  if (leftToScalar(codec)) {
    scalar.encode(codec, shape, w, scale, zeroPoint, codes);
    return;
  }
  const std::size_t lanes = hn::Lanes(F());
  const auto fallback = [&](std::size_t g, std::size_t offset, std::size_t length) {
    scalar.encode(codec, alone(length), w + offset, scale + g,
                  zeroPoint != nullptr ? zeroPoint + g : nullptr, codes + offset);
  };
  const auto run = [&](auto codecOfGroup) HWY_ATTR {
    forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
      if (length < lanes || !ordinary(scale[g])) {
        fallback(g, offset, length);
        return;
      }
      const auto group = codecOfGroup(g);
      transformToCodes(w + offset, length, codes + offset,
                       [&](V x) HWY_ATTR { return group.code(x); });
    });
  };
  if (codec.kind == CodecKind::Asymmetric) {
    run([&](std::size_t g)
            HWY_ATTR { return IntegerCodec<true>(codec, scale[g], zeroPoint[g], 1); });
  } else if (codec.kind == CodecKind::Symmetric) {
    run([&](std::size_t g) HWY_ATTR { return IntegerCodec<false>(codec, scale[g], 0, 1); });
  } else {
    const CodebookTables tables(*codec.codebook);
    run([&](std::size_t g) HWY_ATTR { return CodebookCodec(tables, tables.codes, scale[g], 1); });
  }
}

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

/// The columns of a row that make no full 16, with zeros behind them: their e is 0.
struct PaddedTail {
  HWY_ALIGN float w[kColumns] = {};
  HWY_ALIGN float y[kColumns] = {};

  HWY_INLINE PaddedTail(const float* wFrom, const float* yFrom, std::size_t n) {
    std::copy(wFrom, wFrom + n, w);
    std::copy(yFrom, yFrom + n, y);
  }
};

struct ErrorAccumulators {
  Accumulator squaredError, error, squaredWeight, cross;

  HWY_INLINE explicit ErrorAccumulators(const ErrorLanes& sums)
      : squaredError(sums.squaredError),
        error(sums.error),
        squaredWeight(sums.squaredWeight),
        cross(sums.cross) {}
  HWY_INLINE void store(ErrorLanes& sums) const {
    squaredError.store(sums.squaredError);
    error.store(sums.error);
    squaredWeight.store(sums.squaredWeight);
    cross.store(sums.cross);
  }
  /// 16 columns; returns the larger of `peak` and each |e|.
  HWY_INLINE V addColumns(const float* w, const float* y, V peak) {
    const F f;
    for (std::size_t i = 0; i < kVectors; ++i) {
      const V weight = hn::LoadU(f, w + i * kMaxVector);
      const V e = hn::Sub(weight, hn::LoadU(f, y + i * kMaxVector));
      const Pair wide(weight);
      const Pair wideError(e);
      squaredError.add(i, wideError, wideError);
      error.subtract(i, wideError);
      squaredWeight.add(i, wide, wide);
      cross.add(i, wide, wideError);
      peak = hn::Max(peak, hn::Abs(e));
    }
    return peak;
  }
};

HWY_INLINE std::size_t firstColumnOf(float magnitude, const float* w, const float* y,
                                     std::size_t n) {
  for (std::size_t c = 0; c < n; ++c) {
    if (std::fabs(w[c] - y[c]) == magnitude) return c;
  }
  return 0;
}

void addErrors(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums,
               ErrorPeak& peak) {
  const F f;
  ErrorAccumulators accumulators(sums);
  const std::size_t whole = shape.cols / kColumns * kColumns;
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols, y += shape.cols) {
    V rowPeak = hn::Zero(f);
    for (std::size_t c = 0; c < whole; c += kColumns) {
      rowPeak = accumulators.addColumns(w + c, y + c, rowPeak);
    }
    if (whole < shape.cols) {
      const PaddedTail tail(w + whole, y + whole, shape.cols - whole);
      rowPeak = accumulators.addColumns(tail.w, tail.y, rowPeak);
    }
    const float magnitude = hn::GetLane(hn::MaxOfLanes(f, rowPeak));
    if (magnitude > peak.magnitude) {
      peak = {magnitude, r, firstColumnOf(magnitude, w, y, shape.cols)};
    }
  }
  accumulators.store(sums);
}

HWY_INLINE void addSquares(Accumulator& sum, const float* w, const float* y) {
  const F f;
  for (std::size_t i = 0; i < kVectors; ++i) {
    const Pair e(hn::Sub(hn::LoadU(f, w + i * kMaxVector), hn::LoadU(f, y + i * kMaxVector)));
    sum.add(i, e, e);
  }
}

void addSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                      ErrorLanes::Lanes& lanes) {
  Accumulator sum(lanes);
  const std::size_t whole = shape.cols / kColumns * kColumns;
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols, y += shape.cols) {
    for (std::size_t c = 0; c < whole; c += kColumns) addSquares(sum, w + c, y + c);
    if (whole < shape.cols) {
      const PaddedTail tail(w + whole, y + whole, shape.cols - whole);
      addSquares(sum, tail.w, tail.y);
    }
  }
  sum.store(lanes);
}

void groupSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                        double* squaredError) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
    ErrorLanes::Lanes lanes{};
    addSquaredErrors(alone(length), w + offset, y + offset, lanes);
    squaredError[g] = ErrorLanes::total(lanes);
  });
}

/// Whether every element is an ordinary number: neither zero nor subnormal, infinite or NaN.
HWY_INLINE bool allOrdinary(V v) {
  const hn::RebindToUnsigned<F> u32;
  const auto smallest = hn::Set(u32, 0x00800000u);
  const auto magnitude = hn::BitCast(u32, hn::Abs(v));
  // Below the smallest normal the difference wraps around to something large.
  const auto above = hn::Sub(magnitude, smallest);
  const auto fits = hn::Eq(hn::Min(above, hn::Set(u32, 0x7effffffu)), above);
  return hn::AllTrue(u32, fits);
}

void summarize(const float* x, std::size_t n, Summary& summary) {
  const F f;
  V least = hn::Set(f, summary.min);
  V most = hn::Set(f, summary.max);
  Accumulator sum(summary.sum);
  const std::size_t whole = n / kColumns * kColumns;
  for (std::size_t i = 0; i < whole; i += kColumns) {
    bool ordinary = true;
    for (std::size_t v = 0; v < kVectors; ++v) {
      ordinary = ordinary && allOrdinary(hn::LoadU(f, x + i + v * kMaxVector));
    }
    if (!ordinary) {
      sum.store(summary.sum);
      scalarKernels().summarize(x + i, kColumns, summary);
      sum = Accumulator(summary.sum);
      continue;
    }
    for (std::size_t v = 0; v < kVectors; ++v) {
      const V value = hn::LoadU(f, x + i + v * kMaxVector);
      least = hn::Min(least, value);
      most = hn::Max(most, value);
      sum.add(v, Pair(value));
    }
  }
  sum.store(summary.sum);
  summary.min = std::min(summary.min, hn::GetLane(hn::MinOfLanes(f, least)));
  summary.max = std::max(summary.max, hn::GetLane(hn::MaxOfLanes(f, most)));
  if (whole < n) scalarKernels().summarize(x + whole, n - whole, summary);
}

void addMoments(const float* x, std::size_t n, double mean, MomentLanes& moments) {
  const F f;
  const W centre = hn::Set(D(), mean);
  Accumulator second(moments.second);
  Accumulator fourth(moments.fourth);
  const std::size_t whole = n / kColumns * kColumns;
  for (std::size_t i = 0; i < whole; i += kColumns) {
    bool finite = true;
    for (std::size_t v = 0; v < kVectors; ++v) {
      finite = finite && hn::AllTrue(f, hn::IsFinite(hn::LoadU(f, x + i + v * kMaxVector)));
    }
    if (!finite) {
      second.store(moments.second);
      fourth.store(moments.fourth);
      scalarKernels().addMoments(x + i, kColumns, mean, moments);
      second = Accumulator(moments.second);
      fourth = Accumulator(moments.fourth);
      continue;
    }
    for (std::size_t v = 0; v < kVectors; ++v) {
      Pair squared(hn::LoadU(f, x + i + v * kMaxVector));
      squared.low = hn::Sub(squared.low, centre);
      squared.high = hn::Sub(squared.high, centre);
      squared.low = hn::Mul(squared.low, squared.low);
      squared.high = hn::Mul(squared.high, squared.high);
      second.add(v, squared);
      squared.low = hn::Mul(squared.low, squared.low);
      squared.high = hn::Mul(squared.high, squared.high);
      fourth.add(v, squared);
    }
  }
  second.store(moments.second);
  fourth.store(moments.fourth);
  if (whole < n) scalarKernels().addMoments(x + whole, n - whole, mean, moments);
}

/// Half a float vector's bins. A product with bins / width stands for the division; where it comes
/// near a border, `unsure` is set and the rule itself decides.
class BinFinder {
 public:
  explicit BinFinder(const BinRule& rule)
      : lo_(hn::Set(D(), rule.lo)),
        sign_(hn::Set(D(), rule.sign)),
        perUnit_(hn::Set(D(), rule.bins / rule.width)),
        last_(hn::Set(D(), rule.bins - 1)) {}

  HWY_INLINE hn::Vec<hn::Rebind<std::int32_t, D>> find(W x, bool& unsure) const {
    const D d;
    const W at = hn::Mul(hn::Sub(hn::Mul(x, sign_), lo_), perUnit_);
    const W away = hn::Abs(hn::Sub(at, hn::Round(at)));
    // Three roundings of 2^-53 of at most 2^20 bins stay far below this.
    unsure = unsure || !hn::AllTrue(d, hn::Gt(away, hn::Set(d, 1e-9)));
    const W bin = hn::Min(hn::Max(hn::Floor(at), hn::Zero(d)), last_);
    return hn::DemoteTo(hn::Rebind<std::int32_t, D>(), bin);
  }

 private:
  W lo_;
  W sign_;
  W perUnit_;
  W last_;
};

void findBins(const float* x, std::size_t n, const BinRule& rule, std::int32_t* bins) {
  const F f;
  const hn::Rebind<std::int32_t, D> half;
  const BinFinder finder(rule);
  std::size_t i = 0;
  for (; i + kMaxVector <= n; i += kMaxVector) {
    const Pair wide(hn::LoadU(f, x + i));
    bool unsure = false;
    hn::StoreU(finder.find(wide.low, unsure), half, bins + i);
    hn::StoreU(finder.find(wide.high, unsure), half, bins + i + kMaxVector / 2);
    if (unsure) scalarKernels().findBins(x + i, kMaxVector, rule, bins + i);
  }
  scalarKernels().findBins(x + i, n - i, rule, bins + i);
}

}  // namespace

float readThrough(const float* x, std::size_t n) {
  const F f;
  constexpr std::size_t kStep = 4 * kMaxVector;
  V a = hn::Zero(f), b = a, c = a, d = a;
  std::size_t i = 0;
  for (; i + kStep <= n; i += kStep) {
    a = hn::Max(a, hn::LoadU(f, x + i));
    b = hn::Max(b, hn::LoadU(f, x + i + kMaxVector));
    c = hn::Max(c, hn::LoadU(f, x + i + 2 * kMaxVector));
    d = hn::Max(d, hn::LoadU(f, x + i + 3 * kMaxVector));
  }
  float largest = hn::GetLane(hn::MaxOfLanes(f, hn::Max(hn::Max(a, b), hn::Max(c, d))));
  for (; i < n; ++i) largest = std::max(largest, x[i]);
  return largest;
}

const KernelTable& table() {
  static const KernelTable kTable{hwy::TargetName(HWY_TARGET),
                                  groupParameters,
                                  quantizeDequantize,
                                  encode,
                                  addErrors,
                                  addSquaredErrors,
                                  groupSquaredErrors,
                                  summarize,
                                  addMoments,
                                  findBins,
                                  addClipCurve,
                                  addGroupClipCurves};
  return kTable;
}

#else  // Highway's own baseline: the reference serves as well

const KernelTable& table() {
  return scalarKernels();
}

float readThrough(const float* x, std::size_t n) {
  return *std::max_element(x, x + n);
}

#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantoscope::kernels {

HWY_EXPORT(table);
HWY_EXPORT(readThrough);

float readThrough(const float* x, std::size_t n) {
  return HWY_DYNAMIC_DISPATCH(readThrough)(x, n);
}

std::vector<const KernelTable*> vectorKernels() {
  std::vector<const KernelTable*> tables;
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    const KernelTable& found = HWY_DYNAMIC_DISPATCH(table)();
    if (&found != &scalarKernels()) tables.push_back(&found);
  }
  hwy::SetSupportedTargetsForTest(0);
  return tables;  // the best first
}

}  // namespace quantoscope::kernels
#endif
