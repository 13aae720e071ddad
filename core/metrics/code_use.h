// Which codes a quantized tensor uses, and what clipping costs it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/tensor/group_layout.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Parameters of consecutive groups, before double quantization.
struct CodedScales {
  const float* scale = nullptr;
  const float* zeroPoint = nullptr;  ///< null for formats without
};

/// What a tensor's codes were found with: a format and the parameters of every group.
struct CodedGroups {
  Codec codec;
  int bits = 4;  ///< of one code
  /// Those of the groups of rows [firstRow, firstRow + weights.rows), row-major. Called from
  /// several threads at once, more than once for each row; valid until the same thread asks again.
  std::function<CodedScales(std::size_t firstRow, MatrixView weights)> of;
};

/// The scaled weights t = w / scale (float32, rounded) of a group that are clipped: t <= low or
/// t >= high. For integers these are exactly the t whose code round(t) + zero point, before it is
/// clamped, lies outside [minCode, maxCode]; so a code that rounds to the end of the range is not
/// clipped, and at clip ratio 1 a tie at the zero point may be. For a codebook they are the t
/// beyond its first or last level by more than 2^-22 of that level: the scale is rounded to
/// float32, and without the margin the largest weight of an unclipped group might count.
/// A NaN t (an all-zero group under a codebook) is not clipped. In an arithmetic of 16 bits it is
/// what t is rounded to that counts, with a margin of four roundings of it; low and high are those
/// of the float32 t all the same.
struct ClipLimits {
  float low = 0;
  float high = 0;

  bool clipped(float t) const { return t <= low || t >= high; }
  static ClipLimits of(const Codec& codec, float zeroPoint);
};

/// The part of a tensor's squared error that falls on clipped elements, and the rest.
struct ErrorSplit {
  std::uint64_t weights = 0;
  std::uint64_t clipped = 0;  ///< how many elements
  double clipping = 0;        ///< sum of e^2 over clipped elements
  double rounding = 0;        ///< sum of e^2 over the others

  double clippedShare() const;
  void add(const ErrorSplit& next);
};

/// Splits the errors of a block; both sums are ErrorLanes sums like the total's. Where nothing is
/// clipped `rounding` is the total, bit for bit; else clipping + rounding equals it within 2^-35
/// relative up to 2^32 weights (each sum has at most 2^17 roundings one after another).
/// `errors` are float32(w - y); scale and zeroPoint are the block's.
ErrorSplit splitErrors(const Codec& codec, const kernels::BlockShape& shape, const float* weights,
                       const float* errors, const float* scale, const float* zeroPoint);

/// The errors of clipped weights, and 0 in the place of all others; arguments as splitErrors.
void clippedErrors(const Codec& codec, const kernels::BlockShape& shape, const float* weights,
                   const float* errors, const float* scale, const float* zeroPoint, float* clipped);

/// How often each code is used, ascending by what it decodes to (before a zero point).
struct CodeUse {
  struct Code {
    int code = 0;      ///< as written to a file
    double level = 0;  ///< the code itself, or the codebook's level
    std::uint64_t count = 0;
  };

  std::vector<Code> codes;
  std::uint64_t unused = 0;  ///< codes with count 0
  double entropyBits = 0;    ///< -sum p log2 p over the codes, bits a weight
  int bits = 0;              ///< that a code takes: what entropy coding could at most save from
};

/// Counts codes; integers, so that counters may be merged in any order.
class CodeCounter {
 public:
  explicit CodeCounter(const Codec& codec);

  /// Codes as kernels::KernelTable::encode gives them.
  void add(std::span<const std::int32_t> codes);
  void merge(const CodeCounter& other);
  CodeUse use(int bits) const;

 private:
  std::vector<CodeUse::Code> codes_;
  int lowest_ = 0;
  std::vector<std::uint64_t> counts_;  ///< by code - lowest
};

}  // namespace quantoscope
