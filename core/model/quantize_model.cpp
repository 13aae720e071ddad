#include "core/model/quantize_model.h"

#include <utility>

#include "core/base/memory_border.h"
#include "core/engine/measured_choice.h"

namespace quantoscope {

namespace {

Result<ExportTensor> quantize(const WeightTensor& tensor, const QuantSpec& spec,
                              const QuantizeOptions& options, const Executor& executor,
                              const TaskControl& control, std::span<const float> importance) {
  auto found = chooseCoding(tensor, spec, executor, control, importance);
  if (!found) return found.error();
  auto& [coding, choice] = *found;
  auto measured = measureQuantization(tensor, coding, choice.ratios, executor, control);
  if (!measured) return measured.error();
  ExportTensor made;
  if (options.withDequantized) {
    auto values = dequantized(tensor, coding, measured->parameters, executor, control);
    if (!values) return values.error();
    made.dequantized = std::move(*values);
  }
  made.groupsWithoutScale = groupsWithoutScale(coding, measured->parameters);
  auto codes = quantized(tensor, coding, std::move(measured->parameters), std::move(choice.ratios),
                         executor, control);
  if (!codes) return codes.error();
  made.info = tensor.info();
  made.quantized = std::move(*codes);
  made.metrics = ErrorMetrics::from(measured->sums);
  made.storage = storageCostOf(spec, tensor.rows(), tensor.cols());
  return made;
}

}  // namespace

Result<ExportTensor> quantizeTensor(const WeightTensor& tensor, const QuantSpec& spec,
                                    const QuantizeOptions& options, const Executor& executor,
                                    const TaskControl& control, std::span<const float> importance) {
  if (auto status = spec.validate(); !status) return status.error();
  auto made = withinMemory(tensor.info().name, [&] {
    return quantize(tensor, spec, options, executor, control, importance);
  });
  if (auto status = tensor.intact(); !status) return status.error();
  return made;
}

Status quantizeModel(const ModelJob& job, const QuantizeOptions& options, const TakeTensor& take,
                     const Executor& executor, const ModelControl& control) {
  for (std::size_t i = 0; i < job.tensors.size(); ++i) {
    if (control.cancel.cancelled()) break;
    const TensorInfo& info = job.tensors[i];
    const TaskControl handed = controlOf(control, job, i);
    const auto tensor = job.load(info, handed);
    if (!tensor) return tensor.error();
    SharedImportance importance;
    if (job.importance) {
      auto found = job.importance(**tensor);
      if (!found) return found.error();
      importance = std::move(*found);
    }
    auto made =
        quantizeTensor(**tensor, job.plan.specFor(info.name), options, executor, handed,
                       importance != nullptr ? importance->values() : std::span<const float>());
    if (!made) return made.error();
    if (auto status = take(std::move(*made)); !status) return status;
  }
  return control.cancel.cancelled() ? Status(Error{ErrorCode::Cancelled, "cancelled"}) : ok();
}

}  // namespace quantoscope
