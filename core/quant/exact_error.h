// The squared error at a clip ratio in the reference's own arithmetic.
#pragma once

#include <span>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/parallel/shared_buffers.h"
#include "core/parallel/task_control.h"
#include "core/quant/search_errors.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Evaluates rows of weights on plain scales (no double quantization), with buffers that it borrows
/// from the process. One thread each.
class ExactError {
 public:
  ExactError(const Codec& codec, std::size_t groupSize) : codec_(codec), groupSize_(groupSize) {}

  /// sum of e^2 over all rows of a block: the bits of kernels::ErrorLanes over these rows. In an
  /// arithmetic of 16 bits e is rounded to it (see SearchErrors).
  double ofBlock(MatrixView w, double ratio);

  /// The same at some ratios, in one pass over the weights. Stops early, with sums that mean
  /// nothing, where it is cancelled.
  void ofBlock(MatrixView w, std::span<const double> ratios, double* sums,
               const CancelToken* cancel = nullptr);

  /// sum of e^2 of each group, each a sum of its own; groups row-major.
  const std::vector<double>& ofGroups(MatrixView w, double ratio);

 private:
  /// Makes room for the groups and values of some rows; returns the number of groups.
  std::size_t prepare(MatrixView w);
  /// What kernels add up, of values that are in the buffer.
  SearchErrors::Operands operands(MatrixView w);
  /// Adds e^2 of rows whose parameters are in the buffers.
  void addErrors(MatrixView w, kernels::ErrorLanes::Lanes& lanes);
  kernels::BlockShape shapeOf(MatrixView w) const { return {w.rows, w.cols, groupSize_}; }

  Codec codec_;
  std::size_t groupSize_;
  struct Buffers {
    std::vector<float> least;
    std::vector<float> most;
    std::vector<float> scale;
    std::vector<float> zeroPoint;
    std::vector<float> values;
    std::vector<double> groupErrors;
    std::vector<kernels::ErrorLanes::Lanes> lanes;
    SearchErrors errors;
    std::size_t bytes() const {
      return (4 * scale.capacity() + values.capacity()) * sizeof(float) +
             groupErrors.capacity() * sizeof(double) +
             lanes.capacity() * sizeof(kernels::ErrorLanes::Lanes) + errors.bytes();
    }
  };
  SharedBuffers<Buffers>::Lease buffers_;
};

}  // namespace quantoscope
