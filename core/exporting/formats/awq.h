// AWQ checkpoints in the GEMM version, as AutoAWQ, transformers and vLLM read them.
//
// A folder. Each quantized module has qweight int32 [in, out / 8], where nibble i of word c is
// output 8 * c + {0, 2, 4, 6, 1, 3, 5, 7}[i]; qzeros int32 [groups, out / 8], packed alike; scales
// float16 [groups, out]. value = (code - zero) * scale; symmetric codes are stored with zeros of 8.
// Sources: AutoAWQ, awq/modules/linear/gemm.py, awq/utils/packing_utils.py; vLLM,
// quantization/auto_awq.py; transformers, integrations/awq.py.
#pragma once

#include "core/exporting/export_format.h"
#include "core/exporting/state_dict.h"

namespace quantoscope {

/// The row of the table.
ExportFormat awqFormat();

/// How it is laid out: 4 bits, rows a multiple of 8.
const StateDictFormat& awqLayout();

}  // namespace quantoscope
