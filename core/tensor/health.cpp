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
  const auto block = [&](std::size_t b, std::vector<float>& scratch) {
    return tensor.block(blocks.first(b), blocks.size(b), scratch);
  };
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        SharedBuffers<RowBuffer>::Lease scratch;
        const auto values = block(b, scratch->values).all();
        kernels::activeKernels().summarize(values.data(), values.size(), parts[b]);
      },
      control);
  if (!status) return status.error();

  WeightSurvey survey;
  kernels::Summary extent;
  for (std::size_t b = 0; b < parts.size(); ++b) {
    const kernels::Summary& part = parts[b];
    survey.health.nan += part.nan;
    survey.health.inf += part.inf;
    survey.health.zero += part.zero;
    survey.health.subnormal += part.subnormal;
    extent.min = std::min(extent.min, part.min);
    extent.max = std::max(extent.max, part.max);
    survey.sum += kernels::ErrorLanes::total(part.sum);
    if (!survey.health.firstNonFinite && part.nan + part.inf > 0) {
      std::vector<float> scratch;
      survey.health.firstNonFinite = firstNonFinite(block(b, scratch), blocks.first(b));
    }
  }
  if (extent.min <= extent.max) {
    survey.min = extent.min;
    survey.max = extent.max;
  }
  return survey;
}

Result<TensorHealth> healthOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control) {
  auto survey = surveyOf(tensor, executor, control);
  if (!survey) return survey.error();
  return survey->health;
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
