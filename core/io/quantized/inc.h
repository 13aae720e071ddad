// neural-compressor's raw form: words of codes along the inputs or the outputs, for weights
// [out, in]. Its "optimum" form is that of GPTQ (gptq.h).
//
// | array   | along the inputs  | along the outputs |                                           |
// |---------|-------------------|-------------------|-------------------------------------------|
// | qweight | [out, words]      | [words, in]       | 32 / bits codes in a word, the rest unused |
// | scales  | [out, groups]     | [out, groups]     | float32                                   |
// | qzeros  | [out, words]      | [words, groups]   | zero points; absent: codes are signed     |
//
// Integers, or the codes of nf4, fp4 and fp4_e2m1, which only the configuration tells apart.
//
// Source: intel/neural-compressor@9b47d09b, torch/algorithms/weight_only/modules.py
// (INCWeightOnlyLinear.pack, recover) and utility.py (the codebooks).
#pragma once

#include <optional>
#include <string>

#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// QuantizedFormat::describe.
std::optional<std::string> describeInc(const Siblings& siblings);

/// QuantizedFormat::open. Needs a configuration with "bits" and, unless there are zero points,
/// "dtype": "int", "nf4", "fp4" or "fp4_e2m1"; takes "group_size" and "in_features" where shapes
/// leave a choice.
Result<SharedPackedTensor> openInc(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
