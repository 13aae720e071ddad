#include "core/engine/ratio_search.h"

#include "core/base/memory_border.h"

namespace quantoscope {

namespace {

Result<Coding> finiteCoding(const WeightTensor& tensor, const QuantSpec& spec,
                            const Executor& executor, const TaskControl& control) {
  if (auto status = spec.validate(); !status) return status.error();
  const auto survey = surveyFinite(tensor, executor, control);
  if (!survey) return survey.error();
  return codingOf(tensor, spec, *survey);
}

}  // namespace

Result<RatioSearch> searchRatios(const WeightTensor& tensor, const QuantSpec& spec,
                                 const Executor& executor, const TaskControl& control,
                                 std::span<const float> importance) {
  return withinMemory(tensor.info().name, [&]() -> Result<RatioSearch> {
    const auto coding = finiteCoding(tensor, spec, executor, control);
    if (!coding) return coding.error();
    auto choice = chooseClip(tensor, *coding, executor, control, importance);
    if (!choice) return choice.error();
    const auto measured = measureQuantization(tensor, *coding, choice->ratios, executor, control);
    if (!measured) return measured.error();
    return RatioSearch{std::move(*choice), ErrorMetrics::from(measured->sums)};
  });
}

Result<ClipCurve> searchCurve(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control,
                              const std::optional<RatioGrid>& wide) {
  return withinMemory(tensor.info().name, [&]() -> Result<ClipCurve> {
    const auto coding = finiteCoding(tensor, spec, executor, control);
    if (!coding) return coding.error();
    return wide ? wideClipCurveOf(tensor, *coding, *wide, executor, control)
                : clipCurveOf(tensor, *coding, executor, control);
  });
}

}  // namespace quantoscope
