#include "ui/session/export_jobs.h"

#include <utility>

#include "core/base/file_output.h"
#include "core/base/sha256.h"
#include "core/exporting/formats/native_file.h"
#include "core/exporting/formats/neural_compressor_config.h"
#include "core/exporting/plan_file.h"
#include "core/quant/clip_search.h"
#include "core/quant/quantizer.h"
#include "core/quant/storage_cost.h"

namespace quantoscope::ui {

namespace {

ExportResult resultOf(const Status& status) {
  if (!status) return status.error();
  return std::vector<std::string>{};
}

Result<std::string> fingerprintOf(const std::string& file, const CancelToken& cancel) {
  return sha256OfFile(file, [cancel] { return cancel.cancelled(); });
}

Result<NativeTensor> quantizedTensor(const WeightTensor& tensor, const QuantSpec& spec,
                                     bool withDequantized, const Executor& executor,
                                     const TaskControl& control) {
  const auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  if (!health->finite()) return notFiniteError(tensor.info().name, *health);
  const auto choice = chooseClip(tensor, spec, executor, control);
  if (!choice) return choice.error();
  auto codes = quantized(tensor, spec, choice->ratios, executor, control);
  if (!codes) return codes.error();
  const auto sums = errorSumsOf(tensor, spec, codes->parameters, executor, control);
  if (!sums) return sums.error();

  NativeTensor made;
  made.info = tensor.info();
  made.metrics = ErrorMetrics::from(*sums);
  made.storage = storageCostOf(spec, tensor.rows(), tensor.cols());
  if (withDequantized) {
    auto values = dequantized(tensor, spec, codes->parameters, executor, control);
    if (!values) return values.error();
    made.dequantized = std::move(*values);
  }
  made.quantized = std::move(*codes);
  return made;
}

ExportResult writeQuantized(const QuantizedExport& what, IoQueue& queue, const Executor& executor,
                            const TaskControl& control) {
  const TaskControl quiet{control.cancel, {}};
  const auto sha256 = fingerprintOf(what.source->path(), control.cancel);
  if (!sha256) return sha256.error();
  auto writer = NativeFileWriter::create(what.path, {what.source->path(), *sha256});
  if (!writer) return writer.error();
  for (std::size_t i = 0; i < what.tensors.size(); ++i) {
    const auto chosen = what.orientations.find(what.tensors[i].name);
    const auto tensor =
        queue.load(what.source, what.tensors[i], quiet,
                   chosen == what.orientations.end() ? Orientation::Auto : chosen->second);
    if (!tensor) return tensor.error();
    const auto made = quantizedTensor(*tensor, what.plan.specFor(what.tensors[i].name),
                                      what.withDequantized, executor, quiet);
    if (!made) return made.error();
    if (auto status = (*writer)->add(*made); !status) return status.error();
    if (control.progress) control.progress(i + 1, what.tensors.size() + 1);
  }
  if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  return resultOf((*writer)->commit());
}

}  // namespace

ExportJob textExport(std::string path, std::string content) {
  return [path = std::move(path), content = std::move(content)](const TaskControl&) {
    return resultOf(writeFile(path, content));
  };
}

ExportJob planExport(std::string path, TuningPlan plan) {
  return [path = std::move(path), plan = std::move(plan)](const TaskControl& control) {
    auto sha256 = fingerprintOf(plan.sourceFile, control.cancel);
    if (!sha256) return ExportResult(sha256.error());
    TuningPlan complete = plan;
    complete.sourceSha256 = *sha256;
    return resultOf(writePlan(complete, path));
  };
}

ExportJob neuralCompressorExport(std::string path, TuningPlan plan,
                                 std::vector<TensorInfo> tensors) {
  return [path = std::move(path), plan = std::move(plan),
          tensors = std::move(tensors)](const TaskControl&) -> ExportResult {
    ExportNotes notes;
    const Json config = neuralCompressorConfig(plan, tensors, notes);
    if (auto status = writeFile(path, config.text() + "\n"); !status) return status.error();
    return std::move(notes.lines);
  };
}

ExportJob quantizedExport(QuantizedExport what, std::shared_ptr<IoQueue> queue, Executor executor) {
  return [what = std::move(what), queue = std::move(queue),
          executor = std::move(executor)](const TaskControl& control) {
    return writeQuantized(what, *queue, executor, control);
  };
}

}  // namespace quantoscope::ui
