// Parameters and error sums of spans of a tensor, for the sources of quant.
#pragma once

#include <vector>

#include "core/quant/quantizer.h"
#include "core/quant/weight_spans.h"

namespace quantoscope {

/// Parameters of a tensor's groups, not found yet.
GroupParameters emptyParameters(const Coding& coding);

/// Leaves those of a span's groups in `parameters`.
void findParameters(const Codec& codec, const ClipRatios& ratios, const WeightSpan& span,
                    GroupParameters& parameters);

/// Whether checkUsable has nothing against a span's groups; for passes that find them in parallel.
bool usableParameters(const Codec& codec, const GroupParameters& parameters,
                      const WeightSpan& span);

/// DoesNotFit where a scale or a zero point cannot be used, naming the first; see
/// groupParametersOf.
Status checkUsable(const WeightTensor& tensor, const Coding& coding,
                   const GroupParameters& parameters);

/// The error sums of one block, span after span.
struct BlockErrors {
  kernels::ErrorLanes lanes;
  kernels::ErrorPeak peak;  ///< its row counts from the tensor's first

  /// `room` has space for the span's values.
  void add(const Codec& codec, const GroupParameters& parameters, const WeightSpan& span,
           float* room);
  /// A kernel's peak of a span, whose row and column count from the span's first.
  void take(const kernels::ErrorPeak& found, const WeightSpan& span);
};

/// Those of a tensor, from its blocks.
ErrorSums sumsOf(const std::vector<BlockErrors>& parts, const WeightTensor& tensor);

}  // namespace quantoscope
