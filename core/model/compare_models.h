// Two models, tensor against tensor.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/engine/detail.h"
#include "core/model/model_job.h"

namespace quantoscope {

/// Two tensors that stand for the same one of the model.
struct TensorPair {
  TensorInfo original;
  TensorInfo other;
};

/// What two models have in common.
struct CommonTensors {
  std::vector<TensorPair> pairs;  ///< in the order of the first model
  std::size_t alone = 0;          ///< quantizable tensors that only the first has
};

/// Pairs the quantizable tensors of two sources by the names that they have in the model: a native
/// file holds them under longer ones. Only those whose name, either of the two, matches one of
/// `globs` (see matchesGlob); no globs: all. DoesNotFit, naming both files, where there is no pair.
Result<CommonTensors> commonTensors(const TensorSource& original, const TensorSource& other,
                                    const std::vector<std::string>& globs = {});

struct CompareModelsJob {
  std::vector<TensorPair> pairs;
  TensorLoader loadOriginal;
  TensorLoader loadOther;
  long long groupSize = 128;  ///< ComparisonRequest::groupSize
  ReportSizes sizes;
};

/// Compares pair after pair, two tensors in memory at a time; takes each comparison when it is
/// known. The first error ends the work.
Status compareModels(const CompareModelsJob& job,
                     const std::function<void(const SharedComparison&)>& take,
                     const Executor& executor, const ModelControl& control = {});

}  // namespace quantoscope
