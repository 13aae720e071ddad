// Configuration for Intel neural-compressor's RTN algorithm.
#pragma once

#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/quant/tuning_plan.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// What a format cannot express, for people: one line each.
struct ExportNotes {
  std::vector<std::string> lines;
};

/// `{"rtn": {"global": {...}, "local": {"^module$": {...}}}}` in the form that
/// neural-compressor 3.x reads (fields of RTNConfig). Local keys are anchored, escaped patterns of
/// module names: the tensor's name with dots for slashes and without a last `weight`. Only tensors
/// whose spec differs from the default get one. RTNConfig has no clip ratio: a search per tensor
/// becomes use_mse_search, anything else is told in `notes`.
Json neuralCompressorConfig(const TuningPlan& plan, const std::vector<TensorInfo>& tensors,
                            ExportNotes& notes);

}  // namespace quantoscope
