#include "core/quant/quantizer.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <optional>
#include <string>

#include "core/base/text.h"
#include "core/parallel/worker_pool.h"
#include "core/quant/double_quant.h"
#include "core/quant/optimal_scale.h"
#include "core/quant/span_errors.h"

namespace quantoscope {

namespace {

kernels::BlockShape shapeOf(MatrixView block, const GroupLayout& layout) {
  return {block.rows, block.cols, layout.groupSize};
}

/// Ratios of a span's groups as the kernels want them: a pointer and a stride of 0 or 1.
class SpanRatios {
 public:
  SpanRatios(const ClipRatios& ratios, const WeightSpan& span) {
    switch (ratios.granularity) {
      case ClipRatios::Granularity::Tensor:
        data_ = ratios.values.data();
        stride_ = 0;
        return;
      case ClipRatios::Granularity::Group:
        data_ = ratios.values.data() + span.firstGroup;
        return;
      case ClipRatios::Granularity::Row:
        if (span.shape.rows == 1) {  // the usual case takes no memory
          data_ = ratios.values.data() + span.firstRow;
          stride_ = 0;
          return;
        }
        spread_.reserve(span.groups());
        for (std::size_t r = 0; r < span.shape.rows; ++r) {
          spread_.insert(spread_.end(), span.shape.groupsPerRow(),
                         ratios.values[span.firstRow + r]);
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

/// Whether a group's scale and zero point can be used.
bool usable(const GroupParameters& parameters, const Codec& codec, std::size_t group) {
  const float scale = parameters.scale[group];
  // A codebook's all-zero group has scale 0 by definition; an integer's never has.
  const bool vanished = scale == 0 && codec.kind != CodecKind::Codebook;
  const bool badZero = codec.hasZeroPoint() && !std::isfinite(parameters.zeroPoint[group]);
  return std::isfinite(scale) && !vanished && !badZero;
}

std::optional<std::size_t> firstUnusable(const GroupParameters& parameters, const Codec& codec) {
  for (std::size_t g = 0; g < parameters.scale.size(); ++g) {
    if (!usable(parameters, codec, g)) return g;
  }
  return std::nullopt;
}

/// The parameters with the least error of the groups of some rows, the first of them `group`. Ends
/// early, with some left out, when it is cancelled: a group may take milliseconds.
void findOptimal(OptimalScaleFinder& finder, bool hasZeroPoint, MatrixView w, std::size_t group,
                 std::span<const float> importance, const CancelToken& cancel,
                 GroupParameters& parameters) {
  const GroupLayout& layout = parameters.layout;
  for (std::size_t r = 0; r < w.rows; ++r) {
    for (std::size_t g = 0; g < layout.groupsPerRow(); ++g, ++group) {
      if (cancel.cancelled()) return;
      const std::size_t begin = layout.begin(g);
      const std::size_t length = layout.length(g);
      const OptimalScale best =
          finder.find(w.row(r).subspan(begin, length),
                      importance.empty() ? importance : importance.subspan(begin, length));
      parameters.scale[group] = best.scale;
      if (hasZeroPoint) parameters.zeroPoint[group] = best.zeroPoint;
    }
  }
}

}  // namespace

Status checkUsable(const WeightTensor& tensor, const Coding& coding,
                   const GroupParameters& parameters) {
  const auto group = firstUnusable(parameters, coding.codec);
  if (!group) return ok();
  const std::size_t perRow = parameters.layout.groupsPerRow();
  const bool half = coding.codec.scaleFormat == ScaleFormat::SignedHalf;
  return Error{ErrorCode::DoesNotFit,
               tensor.info().name + ": the scale of row " + std::to_string(*group / perRow) +
                   ", group " + std::to_string(*group % perRow) + " is " +
                   formatNumber(parameters.scale[*group]) + " with " + describe(coding.spec) +
                   "; scales must be ordinary " + (half ? "float16" : "float32") + " numbers"};
}

GroupParameters emptyParameters(const Coding& coding) {
  GroupParameters parameters;
  parameters.layout = coding.layout;
  parameters.tensorScale = coding.codec.tensorScale;
  parameters.scale.resize(coding.layout.groups());
  if (coding.codec.hasZeroPoint()) parameters.zeroPoint.resize(coding.layout.groups());
  return parameters;
}

void findParameters(const Codec& codec, const ClipRatios& ratios, const WeightSpan& span,
                    GroupParameters& parameters) {
  const SpanRatios spanRatios(ratios, span);
  kernels::activeKernels().groupParameters(
      codec, span.shape, span.weights, spanRatios.data(), spanRatios.stride(),
      parameters.scale.data() + span.firstGroup,
      codec.hasZeroPoint() ? parameters.zeroPoint.data() + span.firstGroup : nullptr);
}

bool usableParameters(const Codec& codec, const GroupParameters& parameters,
                      const WeightSpan& span) {
  for (std::size_t g = span.firstGroup; g < span.firstGroup + span.groups(); ++g) {
    if (!usable(parameters, codec, g)) return false;
  }
  return true;
}

void BlockErrors::add(const Codec& codec, const GroupParameters& parameters, const WeightSpan& span,
                      float* room) {
  kernels::ErrorPeak found = peak;
  kernels::activeKernels().addCodingErrors(
      codec, span.shape, span.weights, parameters.scale.data() + span.firstGroup,
      codec.hasZeroPoint() ? parameters.zeroPoint.data() + span.firstGroup : nullptr,
      parameters.decoding().data() + span.firstGroup, room, lanes, found);
  take(found, span);
}

void BlockErrors::take(const kernels::ErrorPeak& found, const WeightSpan& span) {
  if (found.magnitude > peak.magnitude) {
    peak = {found.magnitude, span.firstRow + found.row, span.firstCol + found.col};
  }
}

ErrorSums sumsOf(const std::vector<BlockErrors>& parts, const WeightTensor& tensor) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  ErrorSums sums;
  for (std::size_t b = 0; b < parts.size(); ++b) {
    sums.add(parts[b].lanes, parts[b].peak, 0, blocks.size(b) * tensor.cols());
  }
  return sums;
}

namespace {

template <typename Code>
Result<std::vector<Code>> codesOf(const WeightTensor& tensor, const Codec& codec,
                                  const GroupParameters& parameters, const Executor& executor,
                                  const TaskControl& control) {
  const GroupLayout& layout = parameters.layout;
  std::vector<Code> codes(tensor.elements());
  WorkerPool<std::vector<std::int32_t>> pool;
  const Status status = forEachPiece(
      tensor, executor, control, [&](std::size_t, std::size_t first, MatrixView w, float*) {
        const std::size_t group = first * layout.groupsPerRow();
        WorkerPool<std::vector<std::int32_t>>::Lease wide(pool);
        wide->resize(w.rows * w.cols);
        kernels::activeKernels().encode(
            codec, shapeOf(w, layout), w.data, parameters.scale.data() + group,
            codec.hasZeroPoint() ? parameters.zeroPoint.data() + group : nullptr, wide->data());
        std::copy(wide->begin(), wide->end(),
                  codes.begin() + static_cast<std::ptrdiff_t>(first * w.cols));
      });
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

Result<GroupParameters> groupParametersOf(const WeightTensor& tensor, const Coding& coding,
                                          const ClipRatios& ratios, const Executor& executor,
                                          const TaskControl& control,
                                          std::span<const float> importance) {
  const Codec& codec = coding.codec;
  const bool optimal = coding.spec.clip.kind == ClipPolicy::Kind::Optimal;
  if (optimal && ratios.optimal != nullptr && ratios.optimal->layout == coding.layout) {
    return *ratios.optimal;
  }
  GroupParameters parameters = emptyParameters(coding);
  WorkerPool<OptimalScaleFinder> finders([&] { return OptimalScaleFinder(codec); });
  const auto findBest = [&](std::size_t, std::size_t first, MatrixView w, float*) {
    WorkerPool<OptimalScaleFinder>::Lease finder(finders);
    findOptimal(*finder, codec.hasZeroPoint(), w, first * coding.layout.groupsPerRow(), importance,
                control.cancel, parameters);
  };
  const Status status = optimal ? forEachPiece(tensor, executor, control, findBest)
                                : forEachSpan(tensor, coding.layout, executor, control,
                                              [&](const WeightSpan& span, float*) {
                                                findParameters(codec, ratios, span, parameters);
                                              });
  if (!status) return status.error();
  if (auto checked = checkUsable(tensor, coding, parameters); !checked) return checked.error();
  if (const auto& second = coding.spec.doubleQuant) {
    parameters.decodeScale = doubleQuantized(parameters.scale, *second);
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

Status forEachDequantizedBlock(const WeightTensor& tensor, const Coding& coding,
                               const GroupParameters& parameters, const Executor& executor,
                               const TaskControl& control, const DequantizedBlock& work) {
  return forEachPiece(tensor, executor, control,
                      [&](std::size_t b, std::size_t first, MatrixView w, float* y) {
                        dequantizeRows(coding.codec, parameters, w, first, y);
                        work(b, first, w, y);
                      });
}

Result<ErrorSums> errorSumsOf(const WeightTensor& tensor, const Coding& coding,
                              const GroupParameters& parameters, const Executor& executor,
                              const TaskControl& control) {
  std::vector<BlockErrors> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status = forEachSpan(tensor, parameters.layout, executor, control,
                                    [&](const WeightSpan& span, float* room) {
                                      parts[span.block].add(coding.codec, parameters, span, room);
                                    });
  if (!status) return status.error();
  return sumsOf(parts, tensor);
}

namespace {

/// Parameters and sums in one pass; calls also(span) before it quantizes a span.
template <typename Also>
Result<MeasuredQuantization> measureInOnePass(const WeightTensor& tensor, const Coding& coding,
                                              const ClipRatios& ratios, const Executor& executor,
                                              const TaskControl& control, Also also) {
  MeasuredQuantization measured;
  GroupParameters& parameters = measured.parameters;
  parameters = emptyParameters(coding);
  std::vector<BlockErrors> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status = forEachSpan(tensor, coding.layout, executor, control,
                                    [&](const WeightSpan& span, float* room) {
                                      also(span);
                                      findParameters(coding.codec, ratios, span, parameters);
                                      parts[span.block].add(coding.codec, parameters, span, room);
                                    });
  if (!status) return status.error();
  measured.sums = sumsOf(parts, tensor);
  return measured;
}

}  // namespace

Result<MeasuredQuantization> measureQuantization(const WeightTensor& tensor, const Coding& coding,
                                                 const ClipRatios& ratios, const Executor& executor,
                                                 const TaskControl& control) {
  if (!coding.scalesStandAlone()) {
    auto parameters = groupParametersOf(tensor, coding, ratios, executor, control);
    if (!parameters) return parameters.error();
    auto sums = errorSumsOf(tensor, coding, *parameters, executor, control);
    if (!sums) return sums.error();
    return MeasuredQuantization{std::move(*parameters), *sums};
  }
  auto measured =
      measureInOnePass(tensor, coding, ratios, executor, control, [](const WeightSpan&) {});
  if (!measured) return measured;
  auto checked = checkUsable(tensor, coding, measured->parameters);
  return checked ? std::move(measured) : checked.error();
}

Result<MeasuredQuantization> surveyAndMeasure(const WeightTensor& tensor, const Coding& coding,
                                              const ClipRatios& ratios, const Executor& executor,
                                              const TaskControl& control) {
  std::vector<kernels::Summary> blocks(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  auto measured =
      measureInOnePass(tensor, coding, ratios, executor, control, [&](const WeightSpan& span) {
        kernels::activeKernels().summarize(span.weights, span.shape.rows * span.shape.cols,
                                           blocks[span.block]);
      });
  if (!measured) return measured;
  const TensorHealth health = healthFrom(tensor, blocks);
  if (!health.finite()) return notFiniteError(tensor.info().name, health);
  auto checked = checkUsable(tensor, coding, measured->parameters);
  return checked ? std::move(measured) : checked.error();
}

Result<Matrix> dequantized(const WeightTensor& tensor, const Coding& coding,
                           const GroupParameters& parameters, const Executor& executor,
                           const TaskControl& control) {
  Matrix values(tensor.rows(), tensor.cols());
  const Status status =
      forEachDequantizedBlock(tensor, coding, parameters, executor, control,
                              [&](std::size_t, std::size_t firstRow, MatrixView w, const float* y) {
                                std::copy(y, y + w.rows * w.cols, values.row(firstRow).data());
                              });
  if (!status) return status.error();
  return values;
}

Result<QuantizedTensor> quantized(const WeightTensor& tensor, const Coding& coding,
                                  GroupParameters parameters, ClipRatios ratios,
                                  const Executor& executor, const TaskControl& control) {
  const Codec& codec = coding.codec;
  QuantizedTensor result{coding.spec, {}, std::move(parameters), std::move(ratios)};
  const bool manyLevels = codec.codebook != nullptr && codec.codebook->levels.size() > 16;
  const auto encode = [&]<typename Code>(Code) -> Status {
    auto codes = codesOf<Code>(tensor, codec, result.parameters, executor, control);
    if (!codes) return codes.error();
    result.codes = std::move(*codes);
    return ok();
  };
  const Status status =
      codec.hasZeroPoint() || manyLevels ? encode(std::uint8_t{}) : encode(std::int8_t{});
  if (!status) return status.error();
  return result;
}

}  // namespace quantoscope
