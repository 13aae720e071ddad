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
  if (scale_.size() < groups) {
    for (auto* values : {&least_, &most_, &scale_, &zeroPoint_}) values->resize(groups);
  }
  values_.resize(std::max(values_.size(), w.rows * w.cols));
  return groups;
}

double ExactError::ofBlock(MatrixView w, double ratio) {
  double sum = 0;
  ofBlock(w, {&ratio, 1}, &sum);
  return sum;
}

void ExactError::ofBlock(MatrixView w, std::span<const double> ratios, double* sums) {
  const auto& kernels = kernels::activeKernels();
  lanes_.assign(ratios.size(), {});
  const std::size_t piece =
      std::max<std::size_t>(1, kPieceElements / std::max<std::size_t>(1, w.cols));
  for (std::size_t first = 0; first < w.rows; first += piece) {
    const MatrixView rows{w.data + first * w.cols, std::min(piece, w.rows - first), w.cols};
    const kernels::BlockShape shape = shapeOf(rows);
    const std::size_t groups = prepare(rows);
    kernels.groupExtremes(shape, rows.data, least_.data(), most_.data());
    for (std::size_t i = 0; i < ratios.size(); ++i) {
      kernels.parametersOfExtremes(codec_, groups, least_.data(), most_.data(), ratios[i],
                                   scale_.data(), zeroPoint_.data());
      kernels.addCodingSquaredErrors(codec_, shape, rows.data, scale_.data(), zeroPoint_.data(),
                                     scale_.data(), values_.data(), lanes_[i]);
    }
  }
  for (std::size_t i = 0; i < ratios.size(); ++i) sums[i] = kernels::ErrorLanes::total(lanes_[i]);
}

const std::vector<double>& ExactError::ofGroups(MatrixView w, double ratio) {
  const kernels::BlockShape shape = shapeOf(w);
  groupErrors_.resize(prepare(w));
  const auto& kernels = kernels::activeKernels();
  kernels.groupParameters(codec_, shape, w.data, &ratio, 0, scale_.data(), zeroPoint_.data());
  kernels.quantizeDequantize(codec_, shape, w.data, scale_.data(), zeroPoint_.data(), scale_.data(),
                             values_.data());
  kernels.groupSquaredErrors(shape, w.data, values_.data(), groupErrors_.data());
  return groupErrors_;
}

}  // namespace quantoscope
