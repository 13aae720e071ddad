#include "core/model/compare_models.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"

namespace quantoscope {

namespace {

/// The name that the tensor has in the model.
const std::string& modelName(const TensorInfo& info) {
  return info.sourceName.empty() ? info.name : info.sourceName;
}

bool wanted(const TensorInfo& info, const std::vector<std::string>& globs) {
  return globs.empty() || std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
           return matchesGlob(glob, info.name) || matchesGlob(glob, modelName(info));
         });
}

/// The tensor of `other` that stands for the same one of the model; null where it has none.
const TensorInfo* counterpart(const TensorSource& other, const TensorInfo& info) {
  const auto& all = other.tensors();
  const auto found = std::find_if(all.begin(), all.end(), [&](const TensorInfo& candidate) {
    return candidate.quantizable && modelName(candidate) == modelName(info);
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

Result<CommonTensors> commonTensors(const TensorSource& original, const TensorSource& other,
                                    const std::vector<std::string>& globs) {
  CommonTensors common;
  for (const TensorInfo& info : original.tensors()) {
    if (!info.quantizable || !wanted(info, globs)) continue;
    if (const TensorInfo* match = counterpart(other, info)) {
      common.pairs.push_back({info, *match});
    } else {
      ++common.alone;
    }
  }
  if (!common.pairs.empty()) return common;
  return Error{ErrorCode::DoesNotFit,
               original.path() + " and " + other.path() + ": no tensor name in common"};
}

Status compareModels(const CompareModelsJob& job,
                     const std::function<void(const SharedComparison&)>& take,
                     const Executor& executor, const ModelControl& control) {
  for (std::size_t i = 0; i < job.pairs.size(); ++i) {
    const TensorPair& pair = job.pairs[i];
    TaskControl handed{control.cancel, {}};
    if (control.progressOf) {
      handed.progress = control.progressOf(pair.original, i, job.pairs.size());
    }
    const auto original = job.loadOriginal(pair.original, handed);
    if (!original) return original.error();
    const auto other = job.loadOther(pair.other, handed);
    if (!other) return other.error();
    ComparisonRequest request;
    request.original = *original;
    request.other = *other;
    request.groupSize = job.groupSize;
    request.sizes = job.sizes;
    const auto comparison = compareTensors(request, executor, handed);
    if (!comparison) return comparison.error();
    take(*comparison);
  }
  return ok();
}

}  // namespace quantoscope
