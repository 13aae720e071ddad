// What a quantized tensor weighs.
#pragma once

#include <cstdint>

#include "core/quant/quant_spec.h"

namespace quantoscope {

/// Bits by what they hold. Codes take `bits` each, a scale what the row of its format says
/// (NumberFormat::scaleBits), a zero point `bits`. With double quantization a scale takes
/// `double_quant_bits`, and each of its groups one float32 scale; scheme asym adds one float32 mean
/// a tensor. A format may store something once a tensor (NumberFormat::tensorBits); a user's own
/// codebook stores its float32 levels. A tail group costs as much as a whole one.
struct StorageCost {
  std::uint64_t weights = 0;  ///< how many
  std::uint64_t codeBits = 0;
  std::uint64_t scaleBits = 0;
  std::uint64_t zeroPointBits = 0;
  std::uint64_t doubleQuantBits = 0;  ///< the second level's own scales and mean
  std::uint64_t tensorBits = 0;       ///< once a tensor: a scale, a codebook's levels

  std::uint64_t totalBits() const {
    return codeBits + scaleBits + zeroPointBits + doubleQuantBits + tensorBits;
  }
  double bitsPerWeight() const {
    return weights == 0 ? 0 : static_cast<double>(totalBits()) / static_cast<double>(weights);
  }
  std::uint64_t bytes() const { return (totalBits() + 7) / 8; }
};

StorageCost storageCostOf(const QuantSpec& spec, std::size_t rows, std::size_t cols);

}  // namespace quantoscope
