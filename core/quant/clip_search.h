// Finding clip ratios.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/quant/quantizer.h"

namespace quantoscope {

/// The error of a whole tensor over the clip ratios of a grid.
struct ClipCurve {
  std::vector<double> ratios;
  /// Mean of e^2 at each ratio, double quantization included; e as chooseClip() tells.
  std::vector<double> mse;
  std::size_t best = 0;     ///< index of the smallest, the first of equals
  double unclippedMse = 0;  ///< at ratio 1, whether or not the grid has it
  /// With importance h, one a column: sum of h e^2 over sum of h, and `best` is the index of its
  /// smallest. Empty without.
  std::vector<double> weightedMse;
  double unclippedWeightedMse = 0;

  double bestRatio() const { return ratios[best]; }
  double bestMse() const { return mse[best]; }
  /// What clipping gains: 10 log10(unclipped / best); 0 where both are 0.
  double gainDb() const;
  /// Whether the optimum is an end of the grid beyond which there are ratios still: a wider grid
  /// may find a better one.
  bool atEdge() const;
};

/// What a policy chose for a tensor.
struct ClipChoice {
  ClipRatios ratios;
  ClipCurve curve;  ///< of the tensor; empty where nothing was searched
  /// How often each ratio of the grid was chosen, for rows and groups; else empty.
  std::vector<std::uint64_t> ratioCounts;
};

/// Applies `coding.spec.clip`: searches evaluate every ratio of `coding.spec.grid` in the
/// reference's own arithmetic, e = float32(w - y) squared and summed in float64 in a fixed order,
/// and take the first smallest. The search per tensor evaluates with double quantization at every
/// ratio; per row and per group choose on plain scales. Deterministic for any number of threads.
///
/// With Compute::Stored e is rounded to the type of the weights before it is squared, as the
/// reference subtracts two tensors of it; the error that metrics tell is not.
///
/// ClipPolicy::Kind::Optimal searches no grid: the answer carries the parameters themselves.
///
/// Weights so large that a scale overflows at some ratios have the error NaN there, and the best of
/// the others is the answer; DoesNotFit, naming the group, where none is left, and with double
/// quantization or importance where any ratio is concerned.
///
/// `importance`, where it is not empty, has one weight a column: searches then minimise sum of h
/// e^2. DoesNotFit where it has another length, a negative weight or one that is not finite, or
/// none above 0.
Result<ClipChoice> chooseClip(const WeightTensor& tensor, const Coding& coding,
                              const Executor& executor, const TaskControl& control = {},
                              std::span<const float> importance = {});

/// The curve over the grid of the spec, whatever its clip policy says.
Result<ClipCurve> clipCurveOf(const WeightTensor& tensor, const Coding& coding,
                              const Executor& executor, const TaskControl& control = {});

/// The curve over a wider grid whose first ratios are those of the spec's: what a plot shows. The
/// smallest error within the spec's grid is exact, and the one that a search over it alone finds.
Result<ClipCurve> wideClipCurveOf(const WeightTensor& tensor, const Coding& coding,
                                  const RatioGrid& wide, const Executor& executor,
                                  const TaskControl& control = {});

}  // namespace quantoscope
