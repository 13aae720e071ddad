#include "core/metrics/weight_statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

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
        std::vector<float> scratch;
        work(b, tensor.block(blocks.first(b), blocks.size(b), scratch).all());
      },
      control);
}

struct Extent {
  std::uint64_t count = 0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double sum = 0;
};

struct Moments {
  double second = 0;
  double fourth = 0;
};

}  // namespace

Result<WeightStatistics> statisticsOf(const WeightTensor& tensor, const Executor& executor,
                                      const TaskControl& control) {
  const std::size_t blocks = RowBlocks::of(tensor.rows(), tensor.cols()).count();

  std::vector<Extent> extents(blocks);
  Status status = forEachBlockOf(tensor, executor, control, [&](std::size_t b, auto values) {
    Extent& part = extents[b];
    for (const float value : values) {
      if (!std::isfinite(value)) continue;
      ++part.count;
      part.min = std::min<double>(part.min, value);
      part.max = std::max<double>(part.max, value);
      part.sum += value;
    }
  });
  if (!status) return status.error();
  Extent whole;
  for (const Extent& part : extents) {
    whole.count += part.count;
    whole.min = std::min(whole.min, part.min);
    whole.max = std::max(whole.max, part.max);
    whole.sum += part.sum;
  }
  if (whole.count == 0) return WeightStatistics{};

  const auto count = static_cast<double>(whole.count);
  const double mean = whole.sum / count;
  std::vector<Moments> moments(blocks);
  status = forEachBlockOf(tensor, executor, control, [&](std::size_t b, auto values) {
    for (const float value : values) {
      if (!std::isfinite(value)) continue;
      const double squared = (value - mean) * (value - mean);
      moments[b].second += squared;
      moments[b].fourth += squared * squared;
    }
  });
  if (!status) return status.error();
  Moments sum;
  for (const Moments& part : moments) {
    sum.second += part.second;
    sum.fourth += part.fourth;
  }
  const double variance = sum.second / count;
  return WeightStatistics{whole.count,         whole.min,
                          whole.max,           mean,
                          std::sqrt(variance), sum.fourth / count / (variance * variance)};
}

Result<Histogram> weightHistogram(const WeightTensor& tensor, const WeightStatistics& statistics,
                                  std::size_t bins, const Executor& executor,
                                  const TaskControl& control) {
  const Histogram empty = Histogram::over(statistics.min, statistics.max, bins);
  std::vector<Histogram> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status = forEachBlockOf(tensor, executor, control, [&](std::size_t b, auto values) {
    parts[b] = empty;
    for (const float value : values) {
      if (std::isfinite(value)) parts[b].add(value);
    }
  });
  if (!status) return status.error();
  Histogram whole = empty;
  for (const Histogram& part : parts) whole.merge(part);
  return whole;
}

}  // namespace quantoscope
