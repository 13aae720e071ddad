#include "core/model/model_job.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "core/io/model/completeness.h"
#include "core/io/quantized/quantized_container.h"

namespace quantoscope {

namespace {

constexpr const char* kPartialHint = "--partial on the command line writes what there is";

}  // namespace

ModelJob ModelJob::of(const SharedSource& source, const QuantSpec& spec, Orientation orientation) {
  ModelJob job;
  job.file = source->path();
  job.source = source;
  std::copy_if(source->tensors().begin(), source->tensors().end(), std::back_inserter(job.tensors),
               [](const TensorInfo& info) { return info.quantizable; });
  job.plan.sourceFile = job.file;
  job.plan.defaultSpec = spec;
  job.load = [source, orientation](const TensorInfo& info,
                                   const TaskControl& control) -> Result<SharedTensor> {
    auto tensor = source->load(info, orientation, control);
    if (!tensor) return tensor.error();
    return std::make_shared<const WeightTensor>(std::move(*tensor));
  };
  return job;
}

std::size_t countQuantized(const TensorSource& source) {
  const auto& tensors = source.tensors();
  const auto isLeftOut = [](const TensorInfo& info) {
    return info.reason.starts_with(kAlreadyQuantized) &&
           info.reason.find(kDecodedAs) == std::string::npos;
  };
  return static_cast<std::size_t>(std::count_if(tensors.begin(), tensors.end(), isLeftOut));
}

Result<std::vector<TensorInfo>> chooseTensors(const TensorSource& source,
                                              const std::vector<std::string>& names) {
  std::vector<TensorInfo> chosen;
  for (const std::string& name : names) {
    auto info = findTensor(source, name);
    if (!info) return info.error();
    for (const TensorInfo& earlier : chosen) {
      if (earlier.name == info->name) {
        return Error{ErrorCode::InvalidArgument, name + ": named twice"};
      }
    }
    chosen.push_back(std::move(*info));
  }
  if (!names.empty()) return chosen;
  std::copy_if(source.tensors().begin(), source.tensors().end(), std::back_inserter(chosen),
               [](const TensorInfo& info) { return info.quantizable; });
  if (!chosen.empty()) return chosen;
  const std::string why = countQuantized(source) == 0 ? "" : ": " + source.format();
  return Error{ErrorCode::DoesNotFit, source.path() + ": nothing in it can be quantized" + why};
}

Status proveWhole(const TensorSource& source, Gaps gaps, const TaskControl& control) {
  const Completeness found = completenessOf(source.tensors());
  if (gaps == Gaps::Refused && !found.isComplete()) {
    return Error{ErrorCode::UnreadableFile,
                 source.path() + ": is incomplete: " + found.line() + "; " + kPartialHint};
  }
  return source.verify(control);
}

TaskControl controlOf(const ModelControl& control, const ModelJob& job, std::size_t index) {
  TaskControl handed{control.cancel, {}};
  if (control.progressOf) {
    handed.progress = control.progressOf(job.tensors[index], index, job.tensors.size());
  }
  return handed;
}

}  // namespace quantoscope
