#include "core/engine/ratio_search.h"

#include "core/base/memory_border.h"
#include "core/engine/measured_choice.h"

namespace quantoscope {

Result<RatioSearch> searchRatios(const WeightTensor& tensor, const QuantSpec& spec,
                                 const Executor& executor, const TaskControl& control,
                                 std::span<const float> importance) {
  return withinMemory(tensor.info().name, [&]() -> Result<RatioSearch> {
    auto found = measureChoice(tensor, spec, executor, control, importance);
    if (!found) return found.error();
    return RatioSearch{std::move(found->choice), ErrorMetrics::from(found->sums)};
  });
}

Result<ClipCurve> searchCurve(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control,
                              const std::optional<RatioGrid>& wide) {
  return withinMemory(tensor.info().name, [&]() -> Result<ClipCurve> {
    if (auto status = spec.validate(); !status) return status.error();
    const auto survey = surveyFinite(tensor, executor, control);
    if (!survey) return survey.error();
    const Coding coding = codingOf(tensor, spec, *survey);
    return wide ? wideClipCurveOf(tensor, coding, *wide, executor, control)
                : clipCurveOf(tensor, coding, executor, control);
  });
}

}  // namespace quantoscope
