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

#include "core/kernels/vector_codecs-inl.h"
#include "core/kernels/vector_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// In clip_curve.cpp, for the same instruction sets.
double addClipCurve(const Codec& codec, const BlockShape& shape, const float* w,
                    const CurvePlan& plan, CurveScratch& scratch, double* squaredError);
void addGroupClipCurves(const Codec& codec, const BlockShape& shape, const float* w,
                        const CurvePlan& plan, CurveScratch& scratch, double* squaredError,
                        double* energy);

// In group_choice.cpp.
double chooseGroupRatios(const Codec& codec, const BlockShape& shape, const float* w,
                         const CurvePlan& plan, CurveScratch& scratch, std::uint32_t* chosen,
                         double* squaredError);

// In errors.cpp.
void addErrors(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums,
               ErrorPeak& peak);
void addSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                      ErrorLanes::Lanes& lanes);
void groupSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                        double* squaredError);
void addCodingErrors(const Codec& codec, const BlockShape& shape, const float* w,
                     const float* scale, const float* zeroPoint, const float* decodeScale,
                     float* room, ErrorLanes& sums, ErrorPeak& peak);
void addCountedErrors(const Codec& codec, const BlockShape& shape, const float* w,
                      const float* scale, const float* zeroPoint, const float* decodeScale,
                      float* room, ErrorLanes& sums, ErrorPeak& peak, ErrorCounts& counts);
void addCodingSquaredErrors(const Codec& codec, const BlockShape& shape, const float* w,
                            const float* scale, const float* zeroPoint, const float* decodeScale,
                            float* room, ErrorLanes::Lanes& lanes);

namespace {

void groupParameters(const Codec& codec, const BlockShape& shape, const float* w,
                     const double* ratios, std::size_t ratioStride, float* scale,
                     float* zeroPoint) {
  if (codec.extended) {
    scalarKernels().groupParameters(codec, shape, w, ratios, ratioStride, scale, zeroPoint);
    return;
  }
  findGroupParameters(codec, shape, w, ratios, ratioStride, scale, zeroPoint, nullptr);
}

void groupExtremes(const BlockShape& shape, const float* w, float* least, float* most) {
  const std::size_t lanes = hn::Lanes(F());
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) HWY_ATTR {
    const Extremes x =
        length >= lanes ? extremesOf(w + offset, length) : scalarExtremesOf(w + offset, length);
    least[g] = x.min;
    most[g] = x.max;
  });
}

void parametersOfExtremes(const Codec& codec, std::size_t groups, const float* least,
                          const float* most, double ratio, float* scale, float* zeroPoint) {
  const F f;
  const std::size_t lanes = hn::Lanes(f);
  std::size_t g = 0;
  if (!codec.extended) {
    const V vectorRatio = hn::Set(f, static_cast<float>(ratio));
    for (; g + lanes <= groups; g += lanes) {
      const GroupVectors found =
          parametersOf(codec, hn::LoadU(f, least + g), hn::LoadU(f, most + g), vectorRatio);
      hn::StoreU(found.scale, f, scale + g);
      if (zeroPoint != nullptr) hn::StoreU(found.zeroPoint, f, zeroPoint + g);
    }
  }
  scalarKernels().parametersOfExtremes(codec, groups - g, least + g, most + g, ratio, scale + g,
                                       zeroPoint != nullptr ? zeroPoint + g : nullptr);
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

}  // namespace

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

namespace {

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
                                  groupExtremes,
                                  parametersOfExtremes,
                                  quantizeDequantize,
                                  encode,
                                  addErrors,
                                  addSquaredErrors,
                                  groupSquaredErrors,
                                  addCodingErrors,
                                  addCountedErrors,
                                  addCodingSquaredErrors,
                                  summarize,
                                  addMoments,
                                  findBins,
                                  addClipCurve,
                                  addGroupClipCurves,
                                  chooseGroupRatios};
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
