// Tensors as bitsandbytes-foundation/bitsandbytes writes them (functional.py, QuantState.as_dict).
//
// 4 bits, nf4 and fp4: X of any type, [n, 1], whose bytes are two codes each, the high half first,
// of all weights row after row; X.absmax, a scale for each run of `blocksize` weights, which cross
// the ends of rows; X.quant_map, 16 levels; X.quant_state.bitsandbytes__nf4 (or __fp4), uint8 that
// are JSON: blocksize, dtype, shape. Nested: absmax is uint8, and scales are X.nested_quant_map
// [256] of it times X.nested_absmax, one for nested_blocksize of them, plus nested_offset, each
// step rounded to float32. value = level * scale in float32, rounded to `dtype` by bitsandbytes.
//
// 8 bits: int8 [out, in], SCB [out]. value = code * (SCB / 127) in float32; bitsandbytes computes
// code * SCB * (1 / 127), which may differ in the last place. Rows that are stored in another order
// (weight_format other than 0) are not decoded.
#pragma once

#include "core/base/result.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Reads the description, 64 KB at most.
Result<SharedPackedTensor> openBitsAndBytes4(const Siblings& siblings,
                                             const PackingContext& context);

/// Reads weight_format.
Result<SharedPackedTensor> openBitsAndBytes8(const Siblings& siblings,
                                             const PackingContext& context);

}  // namespace quantoscope
