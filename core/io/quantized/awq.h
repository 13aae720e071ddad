// AWQ's layout for GEMM: words of eight 4-bit codes along the outputs.
//
// | array   | shape            |                                                         |
// |---------|------------------|---------------------------------------------------------|
// | qweight | [in, out / 8]    | bits 4 i of word c: output 8 c + {0,2,4,6,1,3,5,7}[i]   |
// | qzeros  | [groups, out / 8]| zero points in the same order, as they are              |
// | scales  | [groups, out]    | value = (code - zero point) * scale                     |
//
// Source: casper-hansen/AutoAWQ@88e4c76b, awq/modules/linear/gemm.py, awq/utils/packing_utils.py.
#pragma once

#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// QuantizedFormat::open.
Result<SharedPackedTensor> openAwq(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
