// GPTQ's layout: words of codes along the inputs, below each other for an output.
//
// | array   | shape            |                                                             |
// |---------|------------------|-------------------------------------------------------------|
// | qweight | [words, out]     | codes along the inputs: dense, planar, or in whole words    |
// | qzeros  | [groups, words]  | zero points along the outputs; v1: less one, in their bits  |
// | scales  | [groups, out]    | value = (code - zero point) * scale                         |
// | g_idx   | [in]             | the group of each input; absent: runs of the size of groups |
//
// Whose they are: AutoGPTQ and GPTQModel (`gptq` v1, `gptq_v2`, `gptq_p` planar, 5 to 7 bits
// always so), auto-round (without g_idx, zero points as in v2), neural-compressor's "optimum" form
// (whole words, without g_idx, zero points as in v1).
//
// Sources: ModelCloud/GPTQModel@f4c327a1, nn_modules/qlinear/__init__.py, utils/model.py,
// utils/planar_packing.py; AutoGPTQ/AutoGPTQ@9f7d3707, nn_modules/qlinear/qlinear_cuda_old.py;
// intel/auto-round@b9f3d007, auto_round_extension/torch/qlinear_torch.py;
// intel/neural-compressor@9b47d09b, torch/algorithms/weight_only/modules.py.
#pragma once

#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// QuantizedFormat::open. Bits and inputs are what all shapes agree on; where more than one would
/// do, what the configuration says. Whether zero points are stored less one is what the
/// configuration says ("checkpoint_format", "format", "packing_format"); without it what they all
/// show, if each is the middle of the codes or one less; else that they are, and `detail` says that
/// nothing told so.
Result<SharedPackedTensor> openGptq(const Siblings& siblings, const PackingContext& context);

}  // namespace quantoscope
