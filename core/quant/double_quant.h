// Quantization of the scales.
#pragma once

#include <span>
#include <vector>

#include "core/quant/quant_spec.h"

namespace quantoscope {

/// The scales of a whole tensor, row-major, quantized and dequantized as one vector in groups of
/// `doubleQuant.groupSize`. Scheme asym takes the mean away first and adds it again; the mean is
/// the float64 mean rounded to float32 (the reference's last bits depend on its build). In another
/// arithmetic, which is that of the scales, each operation and the mean are rounded to it.
std::vector<float> doubleQuantized(std::span<const float> scales, const DoubleQuant& doubleQuant,
                                   Arithmetic arithmetic = Arithmetic::Float32);

}  // namespace quantoscope
