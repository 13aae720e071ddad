// A tensor's errors as an image: rows down, groups across.
#pragma once

#include <cstdint>
#include <vector>

#include "core/metrics/profile.h"
#include "core/tensor/group_layout.h"

namespace quantoscope {

/// Consecutive indices [first, first + size).
struct IndexRange {
  std::size_t first = 0;
  std::size_t size = 0;
  bool operator==(const IndexRange&) const = default;
};

/// |e| over rows x groups, reduced to at most a given number of cells. A cell stands for
/// `rowsPerCell` rows of `groupsPerCell` groups; the last of a side may stand for fewer. By
/// `maximum` the worst weight of the tensor always shows. Planes are row-major
/// [cellRows, cellCols], in weight units.
struct BlockMap {
  GroupLayout layout;
  std::size_t rowsPerCell = 1;
  std::size_t groupsPerCell = 1;
  std::size_t cellRows = 0;
  std::size_t cellCols = 0;
  std::vector<float> maximum;  ///< the largest |e|, exact
  std::vector<float> rms;      ///< root mean square of e over the cell's weights
  std::vector<float> mean;     ///< mean of |e| over the cell's weights
  /// The group of each cell that holds `maximum`, the first of equals, counted row by row within
  /// the cell; see worstOf().
  std::vector<std::uint32_t> worst;

  /// The group in a cell (an index into the planes) with the largest |e|.
  GroupIndex worstOf(std::size_t cell) const;

  IndexRange rowsOf(std::size_t cellRow) const;
  IndexRange groupsOf(std::size_t cellCol) const;
  /// The columns (input channels) that the groups of a column of cells span.
  IndexRange columnsOf(std::size_t cellCol) const;
  /// Index into the planes of the cell that shows a group.
  std::size_t cellOf(std::size_t row, std::size_t group) const;

  /// The mapping alone, for at most maxRows x maxCols cells (1 or more each); planes are empty.
  static BlockMap over(const GroupLayout& layout, std::size_t maxRows, std::size_t maxCols);
};

/// Fills a map from a run of rows, given group by group in row-major order; runs that were built
/// apart are then appended in order. Holds no more than the rows of cells it has touched.
class BlockMapBuilder {
 public:
  BlockMapBuilder() = default;
  /// `map` is the mapping, as BlockMap::over gives it.
  explicit BlockMapBuilder(BlockMap map) : map_(std::move(map)) {}

  void add(std::size_t row, std::size_t group, const ErrorTally& tally);
  /// Takes the cells of `next` out of it.
  void append(BlockMapBuilder& next);
  BlockMap finish();

 private:
  struct Cell {
    double squaredError = 0;
    double absError = 0;
    float maxAbsError = -1;   ///< below every |e| while the cell is empty
    std::uint32_t worst = 0;  ///< see BlockMap::worst

    void add(const Cell& next);
  };

  BlockMap map_;
  std::size_t firstCellRow_ = 0;
  std::vector<Cell> cells_;  ///< of the rows of cells from firstCellRow_ on
};

}  // namespace quantoscope
