#include "ui/session/tensor_measure.h"

#include "core/metrics/weight_outliers.h"
#include "core/quant/clip_search.h"
#include "core/quant/storage_cost.h"
#include "core/tensor/health.h"

namespace quantoscope::ui {

WeightFacts WeightFacts::from(const WeightStatistics& statistics,
                              std::optional<std::uint64_t> outliers) {
  WeightFacts facts;
  facts.kurtosis = statistics.kurtosis;
  facts.meanSquare = statistics.mean * statistics.mean + statistics.std * statistics.std;
  facts.outliers = outliers;
  return facts;
}

Result<WeightFacts> weightFacts(const WeightTensor& tensor, const Executor& executor,
                                const TaskControl& control) {
  const auto summary = summaryOf(tensor, executor, control);
  if (!summary) return summary.error();
  if (!summary->health.finite()) return WeightFacts::from(summary->statistics, std::nullopt);
  const auto outliers = channelOutliersOf(tensor, 0, executor, control);
  if (!outliers) return outliers.error();
  return WeightFacts::from(summary->statistics, outliers->count);
}

Result<TensorMeasure> measure(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control) {
  TensorMeasure found;
  found.bitsPerWeight = storageCostOf(spec, tensor.rows(), tensor.cols()).bitsPerWeight();

  const auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  found.finite = health->finite();
  if (!found.finite) return found;

  auto choice = chooseClip(tensor, spec, executor, control);
  if (!choice) return choice.error();
  const auto parameters = groupParametersOf(tensor, spec, choice->ratios, executor, control);
  if (!parameters) return parameters.error();
  const auto sums = errorSumsOf(tensor, spec, *parameters, executor, control);
  if (!sums) return sums.error();
  if (choice->curve.ratios.empty()) {
    auto curve = clipCurveOf(tensor, spec, executor, control);
    if (!curve) return curve.error();
    choice->curve = std::move(*curve);
  }

  found.metrics = ErrorMetrics::from(*sums);
  found.bestRatio = choice->curve.bestRatio();
  if (choice->ratios.granularity == ClipRatios::Granularity::Tensor) {
    found.clipRatio = choice->ratios.values.front();
  }
  return found;
}

}  // namespace quantoscope::ui
