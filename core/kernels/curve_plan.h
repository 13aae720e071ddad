// How the error of a block at many clip ratios is found without quantizing it at each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernels/codec.h"

namespace quantoscope::kernels {

/// The ratios of a curve, descending, cut into spans. At the first ratio of a span every weight is
/// rounded; inside it a weight's level changes at most once, so that the hinge identity
/// (core/README.md) gives the error at every ratio of the span.
struct CurvePlan {
  std::vector<float> ratios;            ///< strictly descending, in (0, 1]
  std::vector<std::size_t> spanBegins;  ///< index of each span's first ratio; empty: no spans pay,
                                        ///< the error is summed at every ratio directly
  float step = 0;                       ///< between neighbouring ratios, where they are all equally
                                        ///< far apart and none is nearer to 0; else 0

  std::size_t spanEnd(std::size_t span) const {
    return span + 1 < spanBegins.size() ? spanBegins[span + 1] : ratios.size();
  }
  bool direct() const { return spanBegins.empty(); }

  /// The fewest, evenly filled spans that the codec's thresholds allow.
  static CurvePlan of(const Codec& codec, std::vector<float> descendingRatios);
};

/// Buffers that one thread reuses from block to block.
struct CurveScratch {
  std::vector<float> scaledWeight;     ///< of the weights whose level changes in a span: gap * |w|
  std::vector<float> scaledThreshold;  ///< and gap * threshold, both in units of weight squared
  std::vector<float> values;
  std::vector<float> partial;
  std::vector<float> scale;
  std::vector<float> zeroPoint;
  std::vector<std::int32_t>
      crossedWeight;  ///< of the weights whose level changes: see group_choice
  std::vector<std::int32_t> crossedAt;
  std::vector<std::int64_t> crossings;
  std::vector<double> losses;
};

}  // namespace quantoscope::kernels
