#include "core/model/measure_model.h"

namespace quantoscope {

Result<OverviewEntry> measureTensor(const TensorSource& source, const TensorInfo& info,
                                    const QuantSpec& spec, Orientation orientation,
                                    const Executor& executor, const TaskControl& control) {
  OverviewEntry entry;
  entry.info = info;
  entry.bitsPerWeight = storageCostOf(spec, info.rows, info.cols).bitsPerWeight();
  const auto failed = [&entry](const Error& error) -> Result<OverviewEntry> {
    if (error.code == ErrorCode::Cancelled) return error;
    entry.problem = error.message;
    return entry;
  };

  auto tensor = source.load(info, orientation, control);
  if (!tensor) return failed(tensor.error());
  auto health = healthOf(*tensor, executor, control);
  if (!health) return failed(health.error());
  if (!health->finite()) return failed(notFiniteError(info.name, *health));
  auto choice = chooseClip(*tensor, spec, executor, control);
  if (!choice) return failed(choice.error());
  auto measured = measureQuantization(*tensor, spec, choice->ratios, executor, control);
  if (!measured) return failed(measured.error());

  entry.metrics = ErrorMetrics::from(measured->sums);
  if (spec.clip.kind == ClipPolicy::Kind::SearchTensor) {
    entry.clipRatio = choice->curve.bestRatio();
  }
  return entry;
}

std::optional<std::size_t> worstOf(const std::vector<OverviewEntry>& entries) {
  std::optional<std::size_t> worst;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].metrics) continue;
    if (!worst || entries[i].metrics->sqnrDb < entries[*worst].metrics->sqnrDb) worst = i;
  }
  return worst;
}

TuningPlan planFrom(const std::vector<OverviewEntry>& entries, const QuantSpec& spec) {
  TuningPlan plan;
  plan.defaultSpec = spec;
  for (const OverviewEntry& entry : entries) {
    if (!entry.metrics) continue;
    TensorPlan tensor;
    tensor.spec = spec;
    tensor.clipRatio = entry.clipRatio;
    tensor.metrics = entry.metrics;
    tensor.bitsPerWeight = entry.bitsPerWeight;
    plan.tensors[entry.info.name] = tensor;
  }
  return plan;
}

}  // namespace quantoscope
