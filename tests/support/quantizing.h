// Short ways to quantize for tests that are about something else.
#pragma once

#include "core/quant/clip_search.h"
#include "core/quant/quantizer.h"

namespace quantoscope::test {

/// The coding of a small tensor.
inline Coding coded(const WeightTensor& tensor, const QuantSpec& spec) {
  return *codingOf(tensor, spec, Executor(1));
}

/// Codes and parameters at these ratios.
inline Result<QuantizedTensor> quantizedAt(const WeightTensor& tensor, const QuantSpec& spec,
                                           const ClipRatios& ratios, const Executor& executor,
                                           const TaskControl& control = {}) {
  const Coding coding = coded(tensor, spec);
  auto parameters = groupParametersOf(tensor, coding, ratios, executor, control);
  if (!parameters) return parameters.error();
  return quantized(tensor, coding, std::move(*parameters), ratios, executor, control);
}

}  // namespace quantoscope::test
