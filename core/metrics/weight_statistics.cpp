#include "core/metrics/weight_statistics.h"

#include <cmath>
#include <limits>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/parallel/shared_buffers.h"
#include "core/parallel/worker_pool.h"

namespace quantoscope {

namespace {

/// Calls work(block index, its elements) on all blocks of a tensor.
template <typename Work>
Status forEachBlockOf(const WeightTensor& tensor, const Executor& executor,
                      const TaskControl& control, Work work) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  return executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        SharedBuffers<RowBuffer>::Lease scratch;
        work(b, tensor.block(blocks.first(b), blocks.size(b), scratch->values).all());
      },
      control);
}

}  // namespace

Result<WeightSummary> summaryOf(const WeightTensor& tensor, const Executor& executor,
                                const TaskControl& control) {
  using kernels::ErrorLanes;
  auto found = surveyOf(tensor, executor, control);
  if (!found) return found.error();
  WeightSummary summary;
  summary.survey = *found;
  WeightStatistics& statistics = summary.statistics;
  statistics.count = tensor.elements() - found->health.nan - found->health.inf;
  if (statistics.count == 0) {
    const double nan = std::numeric_limits<double>::quiet_NaN();
    statistics = {0, nan, nan, nan, nan, nan};
    return summary;
  }
  const auto count = static_cast<double>(statistics.count);
  statistics.min = found->min;
  statistics.max = found->max;
  statistics.mean = found->sum / count;

  std::vector<kernels::MomentLanes> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status = forEachBlockOf(tensor, executor, control, [&](std::size_t b, auto values) {
    kernels::activeKernels().addMoments(values.data(), values.size(), statistics.mean, parts[b]);
  });
  if (!status) return status.error();
  double second = 0;
  double fourth = 0;
  for (const kernels::MomentLanes& part : parts) {
    second += ErrorLanes::total(part.second);
    fourth += ErrorLanes::total(part.fourth);
  }
  const double variance = second / count;
  statistics.std = std::sqrt(variance);
  statistics.kurtosis = fourth / count / (variance * variance);
  return summary;
}

Result<WeightStatistics> statisticsOf(const WeightTensor& tensor, const Executor& executor,
                                      const TaskControl& control) {
  auto summary = summaryOf(tensor, executor, control);
  if (!summary) return summary.error();
  return summary->statistics;
}

Result<Histogram> weightHistogram(const WeightTensor& tensor, const WeightStatistics& statistics,
                                  std::size_t bins, const Executor& executor,
                                  const TaskControl& control) {
  const bool none = statistics.count == 0;
  const Histogram empty =
      none ? Histogram::over(0, 0, 1) : Histogram::over(statistics.min, statistics.max, bins);
  const bool finite = statistics.count == tensor.elements();
  WorkerPool<Histogram> parts([&] { return empty; });  // counts: no order to keep
  const Status status = forEachBlockOf(tensor, executor, control, [&](std::size_t, auto values) {
    WorkerPool<Histogram>::Lease mine(parts);
    if (finite) return mine->addAll(values, 1);
    for (const float value : values) {
      if (std::isfinite(value)) mine->add(value);
    }
  });
  if (!status) return status.error();
  Histogram whole = empty;
  parts.forEach([&](const Histogram& part) { whole.merge(part); });
  return whole;
}

}  // namespace quantoscope
