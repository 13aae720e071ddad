// Two codes of E2M1 a byte, the low half first, with scales of blocks: NVFP4 and MXFP4.
//
// NVFP4: blocks of 16 with scales of float8_e4m3fn, and one float32 for the tensor that scales are
// divided by (compressed-tensors: weight_global_scale; vllm-project/compressed-tensors,
// compressors/nvfp4) or multiplied by (NVIDIA's Model Optimizer: weight_scale_2;
// NVFP4QTensor.dequantize). That is done first, and rounded to float32. MXFP4: blocks of 32 with
// scales of E8M0.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// weight_packed uint8 [out, in / 2] of compressed-tensors, with weight_scale [out, in / block].
/// Reads nothing.
Result<SharedPackedTensor> openCompressedFp4(const Siblings& siblings);

/// X uint8 [out, in / 2], X_scale float8 [out, in / 16], X_scale_2 float32 of one element, as
/// NVIDIA's Model Optimizer has them.
Result<SharedPackedTensor> openNvfp4(const Siblings& siblings, const PackingContext& context);

/// X_blocks uint8 [.., out, groups, 16], X_scales uint8 [.., out, groups], as the gpt-oss models
/// have them: X, of the experts' rows one below the other. (transformers turns each expert over,
/// to [in, out], when it loads them: integrations/mxfp4.py, convert_moe_packed_tensors.)
Result<SharedPackedTensor> openGptOss(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
