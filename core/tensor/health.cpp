#include "core/tensor/health.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/parallel/shared_buffers.h"

namespace quantoscope {

namespace {

std::optional<Position> firstNonFinite(MatrixView block, std::size_t firstRow) {
  for (std::size_t r = 0; r < block.rows; ++r) {
    const auto row = block.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (!std::isfinite(row[c])) return Position{firstRow + r, c};
    }
  }
  return std::nullopt;
}

}  // namespace

Result<WeightSurvey> surveyOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  std::vector<kernels::Summary> parts(blocks.count());
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        SharedBuffers<RowBuffer>::Lease scratch;
        const auto values = tensor.block(blocks.first(b), blocks.size(b), scratch->values).all();
        kernels::activeKernels().summarize(values.data(), values.size(), parts[b]);
      },
      control);
  if (!status) return status.error();

  WeightSurvey survey;
  survey.health = healthFrom(tensor, parts);
  kernels::Summary extent;
  for (const kernels::Summary& part : parts) {
    extent.min = std::min(extent.min, part.min);
    extent.max = std::max(extent.max, part.max);
    survey.sum += kernels::ErrorLanes::total(part.sum);
  }
  if (extent.min <= extent.max) {
    survey.min = extent.min;
    survey.max = extent.max;
  }
  return survey;
}

Result<WeightSurvey> surveyFinite(const WeightTensor& tensor, const Executor& executor,
                                  const TaskControl& control) {
  auto survey = surveyOf(tensor, executor, control);
  if (survey && !survey->health.finite()) {
    return notFiniteError(tensor.info().name, survey->health);
  }
  return survey;
}

Result<TensorHealth> healthOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control) {
  auto survey = surveyOf(tensor, executor, control);
  if (!survey) return survey.error();
  return survey->health;
}

TensorHealth healthFrom(const WeightTensor& tensor, std::span<const kernels::Summary> parts) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  TensorHealth health;
  for (std::size_t b = 0; b < parts.size(); ++b) {
    const kernels::Summary& part = parts[b];
    health.nan += part.nan;
    health.inf += part.inf;
    health.zero += part.zero;
    health.subnormal += part.subnormal;
    if (!health.firstNonFinite && part.nan + part.inf > 0) {
      std::vector<float> scratch;
      health.firstNonFinite =
          firstNonFinite(tensor.block(blocks.first(b), blocks.size(b), scratch), blocks.first(b));
    }
  }
  return health;
}

Error notFiniteError(const std::string& tensor, const TensorHealth& health) {
  std::string message = tensor + ": contains " + std::to_string(health.nan) + " NaN and " +
                        std::to_string(health.inf) + " Inf";
  if (health.firstNonFinite) {
    message += ", the first at row " + std::to_string(health.firstNonFinite->row) + ", column " +
               std::to_string(health.firstNonFinite->col);
  }
  return {ErrorCode::NotFinite, message + "; only finite weights can be quantized"};
}

}  // namespace quantoscope
