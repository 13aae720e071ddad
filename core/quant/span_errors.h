// Parameters and error sums of spans of a tensor, for the sources of quant.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "core/quant/quantizer.h"
#include "core/quant/weight_spans.h"

namespace quantoscope {

/// Parameters of a tensor's groups, not found yet.
GroupParameters emptyParameters(const Coding& coding);

/// DoesNotFit where less memory is free than the parameters of all groups take.
Status roomForParameters(const WeightTensor& tensor, const Coding& coding);

/// Where a pass puts the parameters of a span's groups.
struct ParameterRoom {
  float* scale = nullptr;
  float* zeroPoint = nullptr;  ///< null for formats without

  ParameterView view() const { return {scale, zeroPoint, scale}; }
};

/// Room in `parameters`, which are a tensor's, for those of a span.
ParameterRoom roomIn(GroupParameters& parameters, const WeightSpan& span);
/// This thread's own, for so many groups: until it asks again.
ParameterRoom ownRoom(const Codec& codec, std::size_t groups);

/// Leaves the parameters of a span's groups there.
void findParameters(const Codec& codec, const ClipRatios& ratios, const WeightSpan& span,
                    const ParameterRoom& room);

/// The first group whose scale or zero point cannot be used, for passes that find them in parallel.
class UnusableGroups {
 public:
  /// At the groups of some rows `w`, the first of them `firstGroup`. Thread-safe.
  void look(const Codec& codec, const ParameterView& parameters, std::size_t firstGroup,
            const kernels::BlockShape& shape, const float* w);
  void look(const Codec& codec, const ParameterView& parameters, const WeightSpan& span) {
    look(codec, parameters, span.firstGroup, span.shape, span.weights);
  }
  /// DoesNotFit that names it, if there is one; see groupParametersOf.
  Status check(const WeightTensor& tensor, const Coding& coding) const;

 private:
  std::mutex mutex_;
  std::optional<std::size_t> first_;
  float scale_ = 0;
};

/// The error sums of one block, span after span.
struct BlockErrors {
  kernels::ErrorLanes lanes;
  kernels::ErrorPeak peak;  ///< its row counts from the tensor's first

  /// `room` has space for the span's values.
  void add(const Codec& codec, const ParameterView& parameters, const WeightSpan& span,
           float* room);
  /// A kernel's peak of a span, whose row and column count from the span's first.
  void take(const kernels::ErrorPeak& found, const WeightSpan& span);
};

/// Those of a tensor, from its blocks.
ErrorSums sumsOf(const std::vector<BlockErrors>& parts, const WeightTensor& tensor);

}  // namespace quantoscope
