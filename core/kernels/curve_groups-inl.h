// What the searches over clip ratios share, for the sources that are compiled once for each
// instruction set.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "core/kernels/codec.h"
#include "core/kernels/vector_codecs-inl.h"

#ifndef QUANTOSCOPE_COMPRESS_TABLE
#define QUANTOSCOPE_COMPRESS_TABLE
namespace quantoscope::kernels {

/// For every mask of 8 lanes, the lanes that are set, first things first.
struct CompressTable {
  alignas(32) std::int32_t lanes[256][8] = {};

  constexpr CompressTable() {
    for (int mask = 0; mask < 256; ++mask) {
      int filled = 0;
      for (int lane = 0; lane < 8; ++lane) {
        if ((mask >> lane) & 1) lanes[mask][filled++] = lane;
      }
    }
  }
};

inline constexpr CompressTable kCompressTable;

}  // namespace quantoscope::kernels
#endif

#if defined(QUANTOSCOPE_CURVE_GROUPS_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTOSCOPE_CURVE_GROUPS_INL_H
#undef QUANTOSCOPE_CURVE_GROUPS_INL_H
#else
#define QUANTOSCOPE_CURVE_GROUPS_INL_H
#endif

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR
namespace {

using M = hn::Mask<F>;
using D = hn::Repartition<double, F>;

constexpr std::size_t kLanes = HWY_MAX_BYTES / sizeof(float);

/// Stores the lanes of v that are set in m next to each other; kLanes elements are written.
/// Highway's own Compress is slow on AVX2 with this compiler, and its CompressStore on AVX-512
/// everywhere.
HWY_INLINE void compressTo(V v, M m, float* to) {
  const F f;
#if HWY_TARGET == HWY_AVX2
  const std::int32_t* lanes = kCompressTable.lanes[hn::detail::BitsFromMask(m)];
  const auto order = hn::SetTableIndices(f, lanes);
  hn::StoreU(hn::TableLookupLanes(v, order), f, to);
#else
  hn::StoreU(hn::Compress(v, m), f, to);
#endif
}

/// Calls fn(vector) for the elements of a group, zeros behind the last.
template <typename Fn>
HWY_INLINE void forEachVector(const float* x, std::size_t n, Fn fn) {
  const F f;
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) fn(hn::LoadU(f, x + i));
  if (i == n) return;
  HWY_ALIGN float padded[kLanes] = {};
  std::copy(x + i, x + n, padded);
  fn(hn::Load(f, padded));
}

/// Entries of 16-element tables by index.
HWY_INLINE V entryOf(const float* table, hn::Vec<hn::RebindToSigned<F>> index) {
  const F f;
#if HWY_TARGET == HWY_AVX3
  return hn::TableLookupLanes(hn::Load(f, table), hn::IndicesFromVec(f, index));
#elif HWY_TARGET == HWY_AVX2
  const hn::RebindToSigned<F> i32;
  const auto inside = hn::IndicesFromVec(f, hn::And(index, hn::Set(i32, 7)));
  return hn::IfThenElse(hn::RebindMask(f, hn::Gt(index, hn::Set(i32, 7))),
                        hn::TableLookupLanes(hn::Load(f, table + 8), inside),
                        hn::TableLookupLanes(hn::Load(f, table), inside));
#else
  return hn::GatherIndex(f, table, index);
#endif
}

/// Whether squares of weights in units of this scale stay far from the ends of float32.
HWY_INLINE bool squaresHold(float scale) {
  const float magnitude = std::fabs(scale);
  return magnitude >= 1e-14f && magnitude <= 1e14f;
}

/// Whether the fast arithmetic holds for this group: the scale is ordinary, and the zero point is
/// the same at every ratio. `wmin` is the smaller of 0 and the smallest weight.
HWY_INLINE bool steady(const Codec& codec, float scale, float zeroPoint, float wmin) {
  if (!squaresHold(scale)) return false;
  if (codec.kind != CodecKind::Asymmetric) return true;
  const float exact = -wmin / scale;
  return std::fabs(std::fabs(exact - zeroPoint) - 0.5f) > 1e-4f;
}

/// The largest levels that the weights of an integer group can get, levels being equally spaced.
struct IntegerLimits {
  float scale;     ///< at ratio 1, above 0
  float negative;  ///< of a negative weight
  float positive;
};

HWY_INLINE IntegerLimits integerLimits(const Codec& codec, float scale, float zeroPoint) {
  if (codec.kind == CodecKind::Asymmetric) return {scale, zeroPoint, codec.maxCode - zeroPoint};
  // A negative scale maps positive weights to negative codes.
  if (scale < 0) return {-scale, codec.maxCode, -codec.minCode};
  return {scale, -codec.minCode, codec.maxCode};
}

}  // namespace
#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
