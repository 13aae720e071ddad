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

GroupIndex BlockMap::worstOf(std::size_t cell) const {
  const std::size_t within = worst[cell];
  const std::size_t across = groupsPerCell;
  return {rowsOf(cell / cellCols).first + within / across,
          groupsOf(cell % cellCols).first + within % across};
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
  const std::size_t within =
      row % map_.rowsPerCell * map_.groupsPerCell + group % map_.groupsPerCell;
  cells_[cell].add(
      {tally.squaredError, tally.absError, tally.maxAbsError, static_cast<std::uint32_t>(within)});
}

void BlockMapBuilder::Cell::add(const Cell& next) {
  squaredError += next.squaredError;
  absError += next.absError;
  if (next.maxAbsError > maxAbsError) {
    maxAbsError = next.maxAbsError;
    worst = next.worst;
  }
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
    cells_[begin + i].add(from[i]);
  }
  cells_.insert(cells_.end(), from.begin() + static_cast<std::ptrdiff_t>(shared), from.end());
}

BlockMap BlockMapBuilder::finish() {
  map_.worst.reserve(cells_.size());
  for (std::vector<float>* plane : {&map_.maximum, &map_.rms, &map_.mean}) {
    plane->reserve(cells_.size());
  }
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto count = static_cast<double>(map_.rowsOf(i / map_.cellCols).size *
                                           map_.columnsOf(i % map_.cellCols).size);
    map_.maximum.push_back(cells_[i].maxAbsError);
    map_.rms.push_back(static_cast<float>(std::sqrt(cells_[i].squaredError / count)));
    map_.mean.push_back(static_cast<float>(cells_[i].absError / count));
    map_.worst.push_back(cells_[i].worst);
  }
  cells_.clear();
  return std::move(map_);
}

}  // namespace quantoscope
