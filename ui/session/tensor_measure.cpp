#include "ui/session/tensor_measure.h"

#include "core/metrics/error_metrics.h"
#include "core/quant/clip_search.h"
#include "core/quant/storage_cost.h"
#include "core/tensor/health.h"

namespace quantoscope::ui {

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

  const ErrorMetrics metrics = ErrorMetrics::from(*sums);
  found.mse = metrics.mse;
  found.sqnrDb = metrics.sqnrDb;
  found.bestRatio = choice->curve.bestRatio();
  if (choice->ratios.granularity == ClipRatios::Granularity::Tensor) {
    found.clipRatio = choice->ratios.values.front();
  }
  return found;
}

}  // namespace quantoscope::ui
