// The errors that a clip search adds up, for the sources of quant.
#pragma once

#include <vector>

#include "core/kernels/half_arithmetic.h"

namespace quantoscope {

/// What a search hands to kernels that add up float32(w - y): weights and values as they are in
/// float32; in another arithmetic the errors rounded to it, beside zeros, since the reference
/// subtracts two tensors of that type before it squares. One thread each.
class SearchErrors {
 public:
  struct Operands {
    const float* w;
    const float* y;
  };

  /// Of n weights and their values; valid until the next call.
  Operands of(Arithmetic arithmetic, const float* w, const float* y, std::size_t n) {
    if (arithmetic == Arithmetic::Float32) return {w, y};
    errors_.resize(n);
    if (zeros_.size() < n) zeros_.resize(n);
    for (std::size_t i = 0; i < n; ++i) {
      errors_[i] = kernels::roundedTo(arithmetic, w[i] - y[i]);
    }
    return {errors_.data(), zeros_.data()};
  }

  std::size_t bytes() const { return (errors_.capacity() + zeros_.capacity()) * sizeof(float); }

 private:
  std::vector<float> errors_;
  std::vector<float> zeros_;
};

}  // namespace quantoscope
