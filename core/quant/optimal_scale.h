// The scale of one group that no other scale beats.
#pragma once

#include <memory>
#include <span>

#include "core/kernels/codec.h"

namespace quantoscope {

/// Parameters of one group and the error they lead to.
struct OptimalScale {
  float scale = 1;          ///< negative where a symmetric format does better turned around
  float zeroPoint = 0;      ///< Asymmetric only
  double squaredError = 0;  ///< sum of h e^2 in the engine's own arithmetic
};

/// Finds them, group after group, with buffers that it keeps. Not thread-safe: one a thread.
///
/// - The scale minimises the sum of h (x - y)^2 over all real scales (see ScaleSweep), with an
///   asymmetric format over all zero points 0..maxCode too, with full and half range and with a
///   codebook that differs from its mirror image over both signs of the scale. It is then rounded
///   to float32. Where that leads to a larger error than the real scale has, its two neighbours and
///   the unclipped scale are tried as well.
/// - A block format is searched over the scales that exist: 2^e with ScaleFormat::E8m0, a positive
///   e4m3 number times the codec's tensorScale with ScaleFormat::E4m3. The larger of equals wins.
/// - A format with float16 scales of either sign gets one of the three float16 numbers nearest to
///   the best real scale, or the unclipped one: another may have a smaller error by at most
///   sum(h q q) * (half a float16 step)^2, q being the levels. Where the unclipped one overflows,
///   it stays.
/// - A group without any weight that matters (zeros, or importance 0) gets the unclipped
/// parameters.
///
/// "Not beaten" holds up to rounding: an error may exceed another scale's by what float32 makes of
/// the weights' last bits, about 1e-7 of the group's norm, squared.
///
/// Deterministic; the answer depends on the group alone.
class OptimalScaleFinder {
 public:
  explicit OptimalScaleFinder(const Codec& codec);
  ~OptimalScaleFinder();
  OptimalScaleFinder(OptimalScaleFinder&&) noexcept;
  OptimalScaleFinder& operator=(OptimalScaleFinder&&) noexcept;

  /// `weights`: finite, at least one. `importance`: h of each, finite and not negative; empty
  /// for 1.
  OptimalScale find(std::span<const float> weights, std::span<const float> importance = {});

 private:
  struct Worker;
  std::unique_ptr<Worker> worker_;
};

/// The same for a single group.
OptimalScale optimalScale(const Codec& codec, std::span<const float> weights,
                          std::span<const float> importance = {});

}  // namespace quantoscope
