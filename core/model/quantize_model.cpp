#include "core/model/quantize_model.h"

#include <cmath>
#include <utility>

#include "core/base/memory_border.h"
#include "core/base/text.h"
#include "core/engine/measured_choice.h"
#include "core/quant/offset_fit.h"

namespace quantoscope {

namespace {

/// The first group whose scale is no number in the file, or is 0 there and was not before.
Status usable(const TensorInfo& info, const GroupParameters& parameters) {
  const std::vector<float>& stored = parameters.decoding();
  for (std::size_t g = 0; g < stored.size(); ++g) {
    const bool vanished = stored[g] == 0 && parameters.scale[g] != 0;
    if (std::isfinite(stored[g]) && !vanished) continue;
    const std::size_t perRow = parameters.layout.groupsPerRow();
    return Error{ErrorCode::DoesNotFit,
                 info.name + ": the scale " + formatNumber(parameters.scale[g]) + " of row " +
                     std::to_string(g / perRow) + ", group " + std::to_string(g % perRow) +
                     (vanished ? " is 0" : " is too large") +
                     " in the type that the format stores scales in; leave the tensor as it is"};
  }
  return ok();
}

/// What is measured of a choice: in one pass, unless the file changes its scales.
Result<MeasuredQuantization> measure(const WeightTensor& tensor, const Coding& coding,
                                     const ClipRatios& ratios, const ExportFormat* format,
                                     const Executor& executor, const TaskControl& control) {
  if (format == nullptr || format->storeScales == nullptr) {
    return measureQuantization(tensor, coding, ratios, executor, control);
  }
  auto parameters = groupParametersOf(tensor, coding, ratios, executor, control);
  if (!parameters) return parameters.error();
  format->storeScales(tensor.info(), coding.spec, *parameters);
  if (auto status = usable(tensor.info(), *parameters); !status) return status.error();
  const auto sums = errorSumsOf(tensor, coding, *parameters, executor, control);
  if (!sums) return sums.error();
  return MeasuredQuantization{std::move(*parameters), *sums};
}

/// As chooseCoding(), with the scale of the tensor that the options give.
Result<CodingChoice> choose(const WeightTensor& tensor, const QuantSpec& spec,
                            const QuantizeOptions& options, const Executor& executor,
                            const TaskControl& control, std::span<const float> importance) {
  const auto survey = surveyFinite(tensor, executor, control);
  if (!survey) return survey.error();
  Coding coding = codingOf(tensor, spec, *survey);
  if (options.tensorScales != nullptr) {
    const auto shared = options.tensorScales->find(tensor.info().name);
    if (shared != options.tensorScales->end()) coding = coding.withTensorScale(shared->second);
  }
  auto choice = chooseClip(tensor, coding, executor, control, importance);
  if (!choice) return choice.error();
  return CodingChoice{std::move(coding), std::move(*choice)};
}

/// The type of real offsets, where the format stores such in place of zero points.
std::optional<StoredType> offsetTypeOf(const ExportFormat* format, const TensorInfo& info,
                                       const QuantSpec& spec) {
  if (format == nullptr || format->offsetType == nullptr) return std::nullopt;
  return format->offsetType(info, spec);
}

ExportTensor described(const WeightTensor& tensor, QuantizedTensor quantized,
                       const ErrorSums& sums) {
  ExportTensor made;
  made.info = tensor.info();
  made.metrics = ErrorMetrics::from(sums);
  made.storage = storageCostOf(quantized.spec, tensor.rows(), tensor.cols());
  made.quantized = std::move(quantized);
  return made;
}

Result<ExportTensor> withOffsets(const WeightTensor& tensor, CodingChoice found, StoredType type,
                                 const Executor& executor, const TaskControl& control) {
  auto& [coding, choice] = found;
  const auto start = groupParametersOf(tensor, coding, choice.ratios, executor, control);
  if (!start) return start.error();
  auto fitted = fitOffsets(tensor, coding, *start, type, executor, control);
  if (!fitted) return fitted.error();
  return described(tensor,
                   {coding.spec, std::move(fitted->codes), std::move(fitted->parameters),
                    std::move(choice.ratios)},
                   fitted->sums);
}

Result<ExportTensor> quantize(const WeightTensor& tensor, const QuantSpec& spec,
                              const QuantizeOptions& options, const Executor& executor,
                              const TaskControl& control, std::span<const float> importance) {
  auto found = choose(tensor, spec, options, executor, control, importance);
  if (!found) return found.error();
  if (const auto type = offsetTypeOf(options.format, tensor.info(), spec)) {
    return withOffsets(tensor, std::move(*found), *type, executor, control);
  }
  auto& [coding, choice] = *found;
  auto measured = measure(tensor, coding, choice.ratios, options.format, executor, control);
  if (!measured) return measured.error();
  std::optional<Matrix> values;
  if (options.withDequantized) {
    auto decoded = dequantized(tensor, coding, measured->parameters, executor, control);
    if (!decoded) return decoded.error();
    values = std::move(*decoded);
  }
  std::vector<std::size_t> withoutScale = groupsWithoutScale(coding, measured->parameters);
  auto codes = quantized(tensor, coding, std::move(measured->parameters), std::move(choice.ratios),
                         executor, control);
  if (!codes) return codes.error();
  ExportTensor made = described(tensor, std::move(*codes), measured->sums);
  made.dequantized = std::move(values);
  made.groupsWithoutScale = std::move(withoutScale);
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
