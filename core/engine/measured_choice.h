// A clip policy applied to a tensor, and what it leads to: the step that every answer begins with.
#pragma once

#include <span>

#include "core/quant/clip_search.h"

namespace quantoscope {

struct MeasuredChoice {
  Coding coding;
  ClipChoice choice;
  MeasuredQuantization measured;  ///< at the ratios that were chosen
};

/// Surveys the weights, resolves the spec, applies its clip policy (`importance` as for
/// chooseClip()) and measures the outcome. Errors: an invalid spec, NotFinite, DoesNotFit,
/// Cancelled; running out of memory is thrown. Thread-safe.
Result<MeasuredChoice> measureChoice(const WeightTensor& tensor, const QuantSpec& spec,
                                     const Executor& executor, const TaskControl& control = {},
                                     std::span<const float> importance = {});

}  // namespace quantoscope
