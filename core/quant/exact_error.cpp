#include "core/quant/exact_error.h"

#include <algorithm>

namespace quantoscope {

namespace {

/// Rows are worked on in pieces whose weights and values stay in a core's first cache.
constexpr std::size_t kPieceElements = 4096;

}  // namespace

void ExactError::findParameters(MatrixView w, double ratio) {
  const kernels::BlockShape shape = shapeOf(w);
  const std::size_t groups = shape.rows * shape.groupsPerRow();
  scale_.resize(std::max(scale_.size(), groups));
  zeroPoint_.resize(std::max(zeroPoint_.size(), groups));
  values_.resize(std::max(values_.size(), w.rows * w.cols));
  kernels::activeKernels().groupParameters(codec_, shape, w.data, &ratio, 0, scale_.data(),
                                           zeroPoint_.data());
}

double ExactError::ofBlock(MatrixView w, double ratio) {
  kernels::ErrorLanes::Lanes lanes{};
  const std::size_t piece =
      std::max<std::size_t>(1, kPieceElements / std::max<std::size_t>(1, w.cols));
  for (std::size_t first = 0; first < w.rows; first += piece) {
    const MatrixView rows{w.data + first * w.cols, std::min(piece, w.rows - first), w.cols};
    findParameters(rows, ratio);
    kernels::activeKernels().addCodingSquaredErrors(codec_, shapeOf(rows), rows.data, scale_.data(),
                                                    zeroPoint_.data(), scale_.data(),
                                                    values_.data(), lanes);
  }
  return kernels::ErrorLanes::total(lanes);
}

const std::vector<double>& ExactError::ofGroups(MatrixView w, double ratio) {
  findParameters(w, ratio);
  const kernels::BlockShape shape = shapeOf(w);
  groupErrors_.resize(shape.rows * shape.groupsPerRow());
  const auto& kernels = kernels::activeKernels();
  kernels.quantizeDequantize(codec_, shape, w.data, scale_.data(), zeroPoint_.data(), scale_.data(),
                             values_.data());
  kernels.groupSquaredErrors(shape, w.data, values_.data(), groupErrors_.data());
  return groupErrors_;
}

}  // namespace quantoscope
