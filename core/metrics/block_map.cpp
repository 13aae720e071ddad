#include "core/metrics/block_map.h"

#include <algorithm>
#include <cmath>

namespace quantoscope {

namespace {

IndexRange cut(std::size_t index, std::size_t size, std::size_t length) {
  const std::size_t first = index * size;
  return {first, std::min(size, length - first)};
}

std::size_t partsOf(std::size_t length, std::size_t size) {
  return (length + size - 1) / size;
}

}  // namespace

IndexRange BlockMap::rowsOf(std::size_t cellRow) const {
  return cut(cellRow, rowsPerCell, layout.rows);
}

IndexRange BlockMap::groupsOf(std::size_t cellCol) const {
  return cut(cellCol, groupsPerCell, layout.groupsPerRow());
}

IndexRange BlockMap::columnsOf(std::size_t cellCol) const {
  return cut(cellCol, groupsPerCell * layout.groupSize, layout.cols);
}

std::size_t BlockMap::cellOf(std::size_t row, std::size_t group) const {
  return row / rowsPerCell * cellCols + group / groupsPerCell;
}

BlockMap BlockMap::over(const GroupLayout& layout, std::size_t maxRows, std::size_t maxCols) {
  BlockMap map;
  map.layout = layout;
  map.rowsPerCell = Profile::membersPerPoint(layout.rows, maxRows);
  map.groupsPerCell = Profile::membersPerPoint(layout.groupsPerRow(), maxCols);
  map.cellRows = partsOf(layout.rows, map.rowsPerCell);
  map.cellCols = partsOf(layout.groupsPerRow(), map.groupsPerCell);
  return map;
}

void BlockMapBuilder::add(std::size_t row, std::size_t group, const ErrorTally& tally) {
  if (cells_.empty()) firstCellRow_ = row / map_.rowsPerCell;
  const std::size_t cell = map_.cellOf(row, group) - firstCellRow_ * map_.cellCols;
  if (cell >= cells_.size()) cells_.resize((cell / map_.cellCols + 1) * map_.cellCols);
  cells_[cell].squaredError += tally.squaredError;
  cells_[cell].absError += tally.absError;
  cells_[cell].maxAbsError = std::max(cells_[cell].maxAbsError, tally.maxAbsError);
}

void BlockMapBuilder::append(BlockMapBuilder& next) {
  std::vector<Cell> from = std::move(next.cells_);
  next.cells_.clear();
  if (from.empty()) return;
  if (cells_.empty()) {
    firstCellRow_ = next.firstCellRow_;
    cells_.reserve(map_.cellRows * map_.cellCols);
  }
  const std::size_t begin = (next.firstCellRow_ - firstCellRow_) * map_.cellCols;
  const std::size_t shared = std::min(cells_.size() - begin, from.size());
  for (std::size_t i = 0; i < shared; ++i) {  // a row of cells cut in two
    cells_[begin + i].squaredError += from[i].squaredError;
    cells_[begin + i].absError += from[i].absError;
    cells_[begin + i].maxAbsError = std::max(cells_[begin + i].maxAbsError, from[i].maxAbsError);
  }
  cells_.insert(cells_.end(), from.begin() + static_cast<std::ptrdiff_t>(shared), from.end());
}

BlockMap BlockMapBuilder::finish() {
  for (std::vector<float>* plane : {&map_.maximum, &map_.rms, &map_.mean}) {
    plane->reserve(cells_.size());
  }
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto count = static_cast<double>(map_.rowsOf(i / map_.cellCols).size *
                                           map_.columnsOf(i % map_.cellCols).size);
    map_.maximum.push_back(cells_[i].maxAbsError);
    map_.rms.push_back(static_cast<float>(std::sqrt(cells_[i].squaredError / count)));
    map_.mean.push_back(static_cast<float>(cells_[i].absError / count));
  }
  cells_.clear();
  return std::move(map_);
}

}  // namespace quantoscope
