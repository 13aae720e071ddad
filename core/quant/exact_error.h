// The squared error at a clip ratio in the reference's own arithmetic.
#pragma once

#include <vector>

#include "core/kernels/kernels.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Evaluates rows of weights on plain scales (no double quantization), with buffers that are kept
/// from call to call. One thread each.
class ExactError {
 public:
  ExactError(const Codec& codec, std::size_t groupSize) : codec_(codec), groupSize_(groupSize) {}

  /// sum of e^2 over all rows of a block: the bits of kernels::ErrorLanes over these rows.
  double ofBlock(MatrixView w, double ratio);

  /// sum of e^2 of each group, each a sum of its own; groups row-major.
  const std::vector<double>& ofGroups(MatrixView w, double ratio);

 private:
  /// Leaves the parameters of some rows' groups in scale_ and zeroPoint_, and makes room for their
  /// values.
  void findParameters(MatrixView w, double ratio);
  kernels::BlockShape shapeOf(MatrixView w) const { return {w.rows, w.cols, groupSize_}; }

  Codec codec_;
  std::size_t groupSize_;
  std::vector<float> scale_;
  std::vector<float> zeroPoint_;
  std::vector<float> values_;
  std::vector<double> groupErrors_;
};

}  // namespace quantoscope
