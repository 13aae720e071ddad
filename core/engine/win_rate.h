// Two specifications of one tensor against each other, group by group.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "core/metrics/block_map.h"
#include "core/metrics/histogram.h"
#include "core/parallel/executor.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

struct WinRateRequest {
  std::uint64_t id = 0;  ///< copied into the answer
  std::shared_ptr<const WeightTensor> tensor;
  QuantSpec first;   ///< valid
  QuantSpec second;  ///< valid
  /// What wins are counted in, -1 or 1 and up: it need not be the group size of either.
  long long groupSize = 128;
  std::size_t bins = 512;   ///< of the difference histogram, 1 or more
  std::size_t mapSide = 0;  ///< cells a side of the maps at most; 0: none are made
};

/// Immutable once made. "Nearer" and "wins" mean the smaller error.
struct WinRate {
  std::uint64_t id = 0;
  TensorInfo info;
  QuantSpec first;
  QuantSpec second;
  std::size_t groupSize = 0;  ///< resolved: 1..cols

  /// Groups by their sum of e^2, e = float32(w - y), in float64 along the row.
  std::uint64_t groups = 0;
  std::uint64_t firstWins = 0;
  std::uint64_t secondWins = 0;
  std::uint64_t draws() const { return groups - firstWins - secondWins; }

  /// Weights by their |e|.
  std::uint64_t weights = 0;
  std::uint64_t firstNearer = 0;
  std::uint64_t secondNearer = 0;

  /// |e of the first| - |e of the second| of every weight, over [-R, R] with R the largest
  /// magnitude: what lies below 0 speaks for the first.
  Histogram difference;

  /// The errors of each over rows x groups of `groupSize`, in the same cells; absent where none
  /// were asked for.
  std::optional<BlockMap> firstMap;
  std::optional<BlockMap> secondMap;
  double elapsedMs = 0;
};

using SharedWinRate = std::shared_ptr<const WinRate>;

/// Quantizes with both and compares block by block, so that no second copy of the tensor is needed.
/// The same bits for any number of threads. Errors: an invalid spec, group size or number of bins,
/// NotFinite, DoesNotFit, Cancelled. Thread-safe.
Result<SharedWinRate> winRate(const WinRateRequest& request, const Executor& executor,
                              const TaskControl& control = {});

}  // namespace quantoscope
