// Configuration for Intel neural-compressor's RTN algorithm.
#pragma once

#include "core/base/json.h"
#include "core/exporting/export_format.h"

namespace quantoscope {

/// The row of the table. The file is neuralCompressorConfig() as text.
ExportFormat neuralCompressorFormat();

/// `{"rtn": {"global": {...}, "local": {"^module$": {...}}}, "global": {...}, "local": {...}}` in
/// the form that neural-compressor 3.x reads (fields of RTNConfig). What json.load() reads of it
/// works with each entry point that takes a dict: quantize(model, d) looks into "rtn",
/// RTNConfig.from_dict at "global" and "local" (and makes the defaults of all else without a word),
/// also when it is given d["rtn"]. RTNConfig.from_json_file() takes none of that: it wants
/// {"config_dict": ...} alone, and says so. Source: common/base_config.py
/// (ComposableConfig.from_dict, BaseConfig.from_dict, from_json_file). Local keys are anchored,
/// escaped patterns of module names: the tensor's name with dots for slashes and without a last
/// `weight` or `kernel`. Only tensors whose spec differs from the default get one.
Json neuralCompressorConfig(const ModelHeader& header);

/// What that cannot express: RTNConfig has no clip ratio; a search per tensor becomes
/// use_mse_search.
Findings neuralCompressorFindings(const ModelHeader& header);

}  // namespace quantoscope
