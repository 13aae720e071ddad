// The hot loops, as a table of functions: one table for each instruction set, all with the same
// contract and the same bits as the scalar reference.
//
// Every function works on one block of rows, row-major, and allocates nothing. Arrays of group
// parameters are [rows, groupsPerRow] of the block. Float32 arithmetic is IEEE, one rounding per
// operation in the written order, round half to even, nothing contracted. Inputs are finite.
// Thread-safe: no function keeps state.
#pragma once

#include <array>
#include <cstdint>

#include "core/kernels/codec.h"

namespace quantoscope::kernels {

/// Sums that a pass over weights w and their dequantized values y adds up, with e = float32(w - y).
/// Each sum has 16 float64 lanes; the element in column c adds to lane c % 16, row after row, and
/// `total` folds the lanes as a binary tree. So any vector width up to 16 gives the same bits.
struct ErrorLanes {
  static constexpr std::size_t kLanes = 16;
  using Lanes = std::array<double, kLanes>;

  Lanes squaredError{};   ///< e^2, exact in float64
  Lanes error{};          ///< y - w, as -(double)e
  Lanes squaredWeight{};  ///< w^2
  Lanes squaredValue{};   ///< y^2
  Lanes product{};        ///< w * y

  static double total(Lanes lanes);
};

/// The largest |e| of a block and where it is: the first in row-major order.
struct ErrorPeak {
  float magnitude = -1;  ///< -1 while nothing was seen
  std::size_t row = 0;
  std::size_t col = 0;
};

struct KernelTable {
  const char* name;

  /// Scale (and zero point, for a codec that has one) of each group, at clip ratio
  /// float32(ratios[i]) for group i; one ratio serves all if `ratioStride` is 0 (else 1).
  /// `zeroPoint` may be null for codecs without.
  void (*groupParameters)(const Codec& codec, const BlockShape& shape, const float* w,
                          const double* ratios, std::size_t ratioStride, float* scale,
                          float* zeroPoint);

  /// The dequantized values: codes are found with `scale` and multiplied by `decodeScale` (the
  /// same array, unless scales are quantized themselves). y may be w.
  void (*quantizeDequantize)(const Codec& codec, const BlockShape& shape, const float* w,
                             const float* scale, const float* zeroPoint, const float* decodeScale,
                             float* y);

  /// The integer codes: clamped integers, or the published code of a codebook's level.
  void (*encode)(const Codec& codec, const BlockShape& shape, const float* w, const float* scale,
                 const float* zeroPoint, std::int32_t* codes);

  /// Adds a block to the sums.
  void (*addErrors)(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums);

  /// ErrorLanes' sum of e^2 of the block alone, the same bits as addErrors gives on fresh sums.
  double (*squaredError)(const BlockShape& shape, const float* w, const float* y);

  /// sum of e^2 of each group, as an ErrorLanes sum of its own (lane = column in group % 16).
  void (*groupSquaredErrors)(const BlockShape& shape, const float* w, const float* y,
                             double* squaredError);

  /// The block's largest |e|; `peak` is replaced only by something larger.
  void (*findPeak)(const BlockShape& shape, const float* w, const float* y, ErrorPeak& peak);
};

/// The plain reference: the truth that other tables are held to.
const KernelTable& scalarKernels();

/// The table that this process uses.
const KernelTable& activeKernels();

/// The code that a scaled value gets in a codebook: the number of thresholds below `t`; a NaN gets
/// the level 0's index.
std::size_t codebookIndex(const Codebook& codebook, float t);

}  // namespace quantoscope::kernels
