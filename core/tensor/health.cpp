#include "core/tensor/health.h"

#include <cmath>
#include <string>
#include <vector>

namespace quantoscope {

namespace {

TensorHealth healthOfBlock(MatrixView block, std::size_t firstRow) {
  TensorHealth health;
  for (std::size_t r = 0; r < block.rows; ++r) {
    const auto row = block.row(r);
    for (std::size_t c = 0; c < row.size(); ++c) {
      switch (std::fpclassify(row[c])) {
        case FP_NAN:
          ++health.nan;
          break;
        case FP_INFINITE:
          ++health.inf;
          break;
        case FP_ZERO:
          ++health.zero;
          continue;
        case FP_SUBNORMAL:
          ++health.subnormal;
          continue;
        default:
          continue;
      }
      if (!health.firstNonFinite) health.firstNonFinite = Position{firstRow + r, c};
    }
  }
  return health;
}

}  // namespace

Result<TensorHealth> healthOf(const WeightTensor& tensor, const Executor& executor,
                              const TaskControl& control) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  std::vector<TensorHealth> parts(blocks.count());
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        std::vector<float> scratch;
        parts[b] =
            healthOfBlock(tensor.block(blocks.first(b), blocks.size(b), scratch), blocks.first(b));
      },
      control);
  if (!status) return status.error();

  TensorHealth whole;
  for (const TensorHealth& part : parts) {
    whole.nan += part.nan;
    whole.inf += part.inf;
    whole.zero += part.zero;
    whole.subnormal += part.subnormal;
    if (!whole.firstNonFinite) whole.firstNonFinite = part.firstNonFinite;
  }
  return whole;
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
