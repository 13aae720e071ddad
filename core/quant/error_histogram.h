// Error sums together with the histogram of the errors.
#pragma once

#include <cstddef>

#include "core/metrics/histogram.h"
#include "core/quant/quantizer.h"

namespace quantoscope {

/// Parameters, error sums and the histogram of y - w over [-R, R], R the largest |y - w|.
struct CountedQuantization {
  ParameterSource parameters;
  ErrorSums sums;
  Histogram histogram;
};

/// measureQuantization, and the histogram in `bins` bins (one where R is 0), with Histogram's bins
/// exactly. Where scales follow from a group alone it takes two passes over the weights: the first
/// finds all parameters, and R by evaluating the few groups whose limits allow a larger error than
/// was seen; the second does all the rest. Else three.
Result<CountedQuantization> countQuantizationErrors(const WeightTensor& tensor,
                                                    const Coding& coding, const ClipRatios& ratios,
                                                    std::size_t bins, const Executor& executor,
                                                    const TaskControl& control = {});

}  // namespace quantoscope
