// Tensors as ml-explore/mlx quantizes them (mlx/ops.cpp, quantize and dequantize).
//
// weight uint32 [.., out, words]: each row a stream of codes along the inputs, across words, the
// first in the low end; scales [.., out, groups]. Leading axes (experts) count rows.
//
// affine: 2, 3, 4, 5, 6 or 8 bits in groups of 32, 64 or 128; biases like scales;
// value = scale * code + bias. Shapes tell bits times the size of a group; of several choices it is
// the configuration's ("quantization" of config.json: the module's own, or those of all), else
// there must be one only. mxfp4 (E2M1) and mxfp8 (E4M3) have groups of 32 and scales uint8 that are
// E8M0, nvfp4 (E2M1) groups of 16 and scales uint8 that are E4M3.
//
// Values are computed in float32. MLX computes affine ones in the type of the scales: its product
// and its sum are each rounded to it. For float16 and bfloat16 scales these differ from ours,
// rounded once, in the last place of that type; for float32, and without biases, they do not.
#pragma once

#include "core/base/result.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Reads nothing.
Result<SharedPackedTensor> openMlx(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
