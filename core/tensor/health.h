// Values that do not belong into a weight tensor.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/base/result.h"
#include "core/kernels/kernels.h"
#include "core/parallel/executor.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Where an element is: row = output channel, col = input channel.
struct Position {
  std::size_t row = 0;
  std::size_t col = 0;
  bool operator==(const Position&) const = default;
};

/// How many elements are not ordinary numbers.
struct TensorHealth {
  std::uint64_t nan = 0;
  std::uint64_t inf = 0;
  std::uint64_t zero = 0;
  std::uint64_t subnormal = 0;             ///< as float32
  std::optional<Position> firstNonFinite;  ///< in row-major order

  bool finite() const { return nan == 0 && inf == 0; }
};

/// What one pass over the weights finds.
struct WeightSurvey {
  TensorHealth health;
  float min = 0;  ///< of the finite elements; 0 where there is none
  float max = 0;
  double sum = 0;  ///< of the finite elements, in a fixed order
};

/// One parallel pass; another over the first block that holds NaN or Inf, if any does.
Result<WeightSurvey> surveyOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control = {});

/// The survey of weights that are to be quantized. NotFinite where an element is NaN or Inf, with
/// the message of notFiniteError().
Result<WeightSurvey> surveyFinite(const WeightTensor& tensor, const Executor& executor,
                                  const TaskControl& control = {});

/// The health alone.
Result<TensorHealth> healthOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control = {});

/// The health from summaries of the tensor's blocks (see RowBlocks), for passes that summarize
/// while they do something else. Reads the first block that holds NaN or Inf, if any does.
TensorHealth healthFrom(const WeightTensor& tensor, std::span<const kernels::Summary> blocks);

/// The error with which a tensor that is not finite is refused: its name, the counts, the first
/// position.
Error notFiniteError(const std::string& tensor, const TensorHealth& health);

}  // namespace quantoscope
