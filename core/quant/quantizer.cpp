#include "core/quant/quantizer.h"

#include <cmath>
#include <optional>
#include <string>

#include "core/base/text.h"
#include "core/quant/double_quant.h"

namespace quantoscope {

namespace {

kernels::BlockShape shapeOf(MatrixView block, const GroupLayout& layout) {
  return {block.rows, block.cols, layout.groupSize};
}

/// Ratios of the groups of some rows as the kernels want them: a pointer and a stride of 0 or 1.
class BlockRatios {
 public:
  BlockRatios(const ClipRatios& ratios, const GroupLayout& layout, std::size_t firstRow,
              std::size_t rows) {
    switch (ratios.granularity) {
      case ClipRatios::Granularity::Tensor:
        data_ = ratios.values.data();
        stride_ = 0;
        return;
      case ClipRatios::Granularity::Group:
        data_ = ratios.values.data() + firstRow * layout.groupsPerRow();
        return;
      case ClipRatios::Granularity::Row:
        spread_.reserve(rows * layout.groupsPerRow());
        for (std::size_t r = 0; r < rows; ++r) {
          spread_.insert(spread_.end(), layout.groupsPerRow(), ratios.values[firstRow + r]);
        }
        data_ = spread_.data();
    }
  }

  const double* data() const { return data_; }
  std::size_t stride() const { return stride_; }

 private:
  std::vector<double> spread_;
  const double* data_ = nullptr;
  std::size_t stride_ = 1;
};

/// The first group whose scale or zero point cannot be used.
std::optional<std::size_t> firstUnusable(const GroupParameters& parameters, const Codec& codec) {
  for (std::size_t g = 0; g < parameters.scale.size(); ++g) {
    const float scale = parameters.scale[g];
    // A codebook's all-zero group has scale 0 by definition; an integer's never has.
    const bool vanished = scale == 0 && codec.kind != CodecKind::Codebook;
    const bool badZero = codec.hasZeroPoint() && !std::isfinite(parameters.zeroPoint[g]);
    if (!std::isfinite(scale) || vanished || badZero) return g;
  }
  return std::nullopt;
}

template <typename Code>
Result<std::vector<Code>> codesOf(const WeightTensor& tensor, const Codec& codec,
                                  const GroupParameters& parameters, const Executor& executor,
                                  const TaskControl& control) {
  const GroupLayout& layout = parameters.layout;
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  std::vector<Code> codes(tensor.elements());
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        std::vector<float> scratch;
        const std::size_t first = blocks.first(b);
        const MatrixView w = tensor.block(first, blocks.size(b), scratch);
        const std::size_t group = first * layout.groupsPerRow();
        std::vector<std::int32_t> wide(w.rows * w.cols);
        kernels::activeKernels().encode(
            codec, shapeOf(w, layout), w.data, parameters.scale.data() + group,
            codec.hasZeroPoint() ? parameters.zeroPoint.data() + group : nullptr, wide.data());
        std::copy(wide.begin(), wide.end(),
                  codes.begin() + static_cast<std::ptrdiff_t>(first * w.cols));
      },
      control);
  if (!status) return status.error();
  return codes;
}

}  // namespace

double ClipRatios::at(std::size_t row, std::size_t group, std::size_t groupsPerRow) const {
  switch (granularity) {
    case Granularity::Tensor:
      return values[0];
    case Granularity::Row:
      return values[row];
    case Granularity::Group:
      return values[row * groupsPerRow + group];
  }
  return 1;
}

Result<GroupParameters> groupParametersOf(const WeightTensor& tensor, const QuantSpec& spec,
                                          const ClipRatios& ratios, const Executor& executor,
                                          const TaskControl& control) {
  const Codec codec = codecOf(spec);
  GroupParameters parameters;
  parameters.layout = layoutOf(spec, tensor.rows(), tensor.cols());
  const GroupLayout& layout = parameters.layout;
  parameters.scale.resize(layout.groups());
  if (codec.hasZeroPoint()) parameters.zeroPoint.resize(layout.groups());

  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  const Status status = executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        std::vector<float> scratch;
        const std::size_t first = blocks.first(b);
        const MatrixView w = tensor.block(first, blocks.size(b), scratch);
        const BlockRatios blockRatios(ratios, layout, first, w.rows);
        const std::size_t group = first * layout.groupsPerRow();
        kernels::activeKernels().groupParameters(
            codec, shapeOf(w, layout), w.data, blockRatios.data(), blockRatios.stride(),
            parameters.scale.data() + group,
            codec.hasZeroPoint() ? parameters.zeroPoint.data() + group : nullptr);
      },
      control);
  if (!status) return status.error();

  if (const auto group = firstUnusable(parameters, codec)) {
    return Error{ErrorCode::DoesNotFit,
                 tensor.info().name + ": the scale of row " +
                     std::to_string(*group / layout.groupsPerRow()) + ", group " +
                     std::to_string(*group % layout.groupsPerRow()) + " is " +
                     formatNumber(parameters.scale[*group]) + " with " + describe(spec) +
                     "; scales must be ordinary float32 numbers"};
  }
  if (spec.doubleQuant) {
    parameters.decodeScale = doubleQuantized(parameters.scale, *spec.doubleQuant);
  }
  return parameters;
}

void dequantizeRows(const Codec& codec, const GroupParameters& parameters, MatrixView w,
                    std::size_t firstRow, float* y) {
  const std::size_t group = firstRow * parameters.layout.groupsPerRow();
  kernels::activeKernels().quantizeDequantize(
      codec, shapeOf(w, parameters.layout), w.data, parameters.scale.data() + group,
      codec.hasZeroPoint() ? parameters.zeroPoint.data() + group : nullptr,
      parameters.decoding().data() + group, y);
}

Status forEachDequantizedBlock(const WeightTensor& tensor, const QuantSpec& spec,
                               const GroupParameters& parameters, const Executor& executor,
                               const TaskControl& control, const DequantizedBlock& work) {
  const Codec codec = codecOf(spec);
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  return executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        std::vector<float> scratch;
        const std::size_t first = blocks.first(b);
        const MatrixView w = tensor.block(first, blocks.size(b), scratch);
        std::vector<float> y(w.rows * w.cols);
        dequantizeRows(codec, parameters, w, first, y.data());
        work(b, first, w, y.data());
      },
      control);
}

Result<ErrorSums> errorSumsOf(const WeightTensor& tensor, const QuantSpec& spec,
                              const GroupParameters& parameters, const Executor& executor,
                              const TaskControl& control) {
  struct Part {
    kernels::ErrorLanes lanes;
    kernels::ErrorPeak peak;
  };
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  std::vector<Part> parts(blocks.count());
  const Status status = forEachDequantizedBlock(
      tensor, spec, parameters, executor, control,
      [&](std::size_t b, std::size_t, MatrixView w, const float* y) {
        const kernels::BlockShape shape = shapeOf(w, parameters.layout);
        kernels::activeKernels().addErrors(shape, w.data, y, parts[b].lanes);
        kernels::activeKernels().findPeak(shape, w.data, y, parts[b].peak);
      });
  if (!status) return status.error();
  ErrorSums sums;
  for (std::size_t b = 0; b < parts.size(); ++b) {
    sums.add(parts[b].lanes, parts[b].peak, blocks.first(b), blocks.size(b) * tensor.cols());
  }
  return sums;
}

Result<Matrix> dequantized(const WeightTensor& tensor, const QuantSpec& spec,
                           const GroupParameters& parameters, const Executor& executor,
                           const TaskControl& control) {
  Matrix values(tensor.rows(), tensor.cols());
  const Status status =
      forEachDequantizedBlock(tensor, spec, parameters, executor, control,
                              [&](std::size_t, std::size_t firstRow, MatrixView w, const float* y) {
                                std::copy(y, y + w.rows * w.cols, values.row(firstRow).data());
                              });
  if (!status) return status.error();
  return values;
}

Result<QuantizedTensor> quantized(const WeightTensor& tensor, const QuantSpec& spec,
                                  const ClipRatios& ratios, const Executor& executor,
                                  const TaskControl& control) {
  auto parameters = groupParametersOf(tensor, spec, ratios, executor, control);
  if (!parameters) return parameters.error();
  const Codec codec = codecOf(spec);
  QuantizedTensor result{spec, {}, {}, ratios};
  if (codec.hasZeroPoint()) {
    auto codes = codesOf<std::uint8_t>(tensor, codec, *parameters, executor, control);
    if (!codes) return codes.error();
    result.codes = std::move(*codes);
  } else {
    auto codes = codesOf<std::int8_t>(tensor, codec, *parameters, executor, control);
    if (!codes) return codes.error();
    result.codes = std::move(*codes);
  }
  result.parameters = std::move(*parameters);
  return result;
}

}  // namespace quantoscope
