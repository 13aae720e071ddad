// Which shapes the kernels of vLLM take, for notes: an export loads without them, or not in vLLM.
#pragma once

#include <cstddef>
#include <string>

#include "core/exporting/module_schemes.h"

namespace quantoscope {

/// A quantized linear layer as a kernel sees it, on one device.
struct KernelLayer {
  std::size_t rows = 0;      ///< outputs
  std::size_t cols = 0;      ///< inputs
  long long groupSize = -1;  ///< -1: a whole row
  int bits = 4;

  static KernelLayer of(const PlannedTensor& tensor);
};

/// Groups of 32, 64, 128 or whole rows. Source: vLLM, quantization/utils/marlin_utils.py
/// (MARLIN_SUPPORTED_GROUP_SIZES).
bool marlinTakesGroups(const KernelLayer& layer);
/// Multiples of 64 outputs and of 128 inputs, and groups that divide those. Source: the same
/// (verify_marlin_supports_shape).
bool marlinTakesShape(const KernelLayer& layer);
/// Whole rows or groups of 64 or 128, multiples of 64 inputs and 128 outputs; Hopper GPUs only.
/// Source: vLLM, kernels/linear/mixed_precision/machete.py.
bool macheteTakes(const KernelLayer& layer);
/// Groups that divide the inputs, none of whole rows, and outputs that fill words; float16 only.
/// Source: vLLM, kernels/linear/mixed_precision/exllama.py.
bool exllamaTakes(const KernelLayer& layer);

/// A note where config.json says that the model computes in bfloat16: loaders then round float16
/// scales to it, or compute in float16.
void noteBfloat16(RuleBook& book, const std::string& rule);

}  // namespace quantoscope
