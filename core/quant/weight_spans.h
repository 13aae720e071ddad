// Passes over a tensor in stretches that stay in a core's first cache, for the sources of quant.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/parallel/executor.h"
#include "core/parallel/shared_buffers.h"
#include "core/tensor/group_layout.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// What a worker needs for a piece of a few rows.
struct PieceBuffers {
  std::vector<float> weights;
  std::vector<float> values;
  std::size_t bytes() const { return (weights.capacity() + values.capacity()) * sizeof(float); }
};

/// Calls work(block, first row, weights, room for as many values) on pieces of a few rows, those of
/// one block in order and on one thread. Weights and values of a piece stay in a core's first
/// cache. Asks after each piece whether it is cancelled: with the optimal policy a block takes
/// long.
template <typename Work>
Status forEachPiece(const WeightTensor& tensor, const Executor& executor,
                    const TaskControl& control, Work work) {
  constexpr std::size_t kPieceElements = 4096;
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  const std::size_t rows =
      std::max<std::size_t>(1, kPieceElements / std::max<std::size_t>(1, tensor.cols()));
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        SharedBuffers<PieceBuffers>::Lease scratch;
        scratch->values.resize(rows * tensor.cols());
        const std::size_t end = blocks.first(b) + blocks.size(b);
        for (std::size_t first = blocks.first(b); first < end; first += rows) {
          if (!executor.goOn(control)) return;  // the search for an optimal scale takes its time
          const MatrixView w = tensor.block(first, std::min(rows, end - first), scratch->weights);
          work(b, first, w, scratch->values.data());
        }
      },
      control);
  return status ? tensor.intact() : status;
}

/// Some whole groups: of some whole rows, or a part of one.
struct WeightSpan {
  std::size_t block;
  std::size_t firstRow;
  std::size_t firstCol;    ///< 0 but for parts of a row
  std::size_t firstGroup;  ///< of the tensor's, row-major
  const float* weights;
  kernels::BlockShape shape;

  std::size_t groups() const { return shape.rows * shape.groupsPerRow(); }
};

/// Calls work(span, room for as many values) likewise. Sums of kernels::ErrorLanes that are added
/// up span by span have the bits of whole rows.
template <typename Work>
Status forEachSpan(const WeightTensor& tensor, const GroupLayout& layout, const Executor& executor,
                   const TaskControl& control, Work work) {
  constexpr std::size_t kSpan = kernels::ErrorLanes::kSpan;
  const bool splits = kSpan % layout.groupSize == 0;
  return forEachPiece(tensor, executor, control,
                      [&](std::size_t block, std::size_t firstRow, MatrixView w, float* room) {
                        const std::size_t group = firstRow * layout.groupsPerRow();
                        const std::size_t cols =
                            splits && w.rows == 1 ? kSpan : std::max<std::size_t>(1, w.cols);
                        for (std::size_t c = 0; c < w.cols; c += cols) {
                          work(WeightSpan{block,
                                          firstRow,
                                          c,
                                          group + c / layout.groupSize,
                                          w.data + c,
                                          {w.rows, std::min(cols, w.cols - c), layout.groupSize}},
                               room);
                        }
                      });
}

}  // namespace quantoscope
