// Configuration for Intel neural-compressor's RTN algorithm.
#pragma once

#include "core/base/json.h"
#include "core/exporting/export_format.h"

namespace quantoscope {

/// The row of the table. The file is neuralCompressorConfig() as text.
ExportFormat neuralCompressorFormat();

/// `{"rtn": {"global": {...}, "local": {"^module$": {...}}}}` in the form that
/// neural-compressor 3.x reads (fields of RTNConfig). Local keys are anchored, escaped patterns of
/// module names: the tensor's name with dots for slashes and without a last `weight`. Only tensors
/// whose spec differs from the default get one.
Json neuralCompressorConfig(const ModelHeader& header);

/// What that cannot express: RTNConfig has no clip ratio; a search per tensor becomes
/// use_mse_search.
Findings neuralCompressorFindings(const ModelHeader& header);

}  // namespace quantoscope
