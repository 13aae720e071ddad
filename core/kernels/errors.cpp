// The kernels that add up errors, in vector form: of values that are there, and of values that
// exist only in registers.
#include <algorithm>
#include <cmath>
#include <cstdint>

#include "core/kernels/error_counts.h"
#include "core/kernels/kernels.h"

// SSSE3 has a wrong IfNegativeThenElse in Highway 1.0.3, and is too old to be worth a table.
#define HWY_DISABLED_TARGETS HWY_SSSE3

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/kernels/errors.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "core/kernels/vector_codecs-inl.h"
#include "core/kernels/vector_sums-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantoscope::kernels::HWY_NAMESPACE {
#if HWY_TARGET != HWY_SCALAR

// In vector.cpp, for the same instruction sets.
void quantizeDequantize(const Codec& codec, const BlockShape& shape, const float* w,
                        const float* scale, const float* zeroPoint, const float* decodeScale,
                        float* y);

namespace {

using M = hn::Mask<F>;

/// The columns of a row that make no full 16, with zeros behind them: their e is 0.
struct PaddedTail {
  HWY_ALIGN float w[kColumns] = {};
  HWY_ALIGN float y[kColumns] = {};

  HWY_INLINE PaddedTail(const float* wFrom, const float* yFrom, std::size_t n) {
    std::copy(wFrom, wFrom + n, w);
    std::copy(yFrom, yFrom + n, y);
  }
};

/// ErrorLanes while they grow: in registers, but for the products of spans that are complete. The
/// sums take an error when the next 16 columns have theirs: waiting for it at once would fill the
/// processor's queue with what depends on it, and keep the next columns out.
struct ErrorAccumulators {
  Accumulator squaredError, error;
  FloatAccumulator squares, products;  ///< w^2 and w e of the present span
  ErrorLanes::Lanes squaredWeight, cross;
  V peak = hn::Zero(F());  ///< the larger of each |e|, by lane
  V lateWeight[kVectors];  ///< of the last 16 columns, which are not added yet
  V lateError[kVectors];

  HWY_INLINE explicit ErrorAccumulators(const ErrorLanes& sums)
      : squaredError(sums.squaredError),
        error(sums.error),
        squaredWeight(sums.squaredWeight),
        cross(sums.cross) {
    for (V& v : lateWeight) v = hn::Zero(F());
    for (V& v : lateError) v = hn::Zero(F());
  }
  HWY_INLINE void store(ErrorLanes& sums) const {
    squaredError.store(sums.squaredError);
    error.store(sums.error);
    sums.squaredWeight = squaredWeight;
    sums.cross = cross;
  }
  /// Vector i of 16 columns with the values that its weights become.
  HWY_INLINE void add(std::size_t i, V weight, V value) {
    addLate(i);
    lateWeight[i] = weight;
    lateError[i] = hn::Sub(weight, value);
  }
  HWY_INLINE void addLate(std::size_t i) {
    const V weight = lateWeight[i];
    const V e = lateError[i];
    const Pair wide(e);
    squaredError.add(i, wide, wide);
    error.subtract(i, wide);
    squares.add(i, weight, weight);
    products.add(i, weight, e);
    peak = hn::Max(peak, hn::Abs(e));
  }
  HWY_INLINE void addLate() {
    for (std::size_t i = 0; i < kVectors; ++i) {
      addLate(i);
      lateWeight[i] = lateError[i] = hn::Zero(F());
    }
  }
  /// At the end of a span; false, and nothing done, where its products want float64.
  HWY_INLINE bool closeSpan() {
    addLate();
    if (!ErrorLanes::keptInFloat(squares.largest())) return false;
    squares.addTo(squaredWeight);
    products.addTo(cross);
    clearSpan();
    return true;
  }
  HWY_INLINE void clearSpan() {
    squares.clear();
    products.clear();
  }
  /// The present span, in float64.
  void addProducts(const float* w, const float* y, std::size_t n) {
    ErrorLanes sums;
    sums.squaredWeight = squaredWeight;
    sums.cross = cross;
    sums.addProducts(w, y, n);
    squaredWeight = sums.squaredWeight;
    cross = sums.cross;
  }
};

/// e^2 alone, as late.
struct SquareAccumulator {
  Accumulator squaredError;
  V lateError[kVectors];  ///< of the last 16 columns, which are not added yet

  HWY_INLINE explicit SquareAccumulator(const ErrorLanes::Lanes& lanes) : squaredError(lanes) {
    for (V& v : lateError) v = hn::Zero(F());
  }
  HWY_INLINE void store(ErrorLanes::Lanes& lanes) const { squaredError.store(lanes); }
  HWY_INLINE void add(std::size_t i, V weight, V value) {
    addLate(i);
    lateError[i] = hn::Sub(weight, value);
  }
  HWY_INLINE void addLate(std::size_t i) {
    const Pair e(lateError[i]);
    squaredError.add(i, e, e);
  }
  HWY_INLINE bool closeSpan() {
    for (std::size_t i = 0; i < kVectors; ++i) {
      addLate(i);
      lateError[i] = hn::Zero(F());
    }
    return true;
  }
  HWY_INLINE void clearSpan() {}
  void addProducts(const float*, const float*, std::size_t) {}
};

/// The bins of errors, in float32: sure unless one comes near a border, and then the rule decides.
class ErrorBins {
 public:
  HWY_INLINE explicit ErrorBins(const BinRule& rule)
      : rule_(&rule),
        perUnit_(hn::Set(F(), static_cast<float>(-rule.bins / rule.width))),
        middle_(hn::Set(F(), static_cast<float>(rule.bins / 2 - 0.5))),
        // Three roundings of 2^-24 of at most the number of bins stay below this.
        sure_(hn::Set(F(), 0.5f - static_cast<float>(rule.bins) * 0x1.8p-23f)),
        last_(hn::Set(hn::RebindToUnsigned<F>(), static_cast<std::uint32_t>(rule.bins) - 1)) {}

  HWY_INLINE void find(V e, std::int32_t* bins) const {
    const F f;
    const hn::RebindToUnsigned<F> u32;
    // Half a bin less, so that rounding to nearest finds the bin; the sum with 1.5 * 2^23 has it in
    // its last bits.
    const V shift = hn::Set(f, 12582912.0f);
    const V at = hn::MulAdd(e, perUnit_, middle_);
    const V shifted = hn::Add(at, shift);
    const M sure = hn::Le(hn::Abs(hn::Sub(at, hn::Sub(shifted, shift))), sure_);
    const auto bin = hn::Min(hn::Sub(hn::BitCast(u32, shifted), hn::BitCast(u32, shift)), last_);
    hn::StoreU(hn::BitCast(hn::RebindToSigned<F>(), bin), hn::RebindToSigned<F>(), bins);
    if (HWY_UNLIKELY(!hn::AllTrue(f, sure))) findExactly(*rule_, e, bins);
  }

 private:
  static HWY_NOINLINE void findExactly(const BinRule& rule, V e, std::int32_t* bins) {
    HWY_ALIGN float errors[kMaxVector];
    hn::Store(e, F(), errors);
    for (std::size_t i = 0; i < kMaxVector; ++i) bins[i] = rule.binOf(errors[i]);
  }

  const BinRule* rule_;
  V perUnit_;
  V middle_;
  V sure_;
  hn::Vec<hn::RebindToUnsigned<F>> last_;
};

/// ErrorAccumulators that also find the bins of a row, and count those of the row before.
struct CountingAccumulators {
  ErrorAccumulators sums;
  ErrorBins bins;
  ErrorCounts::Row row;

  HWY_INLINE void add(std::size_t i, V weight, V value) {
    bins.find(hn::Sub(weight, value), row.found);
    row.found += kMaxVector;
    count();
    sums.add(i, weight, value);
  }
  /// As many that wait as were found.
  HWY_INLINE void count() {
    if (row.end - row.waiting < static_cast<std::ptrdiff_t>(kMaxVector)) return;
    for (std::size_t i = 0; i < kMaxVector; i += 4) {
      ++row.tables[0][row.waiting[i]];
      ++row.tables[1][row.waiting[i + 1]];
      ++row.tables[2][row.waiting[i + 2]];
      ++row.tables[3][row.waiting[i + 3]];
    }
    row.waiting += kMaxVector;
  }
  HWY_INLINE bool closeSpan() { return sums.closeSpan(); }
};

/// Adds 16 columns whose values are stored.
template <typename Sums>
HWY_INLINE void addColumns(Sums& sums, const float* w, const float* y) {
  const F f;
  for (std::size_t i = 0; i < kVectors; ++i) {
    sums.add(i, hn::LoadU(f, w + i * kMaxVector), hn::LoadU(f, y + i * kMaxVector));
  }
}

/// Adds a span of a row, or what there is of it at the row's end.
template <typename Sums>
HWY_INLINE void addSpan(Sums& sums, const float* w, const float* y, std::size_t n) {
  const std::size_t whole = n / kColumns * kColumns;
  for (std::size_t c = 0; c < whole; c += kColumns) addColumns(sums, w + c, y + c);
  if (whole < n) {
    const PaddedTail tail(w + whole, y + whole, n - whole);
    addColumns(sums, tail.w, tail.y);
  }
  if (!sums.closeSpan()) {
    sums.clearSpan();
    sums.addProducts(w, y, n);
  }
}

template <typename Sums>
HWY_INLINE void addRow(Sums& sums, const float* w, const float* y, std::size_t cols) {
  for (std::size_t c = 0; c < cols; c += ErrorLanes::kSpan) {
    addSpan(sums, w + c, y + c, std::min(ErrorLanes::kSpan, cols - c));
  }
}

HWY_INLINE std::size_t firstColumnOf(float magnitude, const float* w, const float* y,
                                     std::size_t n) {
  for (std::size_t c = 0; c < n; ++c) {
    if (std::fabs(w[c] - y[c]) == magnitude) return c;
  }
  return 0;
}

/// Asks for the weights of the next few rows while these are worked on: callers come with pieces
/// that fit into the first cache, and between two of them the memory would stand idle. What lies
/// behind the last row is asked for in vain, which does no harm.
HWY_INLINE void fetchAhead(const float* w) {
  constexpr std::uintptr_t kBytes = 16384;
  hwy::Prefetch(reinterpret_cast<const float*>(reinterpret_cast<std::uintptr_t>(w) + kBytes));
}

/// Adds columns of a group, a multiple of 16.
template <typename Group, typename Sums>
HWY_INLINE void addGroup(const Group& group, const float* w, std::size_t n, Sums& sums) {
  const F f;
  for (std::size_t c = 0; c < n; c += kColumns) {
    for (std::size_t i = 0; i < kVectors; ++i) {
      const V weight = hn::LoadU(f, w + c + i * kMaxVector);
      fetchAhead(w + c + i * kMaxVector);
      sums.add(i, weight, group.value(weight));
    }
  }
}

/// Rows of groups on their way to sums of errors.
struct CodedRows {
  const Codec& codec;
  const BlockShape& shape;
  const float* w;
  const float* scale;
  const float* zeroPoint;
  const float* decodeScale;

  /// Whether every group is made of whole 16 columns and of vector arithmetic.
  bool aligned() const {
    return shape.groupSize % kColumns == 0 && shape.cols % kColumns == 0 && !leftToScalar(codec);
  }

  /// One row's values.
  void dequantizeRow(std::size_t r, float* y) const {
    const std::size_t group = r * shape.groupsPerRow();
    quantizeDequantize(codec, {1, shape.cols, shape.groupSize}, w + r * shape.cols, scale + group,
                       zeroPoint != nullptr ? zeroPoint + group : nullptr, decodeScale + group, y);
  }

  /// Adds a row without storing its values; false, with sums of no use, where something in it is
  /// out of the ordinary.
  template <typename CodecOfGroup, typename Sums>
  HWY_INLINE bool addRegistered(std::size_t r, CodecOfGroup codecOfGroup, Sums& sums) const {
    const float* row = w + r * shape.cols;
    std::size_t g = r * shape.groupsPerRow();
    for (std::size_t c = 0; c < shape.cols; ++g) {
      const std::size_t groupEnd = std::min(c + shape.groupSize, shape.cols);
      if (!ordinary(codec, scale[g], decodeScale[g])) return false;
      const auto group = codecOfGroup(g);
      while (c < groupEnd) {
        const std::size_t spanEnd = (c / ErrorLanes::kSpan + 1) * ErrorLanes::kSpan;
        const std::size_t end = std::min(groupEnd, spanEnd);
        addGroup(group, row + c, end - c, sums);
        c = end;
        if ((c == spanEnd || c == shape.cols) && !sums.closeSpan()) return false;
      }
    }
    return true;
  }

  /// Adds a row; `room` holds its values if the answer is true.
  template <typename CodecOfGroup, typename Sums>
  HWY_INLINE bool add(std::size_t r, CodecOfGroup codecOfGroup, float* room, Sums& sums) const {
    Sums next = sums;
    if (addRegistered(r, codecOfGroup, next)) {
      sums = next;
      return false;
    }
    dequantizeRow(r, room);
    addRow(sums, w + r * shape.cols, room, shape.cols);
    return true;
  }

  /// Calls fn with what makes the codec of a group.
  template <typename Fn>
  HWY_INLINE void withCodecs(Fn fn) const {
    if (codec.kind == CodecKind::Asymmetric) {
      fn([this](std::size_t g) HWY_ATTR {
        return IntegerCodec<true>(codec, scale[g], zeroPoint[g], decodeScale[g]);
      });
    } else if (codec.kind == CodecKind::Symmetric) {
      fn([this](std::size_t g)
             HWY_ATTR { return IntegerCodec<false>(codec, scale[g], 0, decodeScale[g]); });
    } else {
      const CodebookTables tables(*codec.codebook);
      fn([this, &tables](std::size_t g)
             HWY_ATTR { return CodebookCodec(tables, tables.levels, scale[g], decodeScale[g]); });
    }
  }
};

/// Whether the largest of a row's |e| replaces the peak; the sums begin the next row with none.
HWY_INLINE bool takePeak(ErrorAccumulators& sums, ErrorPeak& peak) {
  const F f;
  const float magnitude = hn::GetLane(hn::MaxOfLanes(f, sums.peak));
  sums.peak = hn::Zero(f);
  if (!(magnitude > peak.magnitude)) return false;
  peak.magnitude = magnitude;
  return true;
}

}  // namespace

void addErrors(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums,
               ErrorPeak& peak) {
  ErrorAccumulators accumulators(sums);
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols, y += shape.cols) {
    addRow(accumulators, w, y, shape.cols);
    if (takePeak(accumulators, peak)) {
      peak = {peak.magnitude, r, firstColumnOf(peak.magnitude, w, y, shape.cols)};
    }
  }
  accumulators.store(sums);
}

void addSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                      ErrorLanes::Lanes& lanes) {
  SquareAccumulator sum(lanes);
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols, y += shape.cols) {
    addRow(sum, w, y, shape.cols);
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

void addCodingErrors(const Codec& codec, const BlockShape& shape, const float* w,
                     const float* scale, const float* zeroPoint, const float* decodeScale,
                     float* room, ErrorLanes& sums, ErrorPeak& peak) {
  const CodedRows rows{codec, shape, w, scale, zeroPoint, decodeScale};
  if (!rows.aligned()) {
    quantizeDequantize(codec, shape, w, scale, zeroPoint, decodeScale, room);
    addErrors(shape, w, room, sums, peak);
    return;
  }
  rows.withCodecs([&](auto codecOfGroup) HWY_ATTR {
    ErrorAccumulators accumulators(sums);
    for (std::size_t r = 0; r < shape.rows; ++r) {
      const bool stored = rows.add(r, codecOfGroup, room, accumulators);
      if (!takePeak(accumulators, peak)) continue;
      if (!stored) rows.dequantizeRow(r, room);
      peak = {peak.magnitude, r,
              firstColumnOf(peak.magnitude, w + r * shape.cols, room, shape.cols)};
    }
    accumulators.store(sums);
  });
}

void addCountedErrors(const Codec& codec, const BlockShape& shape, const float* w,
                      const float* scale, const float* zeroPoint, const float* decodeScale,
                      float* room, ErrorLanes& sums, ErrorPeak& peak, ErrorCounts& counts) {
  const CodedRows rows{codec, shape, w, scale, zeroPoint, decodeScale};
  if (!rows.aligned()) {
    scalarKernels().addCountedErrors(codec, shape, w, scale, zeroPoint, decodeScale, room, sums,
                                     peak, counts);
    return;
  }
  rows.withCodecs([&](auto codecOfGroup) HWY_ATTR {
    ErrorAccumulators accumulators(sums);
    for (std::size_t r = 0; r < shape.rows; ++r) {
      const float* row = w + r * shape.cols;
      CountingAccumulators next{accumulators, ErrorBins(counts.rule()),
                                counts.beginRow(shape.cols)};
      const ErrorCounts::Row begun = next.row;
      const bool stored = !rows.addRegistered(r, codecOfGroup, next);
      if (stored) {
        rows.dequantizeRow(r, room);
        addRow(accumulators, row, room, shape.cols);
        counts.findBins(begun, row, room, shape.cols);
      } else {
        accumulators = next.sums;
      }
      const ErrorCounts::Row reached = next.row;  // a copy, so that `next` can stay in registers
      counts.endRow(reached);
      if (!takePeak(accumulators, peak)) continue;
      if (!stored) rows.dequantizeRow(r, room);
      peak = {peak.magnitude, r, firstColumnOf(peak.magnitude, row, room, shape.cols)};
    }
    accumulators.store(sums);
  });
}

void addCodingSquaredErrors(const Codec& codec, const BlockShape& shape, const float* w,
                            const float* scale, const float* zeroPoint, const float* decodeScale,
                            float* room, ErrorLanes::Lanes& lanes) {
  const CodedRows rows{codec, shape, w, scale, zeroPoint, decodeScale};
  if (!rows.aligned()) {
    quantizeDequantize(codec, shape, w, scale, zeroPoint, decodeScale, room);
    addSquaredErrors(shape, w, room, lanes);
    return;
  }
  rows.withCodecs([&](auto codecOfGroup) HWY_ATTR {
    SquareAccumulator sum(lanes);
    for (std::size_t r = 0; r < shape.rows; ++r) rows.add(r, codecOfGroup, room, sum);
    sum.store(lanes);
  });
}

#endif
}  // namespace quantoscope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
