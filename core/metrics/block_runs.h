// Tasks of several blocks, for passes whose partial sums are too large to keep one a block.
#pragma once

#include <algorithm>
#include <cstddef>

#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// A tensor's RowBlocks in runs of consecutive blocks. One task works through a run in order; runs
/// are merged in order. How they are cut depends on the tensor's shape alone, so sums have the same
/// bits for any number of threads.
struct BlockRuns {
  RowBlocks blocks;
  std::size_t blocksPerRun = 1;

  /// At most kMost runs, fewer where parts of `partBytes` a run would pass kPartBudget bytes
  /// together, but at least two.
  static BlockRuns of(std::size_t rows, std::size_t cols, std::size_t partBytes) {
    const RowBlocks blocks = RowBlocks::of(rows, cols);
    const std::size_t affordable = kPartBudget / std::max<std::size_t>(1, partBytes);
    const std::size_t limit = std::clamp<std::size_t>(affordable, 2, kMost);
    return {blocks, std::max<std::size_t>(1, (blocks.count() + limit - 1) / limit)};
  }

  std::size_t count() const { return (blocks.count() + blocksPerRun - 1) / blocksPerRun; }
  std::size_t firstBlock(std::size_t run) const { return run * blocksPerRun; }
  std::size_t endBlock(std::size_t run) const {
    return std::min((run + 1) * blocksPerRun, blocks.count());
  }

  static constexpr std::size_t kMost = 64;
  static constexpr std::size_t kPartBudget = std::size_t{8} << 20;
};

}  // namespace quantoscope
