#include "core/model/measure_tensor.h"

#include "core/base/memory_border.h"
#include "core/engine/measured_choice.h"
#include "core/metrics/weight_outliers.h"

namespace quantoscope {

namespace {

std::optional<double> wholeRatioOf(const ClipRatios& ratios) {
  if (ratios.granularity != ClipRatios::Granularity::Tensor) return std::nullopt;
  return ratios.values.front();
}

/// The ratios of a policy that looks at no weights.
std::optional<ClipRatios> givenRatios(const ClipPolicy& policy) {
  if (policy.kind == ClipPolicy::Kind::None) return ClipRatios::whole(1);
  if (policy.kind == ClipPolicy::Kind::Ratio) return ClipRatios::whole(policy.ratio);
  return std::nullopt;
}

/// Whether one pass tells everything: nothing to search, and no scale that needs all weights.
bool measuredInOnePass(const QuantSpec& spec, const MeasureOptions& options) {
  return givenRatios(spec.clip) && standsAlone(spec) && !options.bestRatio &&
         options.importance.empty();
}

Result<TensorMeasurement> measureAtOnce(const WeightTensor& tensor, const QuantSpec& spec,
                                        const Executor& executor, const TaskControl& control) {
  const ClipRatios ratios = *givenRatios(spec.clip);
  const auto coding = codingOf(tensor, spec, executor, control);
  if (!coding) return coding.error();
  const auto measured = surveyAndMeasure(tensor, *coding, ratios, executor, control);
  if (!measured) return measured.error();
  TensorMeasurement found;
  found.metrics = ErrorMetrics::from(*measured);
  found.clipRatio = wholeRatioOf(ratios);
  return found;
}

Result<TensorMeasurement> measure(const WeightTensor& tensor, const QuantSpec& spec,
                                  const Executor& executor, const TaskControl& control,
                                  const MeasureOptions& options) {
  if (measuredInOnePass(spec, options)) return measureAtOnce(tensor, spec, executor, control);
  auto chosen = measureChoice(tensor, spec, executor, control, options.importance);
  if (!chosen) return chosen.error();
  TensorMeasurement found;
  found.metrics = ErrorMetrics::from(chosen->sums);
  found.clipRatio = wholeRatioOf(chosen->choice.ratios);
  if (chosen->choice.curve.ratios.empty() && options.bestRatio) {
    const Coding searching = chosen->coding.withClip({ClipPolicy::Kind::SearchTensor, 1.0});
    auto choice = chooseClip(tensor, searching, executor, control, options.importance);
    if (!choice) return choice.error();
    chosen->choice.curve = std::move(choice->curve);
  }
  if (!chosen->choice.curve.ratios.empty()) {
    found.bestRatio = chosen->choice.curve.bestRatio();
  }
  return found;
}

Result<TensorTraits> traits(const WeightTensor& tensor, const Executor& executor,
                            const TaskControl& control) {
  const auto summary = summaryOf(tensor, executor, control);
  if (!summary) return summary.error();
  if (!summary->survey.health.finite()) {
    return TensorTraits::from(summary->statistics, std::nullopt);
  }
  const auto outliers = channelOutliersOf(tensor, 0, executor, control);
  if (!outliers) return outliers.error();
  return TensorTraits::from(summary->statistics, outliers->count);
}

}  // namespace

TensorMeasurement TensorMeasurement::from(const AnalysisResult& result) {
  TensorMeasurement found;
  found.metrics = *result.metrics;
  found.storage = result.storage;
  found.clipRatio = wholeRatioOf(result.clip.ratios);
  if (!result.clip.curve.ratios.empty()) found.bestRatio = result.clip.curve.bestRatio();
  return found;
}

Result<TensorMeasurement> measureTensor(const WeightTensor& tensor, const QuantSpec& spec,
                                        const Executor& executor, const TaskControl& control,
                                        const MeasureOptions& options) {
  if (auto status = spec.validate(); !status) return status.error();
  auto found = withinMemory(tensor.info().name,
                            [&] { return measure(tensor, spec, executor, control, options); });
  if (found) found->storage = storageCostOf(spec, tensor.rows(), tensor.cols());
  if (auto status = tensor.intact(); !status) return status.error();
  return found;
}

TensorTraits TensorTraits::from(const WeightStatistics& statistics,
                                std::optional<std::uint64_t> outliers) {
  TensorTraits traits;
  traits.kurtosis = statistics.kurtosis;
  traits.meanSquare = statistics.mean * statistics.mean + statistics.std * statistics.std;
  traits.outliers = outliers;
  return traits;
}

Result<TensorTraits> traitsOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control) {
  return withinMemory(tensor.info().name, [&] { return traits(tensor, executor, control); });
}

}  // namespace quantoscope
