#include "core/quant/exact_error.h"

#include <algorithm>

namespace quantoscope {

namespace {

/// Rows are worked on in pieces whose weights and values stay in a core's first cache.
constexpr std::size_t kPieceElements = 4096;

}  // namespace

std::size_t ExactError::prepare(MatrixView w) {
  const kernels::BlockShape shape = shapeOf(w);
  const std::size_t groups = shape.rows * shape.groupsPerRow();
  if (buffers_->scale.size() < groups) {
    for (auto* of : {&buffers_->least, &buffers_->most, &buffers_->scale, &buffers_->zeroPoint}) {
      of->resize(groups);
    }
  }
  buffers_->values.resize(std::max(buffers_->values.size(), w.rows * w.cols));
  return groups;
}

SearchErrors::Operands ExactError::operands(MatrixView w) {
  return buffers_->errors.of(codec_.arithmetic, w.data, buffers_->values.data(), w.rows * w.cols);
}

void ExactError::addErrors(MatrixView w, kernels::ErrorLanes::Lanes& lanes) {
  const auto& kernels = kernels::activeKernels();
  if (codec_.arithmetic == Arithmetic::Float32) {
    kernels.addCodingSquaredErrors(codec_, shapeOf(w), w.data, buffers_->scale.data(),
                                   buffers_->zeroPoint.data(), buffers_->scale.data(),
                                   buffers_->values.data(), lanes);
    return;
  }
  kernels.quantizeDequantize(codec_, shapeOf(w), w.data, buffers_->scale.data(),
                             buffers_->zeroPoint.data(), buffers_->scale.data(),
                             buffers_->values.data());
  const auto [weights, values] = operands(w);
  kernels.addSquaredErrors(shapeOf(w), weights, values, lanes);
}

double ExactError::ofBlock(MatrixView w, double ratio) {
  double sum = 0;
  ofBlock(w, {&ratio, 1}, &sum);
  return sum;
}

void ExactError::ofBlock(MatrixView w, std::span<const double> ratios, double* sums,
                         const CancelToken* cancel) {
  const auto& kernels = kernels::activeKernels();
  buffers_->lanes.assign(ratios.size(), {});
  const std::size_t piece =
      std::max<std::size_t>(1, kPieceElements / std::max<std::size_t>(1, w.cols));
  for (std::size_t first = 0; first < w.rows; first += piece) {
    if (cancel != nullptr && cancel->cancelled()) return;
    const MatrixView rows{w.data + first * w.cols, std::min(piece, w.rows - first), w.cols};
    const kernels::BlockShape shape = shapeOf(rows);
    const std::size_t groups = prepare(rows);
    kernels.groupExtremes(shape, rows.data, buffers_->least.data(), buffers_->most.data());
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      if (codec_.followsFromExtremes()) {
        kernels.parametersOfExtremes(codec_, groups, buffers_->least.data(), buffers_->most.data(),
                                     ratios[i], buffers_->scale.data(), buffers_->zeroPoint.data());
      } else {
        kernels.groupParameters(codec_, shape, rows.data, &ratios[i], 0, buffers_->scale.data(),
                                buffers_->zeroPoint.data());
      }
      addErrors(rows, buffers_->lanes[i]);
    }
  }
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    sums[i] = kernels::ErrorLanes::total(buffers_->lanes[i]);
  }
}

const std::vector<double>& ExactError::ofGroups(MatrixView w, double ratio) {
  const kernels::BlockShape shape = shapeOf(w);
  buffers_->groupErrors.resize(prepare(w));
  const auto& kernels = kernels::activeKernels();
  kernels.groupParameters(codec_, shape, w.data, &ratio, 0, buffers_->scale.data(),
                          buffers_->zeroPoint.data());
  kernels.quantizeDequantize(codec_, shape, w.data, buffers_->scale.data(),
                             buffers_->zeroPoint.data(), buffers_->scale.data(),
                             buffers_->values.data());
  const auto [weights, values] = operands(w);
  kernels.groupSquaredErrors(shape, weights, values, buffers_->groupErrors.data());
  return buffers_->groupErrors;
}

}  // namespace quantoscope
