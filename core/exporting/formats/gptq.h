// GPTQ checkpoints, as GPTQModel, AutoGPTQ, transformers and vLLM read them.
//
// A folder. Each quantized module has qweight int32 [in * bits / 32, out], packed along the inputs;
// qzeros int32 [groups, out * bits / 32], packed along the outputs; scales float16 [groups, out];
// g_idx int32 [in], the group of each input. value = (code - zero) * scale; symmetric codes are
// stored with zeros of 2^(bits-1). config.json and quantize_config.json tell bits, groups and
// scheme, and in `dynamic` the modules that differ or stay in float.
// Sources: GPTQModel, nn_modules/qlinear/__init__.py, utils/planar_packing.py, models/loader.py;
// AutoGPTQ, nn_modules/qlinear/qlinear_cuda.py; vLLM, quantization/auto_gptq.py,
// quantization/utils/gptq_utils.py; optimum, gptq/quantizer.py.
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

enum class GptqVersion {
  V1,      ///< "gptq": words are dense, zeros are stored less one; int4 and int8 sym
  V2,      ///< "gptq_v2": words are dense, zeros as they are; 2, 3, 4 and 8 bits
  Planar,  ///< "gptq_p": words are planar, zeros as they are; 2 to 8 bits
};

/// The rows of the table.
ExportFormat gptqFormat();
ExportFormat gptqV2Format();
ExportFormat gptqPlanarFormat();

/// How a version is laid out. The packing is right for more than the row's check admits: zeros of
/// V1 wrap in their own field.
const StateDictFormat& gptqLayout(GptqVersion version);

}  // namespace quantoscope
