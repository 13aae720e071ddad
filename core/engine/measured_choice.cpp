#include "core/engine/measured_choice.h"

#include <utility>

namespace quantoscope {

Result<CodingChoice> chooseCoding(const WeightTensor& tensor, const QuantSpec& spec,
                                  const Executor& executor, const TaskControl& control,
                                  std::span<const float> importance) {
  if (auto status = spec.validate(); !status) return status.error();
  const auto survey = surveyFinite(tensor, executor, control);
  if (!survey) return survey.error();
  Coding coding = codingOf(tensor, spec, *survey);
  auto choice = chooseClip(tensor, coding, executor, control, importance);
  if (!choice) return choice.error();
  return CodingChoice{std::move(coding), std::move(*choice)};
}

Result<MeasuredChoice> measureChoice(const WeightTensor& tensor, const QuantSpec& spec,
                                     const Executor& executor, const TaskControl& control,
                                     std::span<const float> importance) {
  auto found = chooseCoding(tensor, spec, executor, control, importance);
  if (!found) return found.error();
  auto& [coding, choice] = *found;
  auto sums = measureErrors(tensor, coding, choice.ratios, executor, control);
  if (!sums) return sums.error();
  return MeasuredChoice{std::move(coding), std::move(choice), *sums};
}

}  // namespace quantoscope
