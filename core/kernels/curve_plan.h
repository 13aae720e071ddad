// How the error of a block at many clip ratios is found without quantizing it at each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/kernels/codec.h"

namespace quantoscope::kernels {

/// The ratios of a curve. Every weight is rounded at the first of them; where its level changes as
/// the ratio falls, the hinge identity (core/README.md) tells what that does to the error at every
/// ratio.
struct CurvePlan {
  std::vector<float> ratios;  ///< strictly descending, in (0, 1]
  float step = 0;             ///< between neighbouring ratios, where they are all equally far apart
                              ///< and none is nearer to 0; else 0

  /// How many thresholds a weight can pass at most, by the largest level that integer groups have
  /// on a side; for codebooks one number. Empty where it does not pay to list the changes, or they
  /// could not be placed: the error is then summed at every ratio directly.
  std::vector<std::size_t> passes;

  bool direct() const { return passes.empty(); }

  static CurvePlan of(const Codec& codec, std::vector<float> descendingRatios);
};

/// Buffers that one thread reuses from block to block.
struct CurveScratch {
  std::vector<float> scaledWeight;     ///< of each change of a level: gap * |w|
  std::vector<float> scaledThreshold;  ///< and gap * threshold, both in units of weight squared
  std::vector<std::int32_t> changedAt;
  std::vector<float> changedBy;
  std::vector<double> changes;
  std::vector<float> values;
  std::vector<float> scale;
  std::vector<float> zeroPoint;
  std::vector<float> least;
  std::vector<std::int32_t> crossedAt;  ///< see group_choice
  std::vector<std::int64_t> crossedBy;
  std::vector<std::int64_t> crossings;
  std::vector<double> losses;
};

}  // namespace quantoscope::kernels
