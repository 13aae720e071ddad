#include "core/quant/error_histogram.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/kernels/error_counts.h"
#include "core/parallel/worker_pool.h"
#include "core/quant/span_errors.h"

namespace quantoscope {

namespace {

/// How large an error of a group can be, from its parameters and extremes.
class ErrorLimits {
 public:
  explicit ErrorLimits(const Codec& codec) : codec_(codec) {
    if (codec.kind != CodecKind::Codebook) return;
    const Codebook& book = *codec.codebook;
    halfGap_ = 0;
    for (std::size_t i = 0; i < book.thresholds.size(); ++i) {
      halfGap_ = std::max(
          {halfGap_, book.thresholds[i] - book.levels[i], book.levels[i + 1] - book.thresholds[i]});
    }
  }

  /// Not below any |w - y| of the group; no number where that cannot be told.
  float of(float scale, float zeroPoint, float least, float most) const {
    if (codec_.arithmetic != Arithmetic::Float32) {
      return std::numeric_limits<float>::quiet_NaN();  // its roundings are not small
    }
    float low = codec_.hasZeroPoint() ? -zeroPoint : codec_.minCode;
    float high = codec_.hasZeroPoint() ? codec_.maxCode - zeroPoint : codec_.maxCode;
    if (codec_.kind == CodecKind::Codebook) {
      low = codec_.codebook->levels.front();
      high = codec_.codebook->levels.back();
    }
    if (scale < 0) {
      std::swap(low, high);
      low = -low;
      high = -high;
    }
    const float step = std::fabs(scale);
    const float error = std::max({halfGap_ * step, low * step - least, most - high * step});
    // Levels and quotients are rounded, in proportion to the largest of them; subnormal ones to
    // multiples of 1.4e-45.
    const float rounding = std::max(std::fabs(low), std::fabs(high)) * step;
    return error * 1.00001f + rounding * 1e-6f + 1e-44f;
  }

 private:
  const Codec& codec_;
  float halfGap_ = 0.5f;
};

/// One worker's search for the largest error.
class LargestError {
 public:
  explicit LargestError(const Codec& codec) : codec_(codec), limits_(codec) {}

  /// Finds the parameters of a span's groups, too.
  void add(const ClipRatios& ratios, const WeightSpan& span, const ParameterRoom& parameters,
           float* room) {
    const auto& kernels = kernels::activeKernels();
    const std::size_t groups = span.groups();
    if (least_.size() < groups) {
      least_.resize(groups);
      most_.resize(groups);
    }
    kernels.groupExtremes(span.shape, span.weights, least_.data(), most_.data());
    if (codec_.followsFromExtremes() && ratios.granularity == ClipRatios::Granularity::Tensor) {
      kernels.parametersOfExtremes(codec_, groups, least_.data(), most_.data(), ratios.values[0],
                                   parameters.scale, parameters.zeroPoint);
    } else {
      findParameters(codec_, ratios, span, parameters);
    }
    const std::size_t perRow = span.shape.groupsPerRow();
    for (std::size_t g = 0; g < groups; ++g) {
      const float scale = parameters.scale[g];
      const float zeroPoint = codec_.hasZeroPoint() ? parameters.zeroPoint[g] : 0;
      if (limits_.of(scale, zeroPoint, least_[g], most_[g]) <= found_) continue;
      const std::size_t begin = g % perRow * span.shape.groupSize;
      const std::size_t length = std::min(span.shape.groupSize, span.shape.cols - begin);
      kernels::ErrorLanes unused;
      kernels::ErrorPeak peak;
      kernels.addCodingErrors(codec_, {1, length, length},
                              span.weights + g / perRow * span.shape.cols + begin, &scale,
                              &zeroPoint, &scale, room, unused, peak);
      found_ = std::max(found_, peak.magnitude);
    }
  }

  float found() const { return found_; }

 private:
  const Codec& codec_;
  ErrorLimits limits_;
  std::vector<float> least_;
  std::vector<float> most_;
  float found_ = 0;
};

/// What a pass over a quantized tensor counts, given the largest error.
Result<ErrorSums> countErrors(const WeightTensor& tensor, const Codec& codec,
                              const ParameterSource& parameters, const Executor& executor,
                              const TaskControl& control, Histogram& histogram) {
  std::vector<BlockErrors> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  using Counts = std::unique_ptr<kernels::ErrorCounts>;
  WorkerPool<Counts> pool([&] {  // counts: no order to keep
    return std::make_unique<kernels::ErrorCounts>(histogram.hi, histogram.counts.size());
  });
  const Status status = forEachSpan(
      tensor, parameters.layout(), executor, control, [&](const WeightSpan& span, float* room) {
        WorkerPool<Counts>::Lease counts(pool);
        BlockErrors& part = parts[span.block];
        kernels::ErrorPeak found = part.peak;
        const ParameterView groups = parameters.of(span.firstGroup, span.shape, span.weights);
        kernels::activeKernels().addCountedErrors(codec, span.shape, span.weights, groups.scale,
                                                  groups.zeroPoint, groups.decodeScale, room,
                                                  part.lanes, found, **counts);
        part.take(found, span);
      });
  if (!status) return status.error();
  pool.forEach([&](const Counts& counts) { counts->addTo(histogram.counts); });
  return sumsOf(parts, tensor);
}

}  // namespace

Result<CountedQuantization> countQuantizationErrors(const WeightTensor& tensor,
                                                    const Coding& coding, const ClipRatios& ratios,
                                                    std::size_t bins, const Executor& executor,
                                                    const TaskControl& control) {
  const Codec& codec = coding.codec;
  const auto counting = [&](ParameterSource parameters,
                            float range) -> Result<CountedQuantization> {
    Histogram histogram = Histogram::over(-range, range, bins);
    // Without any error all of them are in one bin.
    auto sums = range == 0 ? measureErrors(tensor, coding, ratios, executor, control)
                           : countErrors(tensor, codec, parameters, executor, control, histogram);
    if (!sums) return sums.error();
    if (range == 0) histogram.counts[0] = tensor.elements();
    return CountedQuantization{std::move(parameters), *sums, std::move(histogram)};
  };
  if (!coding.scalesStandAlone()) {
    auto measured = measureQuantization(tensor, coding, ratios, executor, control);
    if (!measured) return measured.error();
    const float range = measured->sums.maxAbsError;
    return counting(ParameterSource(std::move(measured->parameters)), range);
  }
  const bool again = ParameterSource::findsAgain(coding, ratios);
  GroupParameters kept;
  if (!again) {
    if (auto room = roomForParameters(tensor, coding); !room) return room.error();
    kept = emptyParameters(coding);
  }
  WorkerPool<LargestError> pool([&] { return LargestError(codec); });
  UnusableGroups unusable;
  const Status status = forEachSpan(
      tensor, coding.layout, executor, control, [&](const WeightSpan& span, float* room) {
        WorkerPool<LargestError>::Lease largest(pool);
        const ParameterRoom found = again ? ownRoom(codec, span.groups()) : roomIn(kept, span);
        largest->add(ratios, span, found, room);
        unusable.look(codec, found.view(), span);
      });
  if (!status) return status.error();
  if (auto checked = unusable.check(tensor, coding); !checked) return checked.error();
  float range = 0;
  pool.forEach([&](const LargestError& part) { range = std::max(range, part.found()); });
  return counting(again ? ParameterSource::foundAgain(coding, ratios.values[0])
                        : ParameterSource(std::move(kept)),
                  range);
}

}  // namespace quantoscope
