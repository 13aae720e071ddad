#include <algorithm>

#include "core/kernels/kernels.h"

namespace quantoscope::kernels {

namespace {

/// One run of columns; importance and lanes begin with its first.
void add(const float* w, const float* y, const float* importance, std::size_t length,
         ErrorLanes::Lanes& lanes) {
  for (std::size_t i = 0; i < length; ++i) {
    const double e = w[i] - y[i];  // the difference is rounded to float32 first
    lanes[i % ErrorLanes::kLanes] += importance[i] * (e * e);
  }
}

}  // namespace

double weightedSquaredError(const BlockShape& shape, const float* w, const float* y,
                            const float* importance) {
  ErrorLanes::Lanes lanes{};
  for (std::size_t r = 0; r < shape.rows; ++r) {
    add(w + r * shape.cols, y + r * shape.cols, importance, shape.cols, lanes);
  }
  return ErrorLanes::total(lanes);
}

void weightedGroupSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                                const float* importance, double* squaredError) {
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize) {
      const std::size_t at = r * shape.cols + begin;
      ErrorLanes::Lanes lanes{};
      add(w + at, y + at, importance + begin, std::min(shape.groupSize, shape.cols - begin), lanes);
      *squaredError++ = ErrorLanes::total(lanes);
    }
  }
}

}  // namespace quantoscope::kernels
