#include "core/metrics/group_sample.h"

#include <algorithm>
#include <cstdint>

namespace quantoscope {

namespace {

/// The middle of stratum i of `strata` over `length`.
std::size_t middleOf(std::size_t i, std::size_t strata, std::size_t length) {
  return (2 * i + 1) * length / (2 * strata);
}

/// floor((i + u) * length / strata), u = frac(n * golden ratio) in 32 bits.
std::size_t evenPlace(std::size_t i, std::size_t strata, std::size_t length, std::size_t n) {
  constexpr std::uint32_t kGolden = 2654435769u;  // 2^32 / golden ratio
  const std::uint32_t u = static_cast<std::uint32_t>(n) * kGolden;
  const std::uint64_t place = (static_cast<std::uint64_t>(i) << 32) + u;
  return static_cast<std::size_t>(place * length / strata >> 32);
}

}  // namespace

GroupSample::GroupSample(const GroupLayout& layout, std::size_t limit, bool wholeRows)
    : layout_(layout) {
  const std::size_t groups = layout.groupsPerRow();
  const std::size_t groupsPerRun = (kLeastRun + layout.groupSize - 1) / layout.groupSize;
  if (layout.rows * layout.cols <= limit) {
    cols_ = layout.cols;
    takeRows(layout.rows);
  } else if (wholeRows || layout.tail() != 0 || groups <= groupsPerRun) {
    cols_ = layout.cols;
    takeRows(std::clamp<std::size_t>(limit / layout.cols, 1, layout.rows));
  } else {
    cols_ = groupsPerRun * layout.groupSize;
    takeRuns(std::max<std::size_t>(1, limit / cols_), groupsPerRun);
  }
}

void GroupSample::takeRows(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) runs_.push_back({middleOf(i, count, layout_.rows), 0});
}

void GroupSample::takeRuns(std::size_t count, std::size_t groupsPerRun) {
  const std::size_t slots = layout_.groupsPerRow() / groupsPerRun;
  const std::size_t left = layout_.groupsPerRow() % groupsPerRun;
  const std::size_t rowsTaken = std::min(count, layout_.rows);
  const std::size_t perRow = std::min(count / rowsTaken, slots);
  for (std::size_t i = 0; i < rowsTaken; ++i) {
    // Runs are counted from the row's begin and from its end in turn, so that no group is left out.
    const std::size_t shift = i % 2 == 0 ? 0 : left;
    for (std::size_t k = 0; k < perRow; ++k) {
      const std::size_t group = shift + groupsPerRun * evenPlace(k, perRow, slots, i);
      runs_.push_back({middleOf(i, rowsTaken, layout_.rows), group * layout_.groupSize});
    }
  }
}

Position GroupSample::original(Position sampled) const {
  return {runs_[sampled.row].row, runs_[sampled.row].col + sampled.col};
}

WeightTensor GroupSample::take(const WeightTensor& tensor) const {
  std::vector<float> values;
  values.reserve(elements());
  std::vector<float> scratch;
  for (const Position& run : runs_) {
    const auto row = tensor.block(run.row, 1, scratch).row(0).subspan(run.col, cols_);
    values.insert(values.end(), row.begin(), row.end());
  }
  TensorInfo info;
  info.name = tensor.info().name;
  info.shape = {rows(), cols()};
  info.dtype = tensor.info().dtype;  // what the weights are, and so how they are computed with
  info.bytes = elements() * sizeof(float);
  info.quantizable = true;
  setAxes(info, AxisMap::rows(2));
  return WeightTensor(std::move(info), std::move(values));
}

}  // namespace quantoscope
