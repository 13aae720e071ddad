// What quantization did to a tensor, in numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/tensor/health.h"

namespace quantoscope {

/// Sums over a tensor with weights w, dequantized values y and e = float32(w - y); all in float64
/// and in a fixed order (see kernels::ErrorLanes, then blocks in order).
struct ErrorSums {
  std::uint64_t count = 0;
  double squaredError = 0;   ///< e^2
  double error = 0;          ///< y - w
  double squaredWeight = 0;  ///< w^2
  double cross = 0;          ///< w * e
  float maxAbsError = 0;
  Position maxAbsErrorAt;  ///< the first in row-major order

  /// w * y and y^2, from the sums above with y = w - e.
  double product() const { return squaredWeight - cross; }
  double squaredValue() const { return squaredWeight - 2 * cross + squaredError; }

  /// Adds the next block, whose first row is `firstRow` of the tensor.
  void add(const kernels::ErrorLanes& block, const kernels::ErrorPeak& peak, std::size_t firstRow,
           std::uint64_t elements);
  /// Adds the sums of the blocks that follow. Sums of one block each, appended in order, have the
  /// bits that `add` gives.
  void append(const ErrorSums& next);
};

/// Metrics of one tensor under one specification.
struct ErrorMetrics {
  double mse = 0;            ///< mean of e^2, in squared weight units
  double rmse = 0;           ///< square root of mse, in weight units
  double sqnrDb = 0;         ///< 10 log10(sum w^2 / sum e^2); +inf where the error is 0
  double maxAbsError = 0;    ///< in weight units
  Position maxAbsErrorAt;    ///< the first of the largest
  double meanError = 0;      ///< mean of y - w (the bias), in weight units
  double cosine = 0;         ///< of the angle between w and y; NaN where a norm is 0
  double relativeError = 0;  ///< |e| / |w| by Frobenius norm; NaN where both are 0

  static ErrorMetrics from(const ErrorSums& sums);
};

/// 10 log10(signal / noise) of two sums of squares: +inf where the noise is 0.
double decibels(double signal, double noise);

}  // namespace quantoscope
