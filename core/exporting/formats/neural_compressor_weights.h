// Weights for neural-compressor's weight-only loader, in its layout "huggingface".
//
// A folder of safetensors, config.json and quantize_config.json with one number format, bits, group
// size and scheme for all modules. A module is quantized if it has a qweight.
// Integers ("optimum" form): qweight int32 [ceil(in / n), out], n = 32 / bits codes a word along
// the inputs, the rest of a word unused; qzeros int32 [groups, ceil(out / n)] of zeros less one,
// each in its own field; scales float16 [groups, out]; symmetric codes with zeros of 2^(bits-1).
// nf4, fp4, fp4_e2m1 (raw form): qweight int32 [out, ceil(in / 8)], the codes of
// core/quant/number_formats.h in two's complement; scales float32 [out, groups].
// The last group of a row may be short in both. Where words and groups do not tell the number of
// inputs, "in_features" does, which neural-compressor takes from the model and does not read.
// "quant_method" is "rtn": other loaders, which would
// take "gptq" for another layout, refuse that, and neural-compressor's own do not ask or know it.
// Sources: neural-compressor 3.9, torch/algorithms/weight_only/modules.py (INCWeightOnlyLinear),
// save_load.py (WOQModelLoader, change_config_to_hf_format), transformers/models/modeling_auto.py.
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

/// The row of the table.
ExportFormat neuralCompressorWeightsFormat();

/// How it is laid out: integers of 1 to 8 bits, and the formats of 4 bits above.
const StateDictFormat& neuralCompressorLayout();

}  // namespace quantoscope
