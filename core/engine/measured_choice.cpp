#include "core/engine/measured_choice.h"

#include <utility>

namespace quantoscope {

Result<MeasuredChoice> measureChoice(const WeightTensor& tensor, const QuantSpec& spec,
                                     const Executor& executor, const TaskControl& control,
                                     std::span<const float> importance) {
  if (auto status = spec.validate(); !status) return status.error();
  const auto survey = surveyFinite(tensor, executor, control);
  if (!survey) return survey.error();
  Coding coding = codingOf(tensor, spec, *survey);
  auto choice = chooseClip(tensor, coding, executor, control, importance);
  if (!choice) return choice.error();
  auto measured = measureQuantization(tensor, coding, choice->ratios, executor, control);
  if (!measured) return measured.error();
  return MeasuredChoice{std::move(coding), std::move(*choice), std::move(*measured)};
}

}  // namespace quantoscope
