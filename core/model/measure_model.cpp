#include "core/model/measure_model.h"

#include <utility>

namespace quantoscope {

namespace {

bool isCancelled(const Error& error) {
  return error.code == ErrorCode::Cancelled;
}

Result<TensorMeasurement> measureLoaded(const ModelJob& job, const WeightTensor& tensor,
                                        const QuantSpec& spec, bool bestRatio,
                                        const Executor& executor, const TaskControl& control) {
  MeasureOptions options;
  options.bestRatio = bestRatio;
  SharedImportance importance;
  if (job.importance) {
    auto found = job.importance(tensor);
    if (!found) return found.error();
    importance = std::move(*found);
  }
  if (importance != nullptr) options.importance = importance->values();
  return measureTensor(tensor, spec, executor, control, options);
}

}  // namespace

Status measureModel(const ModelJob& job, const MeasureModelOptions& options,
                    const TakeMeasurement& take, const Executor& executor,
                    const ModelControl& control) {
  for (std::size_t i = 0; i < job.tensors.size(); ++i) {
    const TaskControl handed = controlOf(control, job, i);
    ModelMeasurement line;
    line.info = job.tensors[i];
    line.spec = job.plan.specFor(line.info.name);
    const auto tensor = job.load(line.info, handed);
    if (!tensor) {
      line.measured = tensor.error();
    } else {
      line.info = (*tensor)->info();
      line.measured = measureLoaded(job, **tensor, line.spec, options.bestRatio, executor, handed);
      if (options.traits && options.traits(line.info)) {
        auto traits = traitsOf(**tensor, executor, handed);
        if (traits) line.traits = *traits;
      }
    }
    if (!line.measured && isCancelled(line.measured.error())) return line.measured.error();
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (!take(std::move(line))) break;
  }
  return ok();
}

Result<std::vector<ModelMeasurement>> measureModel(const ModelJob& job, const Executor& executor,
                                                   const ModelControl& control) {
  std::vector<ModelMeasurement> lines;
  const Status status = measureModel(
      job, {},
      [&](ModelMeasurement&& line) {
        lines.push_back(std::move(line));
        return true;
      },
      executor, control);
  if (!status) return status.error();
  return lines;
}

std::optional<std::size_t> worstOf(const std::vector<ModelMeasurement>& lines) {
  std::optional<std::size_t> worst;
  const auto sqnr = [&](std::size_t i) { return lines[i].measured->metrics.sqnrDb; };
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].measured) continue;
    if (!worst || sqnr(i) < sqnr(*worst)) worst = i;
  }
  return worst;
}

TuningPlan planFrom(const std::vector<ModelMeasurement>& lines, const QuantSpec& defaultSpec) {
  TuningPlan plan;
  plan.defaultSpec = defaultSpec;
  for (const ModelMeasurement& line : lines) {
    if (!line.measured) continue;
    TensorPlan tensor;
    tensor.spec = line.spec;
    if (line.spec.clip.kind == ClipPolicy::Kind::SearchTensor) {
      tensor.clipRatio = line.measured->clipRatio;
    }
    tensor.metrics = line.measured->metrics;
    tensor.bitsPerWeight = line.measured->storage.bitsPerWeight();
    plan.tensors[line.info.name] = tensor;
  }
  return plan;
}

}  // namespace quantoscope
