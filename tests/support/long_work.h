// Every kind of work that a user can cancel.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/parallel/task_control.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope::test {

struct LongWork {
  std::string name;
  std::function<Status(const TaskControl&)> run;  ///< on one thread
  /// What lies between two questions whether to go on is at most one of so many steps: a few rows
  /// once over, a block at one ratio, a row or group at all of them.
  std::uint64_t steps = 0;
};

/// Normal weights, repeated.
std::shared_ptr<const WeightTensor> repeatedTensor(std::size_t rows, std::size_t cols);

/// `longRows`: rows so long that each is a block of its own.
std::vector<LongWork> longWork(const std::shared_ptr<const WeightTensor>& tensor,
                               const std::shared_ptr<const WeightTensor>& longRows);

}  // namespace quantoscope::test
