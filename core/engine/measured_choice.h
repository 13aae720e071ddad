// A clip policy applied to a tensor: the step that every answer begins with.
#pragma once

#include <span>

#include "core/quant/clip_search.h"

namespace quantoscope {

struct CodingChoice {
  Coding coding;
  ClipChoice choice;
};

/// Surveys the weights, resolves the spec and applies its clip policy (`importance` as for
/// chooseClip()). Errors: an invalid spec, NotFinite, DoesNotFit, Cancelled; running out of memory
/// is thrown. Thread-safe.
Result<CodingChoice> chooseCoding(const WeightTensor& tensor, const QuantSpec& spec,
                                  const Executor& executor, const TaskControl& control = {},
                                  std::span<const float> importance = {});

struct MeasuredChoice {
  Coding coding;
  ClipChoice choice;
  ErrorSums sums;  ///< at the ratios that were chosen
};

/// The same, and measures the outcome.
Result<MeasuredChoice> measureChoice(const WeightTensor& tensor, const QuantSpec& spec,
                                     const Executor& executor, const TaskControl& control = {},
                                     std::span<const float> importance = {});

}  // namespace quantoscope
