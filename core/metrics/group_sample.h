// A small part of a tensor that stands for all of it.
#pragma once

#include <cstddef>
#include <vector>

#include "core/tensor/group_layout.h"
#include "core/tensor/health.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// A stratified sample of whole groups, the same for the same shape: no seed, no randomness.
///
/// The rows are cut into equal strata and the middle row of each gives one run of consecutive
/// groups (more runs where the sample may be larger than that), at places that run evenly over the
/// row by the golden-ratio (Weyl) sequence. Runs are at least kLeastRun weights long. Where groups
/// do not divide a row, or rows must stay whole, a run is a row. Each run becomes one row of the
/// sample tensor, so a group keeps its neighbours and its scale.
class GroupSample {
 public:
  static constexpr std::size_t kLeastRun = 64;

  /// At most `limit` weights, but at least one run; the whole tensor where it is no larger.
  GroupSample(const GroupLayout& layout, std::size_t limit, bool wholeRows);

  std::size_t rows() const { return runs_.size(); }
  std::size_t cols() const { return cols_; }
  std::size_t elements() const { return rows() * cols(); }
  bool whole() const { return elements() == layout_.rows * layout_.cols; }

  /// Where an element of the sample is in the tensor.
  Position original(Position sampled) const;
  /// The sampled weights as float32 elements [rows(), cols()], with the name and dtype of `tensor`.
  WeightTensor take(const WeightTensor& tensor) const;

 private:
  void takeRows(std::size_t count);
  void takeRuns(std::size_t count, std::size_t groupsPerRun);

  GroupLayout layout_;
  std::size_t cols_ = 0;
  std::vector<Position> runs_;  ///< the first element of each
};

}  // namespace quantoscope
