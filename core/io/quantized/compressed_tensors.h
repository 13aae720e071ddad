// Tensors as vllm-project/compressed-tensors writes them.
//
// pack-quantized: weight_packed int32 [out, words] of codes + 2^(bits - 1) along the inputs;
// weight_scale [out, groups], [out, 1] or of one element; weight_shape [2]; where it is asymmetric
// weight_zero_point, int32 [words, groups] of zero points + 2^(bits - 1) packed along the outputs,
// or one int8 for each scale; with activation order weight_g_idx [in], which counts unless a -1 is
// among them. Since 0.17 codes cross words; until 0.16 each word held whole ones, which for 3, 5, 6
// and 7 bits is another layout. Bits and layout are those that the shapes fit; of several, those of
// the configuration's bits; and whole codes a word only where the bits that they leave are 0.
//
// int-quantized and naive-quantized: weight int8 [out, in], scales likewise, zero points int8.
//
// nvfp4- and mxfp4-pack-quantized: see packed_fp4.h. value = (code - zero) * scale in float32,
// which compressed-tensors rounds to the type of the scales.
#pragma once

#include "core/base/result.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Of a weight_packed. Reads its shape and its order, and rows where shapes do not tell its layout.
Result<SharedPackedTensor> openCompressed(const Siblings& siblings, const PackingContext& context);

/// Of an int8 weight. Reads its order.
Result<SharedPackedTensor> openCompressedBytes(const Siblings& siblings,
                                               const PackingContext& context);

}  // namespace quantoscope
