#include "core/quant/quantizer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "core/base/memory_border.h"
#include "core/base/text.h"
#include "core/kernels/half_arithmetic.h"
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

/// The arithmetic that a group's scale is found in: that of 16-bit weights, but float32 where there
/// is a zero point.
Arithmetic arithmeticOfScales(const Codec& codec) {
  return codec.hasZeroPoint() ? Arithmetic::Float32 : codec.arithmetic;
}

/// What numbers the scales of a format are.
const char* scaleTypeOf(const Codec& codec) {
  if (codec.scaleFormat == ScaleFormat::SignedHalf) return "float16";
  switch (arithmeticOfScales(codec)) {
    case Arithmetic::Float32:
      return "float32";
    case Arithmetic::Float16:
      return "float16";
    case Arithmetic::BFloat16:
      return "bfloat16";
  }
  return "";
}

/// Whether a group's scale and zero point can be used.
bool usable(const ParameterView& parameters, const Codec& codec, std::size_t group) {
  const float scale = parameters.scale[group];
  // A codebook's all-zero group has scale 0 by definition; an integer's never has.
  const bool vanished = scale == 0 && codec.kind != CodecKind::Codebook;
  const bool badZero = codec.hasZeroPoint() && !std::isfinite(parameters.zeroPoint[group]);
  return std::isfinite(scale) && !vanished && !badZero;
}

ParameterView viewOf(const GroupParameters& parameters, std::size_t firstGroup) {
  return {parameters.scale.data() + firstGroup,
          parameters.zeroPoint.empty() ? nullptr : parameters.zeroPoint.data() + firstGroup,
          parameters.decoding().data() + firstGroup};
}

/// What the parameters of all groups take.
std::uint64_t parameterBytes(const Coding& coding) {
  const std::uint64_t arrays =
      1 + (coding.codec.hasZeroPoint() ? 1 : 0) + (coding.spec.doubleQuant ? 1 : 0);
  return coding.layout.groups() * sizeof(float) * arrays;
}

/// Whether the rule of symmetric integers gives numbers although the scale has become 0: a weight
/// over it is infinite, its code the last one, its value 0. Only 0 / 0 is no number.
bool worksWithoutScale(const Codec& codec, float scale, std::span<const float> weights) {
  return scale == 0 && codec.kind == CodecKind::Symmetric &&
         std::find(weights.begin(), weights.end(), 0.0f) == weights.end();
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

void UnusableGroups::look(const Codec& codec, const ParameterView& parameters,
                          std::size_t firstGroup, const kernels::BlockShape& shape,
                          const float* w) {
  const std::size_t perRow = shape.groupsPerRow();
  for (std::size_t g = 0; g < shape.rows * perRow; ++g) {
    if (usable(parameters, codec, g)) continue;
    const std::size_t begin = g % perRow * shape.groupSize;
    const std::span<const float> weights(w + g / perRow * shape.cols + begin,
                                         std::min(shape.groupSize, shape.cols - begin));
    if (worksWithoutScale(codec, parameters.scale[g], weights)) continue;
    const std::lock_guard lock(mutex_);
    if (first_ && *first_ <= firstGroup + g) return;
    first_ = firstGroup + g;
    scale_ = parameters.scale[g];
    return;
  }
}

Status UnusableGroups::check(const WeightTensor& tensor, const Coding& coding) const {
  if (!first_) return ok();
  const std::size_t perRow = coding.layout.groupsPerRow();
  return Error{ErrorCode::DoesNotFit,
               tensor.info().name + ": the scale of row " + std::to_string(*first_ / perRow) +
                   ", group " + std::to_string(*first_ % perRow) + " is " + formatNumber(scale_) +
                   " with " + describe(coding.spec) + "; scales must be ordinary " +
                   scaleTypeOf(coding.codec) + " numbers"};
}

Status roomForParameters(const WeightTensor& tensor, const Coding& coding) {
  return roomFor(tensor.info().name, "the scales of its groups", parameterBytes(coding));
}

ParameterRoom roomIn(GroupParameters& parameters, const WeightSpan& span) {
  return {parameters.scale.data() + span.firstGroup,
          parameters.zeroPoint.empty() ? nullptr : parameters.zeroPoint.data() + span.firstGroup};
}

ParameterRoom ownRoom(const Codec& codec, std::size_t groups) {
  static thread_local std::vector<float> scale;
  static thread_local std::vector<float> zeroPoint;
  if (scale.size() < groups) scale.resize(groups);
  if (codec.hasZeroPoint() && zeroPoint.size() < groups) zeroPoint.resize(groups);
  return {scale.data(), codec.hasZeroPoint() ? zeroPoint.data() : nullptr};
}

ParameterSource::ParameterSource(GroupParameters kept)
    : layout_(kept.layout), kept_(std::make_shared<const GroupParameters>(std::move(kept))) {}

ParameterSource ParameterSource::borrowed(const GroupParameters& kept) {
  ParameterSource source;
  source.layout_ = kept.layout;
  source.kept_ = std::shared_ptr<const GroupParameters>(std::shared_ptr<void>(), &kept);
  return source;
}

ParameterSource ParameterSource::foundAgain(const Coding& coding, double ratio) {
  ParameterSource source;
  source.layout_ = coding.layout;
  source.coding_ = std::make_shared<const Coding>(coding);
  source.ratio_ = ratio;
  return source;
}

bool ParameterSource::findsAgain(const Coding& coding, const ClipRatios& ratios) {
  return coding.scalesStandAlone() && ratios.granularity == ClipRatios::Granularity::Tensor &&
         parameterBytes(coding) > kMostKept &&
         parameterBytes(coding) / coding.layout.rows <= kMostKept / 16;  // rows are looked at whole
}

ParameterView ParameterSource::of(std::size_t firstGroup, const kernels::BlockShape& shape,
                                  const float* w) const {
  if (kept_) return viewOf(*kept_, firstGroup);
  const ParameterRoom room = ownRoom(coding_->codec, shape.rows * shape.groupsPerRow());
  kernels::activeKernels().groupParameters(coding_->codec, shape, w, &ratio_, 0, room.scale,
                                           room.zeroPoint);
  return room.view();
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
                    const ParameterRoom& room) {
  const SpanRatios spanRatios(ratios, span);
  kernels::activeKernels().groupParameters(codec, span.shape, span.weights, spanRatios.data(),
                                           spanRatios.stride(), room.scale, room.zeroPoint);
}

void BlockErrors::add(const Codec& codec, const ParameterView& parameters, const WeightSpan& span,
                      float* room) {
  kernels::ErrorPeak found = peak;
  kernels::activeKernels().addCodingErrors(codec, span.shape, span.weights, parameters.scale,
                                           parameters.zeroPoint, parameters.decodeScale, room,
                                           lanes, found);
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

std::vector<std::size_t> groupsWithoutScale(const Coding& coding,
                                            const GroupParameters& parameters) {
  std::vector<std::size_t> groups;
  if (coding.codec.kind != CodecKind::Symmetric) return groups;
  for (std::size_t g = 0; g < parameters.scale.size(); ++g) {
    if (parameters.scale[g] == 0) groups.push_back(g);
  }
  return groups;
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
  if (auto room = roomForParameters(tensor, coding); !room) return room.error();
  GroupParameters parameters = emptyParameters(coding);
  UnusableGroups unusable;
  WorkerPool<OptimalScaleFinder> finders([&] { return OptimalScaleFinder(codec); });
  const auto findBest = [&](std::size_t, std::size_t first, MatrixView w, float*) {
    WorkerPool<OptimalScaleFinder>::Lease finder(finders);
    const std::size_t group = first * coding.layout.groupsPerRow();
    findOptimal(*finder, codec.hasZeroPoint(), w, group, importance, control.cancel, parameters);
    unusable.look(codec, viewOf(parameters, group), group, shapeOf(w, coding.layout), w.data);
  };
  const Status status = optimal
                            ? forEachPiece(tensor, executor, control, findBest)
                            : forEachSpan(tensor, coding.layout, executor, control,
                                          [&](const WeightSpan& span, float*) {
                                            const ParameterRoom found = roomIn(parameters, span);
                                            findParameters(codec, ratios, span, found);
                                            unusable.look(codec, found.view(), span);
                                          });
  if (!status) return status.error();
  if (auto checked = unusable.check(tensor, coding); !checked) return checked.error();
  if (const auto& second = coding.spec.doubleQuant) {
    parameters.decodeScale = doubleQuantized(parameters.scale, *second, arithmeticOfScales(codec));
  }
  return parameters;
}

Result<ParameterSource> parameterSourceOf(const WeightTensor& tensor, const Coding& coding,
                                          const ClipRatios& ratios, const Executor& executor,
                                          const TaskControl& control,
                                          std::span<const float> importance) {
  if (!ParameterSource::findsAgain(coding, ratios)) {
    auto kept = groupParametersOf(tensor, coding, ratios, executor, control, importance);
    if (!kept) return kept.error();
    return ParameterSource(std::move(*kept));
  }
  ParameterSource source = ParameterSource::foundAgain(coding, ratios.values[0]);
  UnusableGroups unusable;
  const Status status =
      forEachSpan(tensor, coding.layout, executor, control, [&](const WeightSpan& span, float*) {
        unusable.look(coding.codec, source.of(span.firstGroup, span.shape, span.weights), span);
      });
  if (!status) return status.error();
  if (auto checked = unusable.check(tensor, coding); !checked) return checked.error();
  return source;
}

void dequantizeRows(const Codec& codec, const ParameterSource& parameters, MatrixView w,
                    std::size_t firstRow, float* y) {
  const ParameterView groups = parameters.ofRows(firstRow, w);
  kernels::activeKernels().quantizeDequantize(codec, shapeOf(w, parameters.layout()), w.data,
                                              groups.scale, groups.zeroPoint, groups.decodeScale,
                                              y);
}

Status forEachDequantizedBlock(const WeightTensor& tensor, const Coding& coding,
                               const ParameterSource& parameters, const Executor& executor,
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
  const Status status = forEachSpan(
      tensor, parameters.layout, executor, control, [&](const WeightSpan& span, float* room) {
        parts[span.block].add(coding.codec, viewOf(parameters, span.firstGroup), span, room);
      });
  if (!status) return status.error();
  return sumsOf(parts, tensor);
}

namespace {

/// Parameters and sums in one pass. Calls place(span) for each span, before it is quantized, which
/// says where its parameters go.
template <typename Place>
Result<ErrorSums> measureInOnePass(const WeightTensor& tensor, const Coding& coding,
                                   const ClipRatios& ratios, const Executor& executor,
                                   const TaskControl& control, UnusableGroups& unusable,
                                   Place place) {
  std::vector<BlockErrors> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status = forEachSpan(tensor, coding.layout, executor, control,
                                    [&](const WeightSpan& span, float* room) {
                                      const ParameterRoom found = place(span);
                                      findParameters(coding.codec, ratios, span, found);
                                      unusable.look(coding.codec, found.view(), span);
                                      parts[span.block].add(coding.codec, found.view(), span, room);
                                    });
  if (!status) return status.error();
  return sumsOf(parts, tensor);
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
  if (auto room = roomForParameters(tensor, coding); !room) return room.error();
  MeasuredQuantization measured{emptyParameters(coding), {}};
  UnusableGroups unusable;
  auto sums =
      measureInOnePass(tensor, coding, ratios, executor, control, unusable,
                       [&](const WeightSpan& span) { return roomIn(measured.parameters, span); });
  if (!sums) return sums.error();
  if (auto checked = unusable.check(tensor, coding); !checked) return checked.error();
  measured.sums = *sums;
  return measured;
}

Result<ErrorSums> measureErrors(const WeightTensor& tensor, const Coding& coding,
                                const ClipRatios& ratios, const Executor& executor,
                                const TaskControl& control) {
  if (!coding.scalesStandAlone()) {
    auto measured = measureQuantization(tensor, coding, ratios, executor, control);
    if (!measured) return measured.error();
    return measured->sums;
  }
  UnusableGroups unusable;
  auto sums = measureInOnePass(
      tensor, coding, ratios, executor, control, unusable,
      [&](const WeightSpan& span) { return ownRoom(coding.codec, span.groups()); });
  if (!sums) return sums;
  auto checked = unusable.check(tensor, coding);
  return checked ? std::move(sums) : checked.error();
}

Result<ErrorSums> surveyAndMeasure(const WeightTensor& tensor, const Coding& coding,
                                   const ClipRatios& ratios, const Executor& executor,
                                   const TaskControl& control) {
  std::vector<kernels::Summary> blocks(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  UnusableGroups unusable;
  auto sums = measureInOnePass(
      tensor, coding, ratios, executor, control, unusable, [&](const WeightSpan& span) {
        kernels::activeKernels().summarize(span.weights, span.shape.rows * span.shape.cols,
                                           blocks[span.block]);
        return ownRoom(coding.codec, span.groups());
      });
  if (!sums) return sums;
  const TensorHealth health = healthFrom(tensor, blocks);
  if (!health.finite()) return notFiniteError(tensor.info().name, health);
  auto checked = unusable.check(tensor, coding);
  return checked ? std::move(sums) : checked.error();
}

Result<Matrix> dequantized(const WeightTensor& tensor, const Coding& coding,
                           const GroupParameters& parameters, const Executor& executor,
                           const TaskControl& control) {
  Matrix values(tensor.rows(), tensor.cols());
  const Status status = forEachDequantizedBlock(
      tensor, coding, ParameterSource::borrowed(parameters), executor, control,
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

Matrix codesFromScales(const WeightTensor& tensor, const Coding& coding, const Matrix& scale,
                       const Matrix* zeroPoint) {
  const Codec& codec = coding.codec;
  const auto rounded = [&](float value) { return kernels::roundedTo(codec.arithmetic, value); };
  Matrix codes(tensor.rows(), tensor.cols());
  std::vector<float> scratch;
  std::vector<std::int32_t> levels(coding.layout.groupSize);
  for (std::size_t r = 0; r < codes.rows; ++r) {
    const auto weights = tensor.block(r, 1, scratch).row(0);
    for (std::size_t g = 0; g < coding.layout.groupsPerRow(); ++g) {
      const std::size_t begin = coding.layout.begin(g);
      const std::size_t length = coding.layout.length(g);
      const float by = scale.row(r)[g];
      const float* w = weights.data() + begin;
      float* found = codes.row(r).data() + begin;
      if (codec.kind == CodecKind::Codebook) {
        kernels::activeKernels().encode(codec, {1, length, length}, w, &by, nullptr, levels.data());
        std::copy_n(levels.begin(), length, found);
        continue;
      }
      for (std::size_t i = 0; i < length; ++i) {
        const float t = rounded(w[i] / by);
        found[i] = std::nearbyintf(zeroPoint ? rounded(t + zeroPoint->row(r)[g]) : t);
      }
    }
  }
  return codes;
}

}  // namespace quantoscope
