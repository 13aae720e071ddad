// Which weights share a scale.
#pragma once

#include <algorithm>
#include <cstddef>

namespace quantoscope {

/// A group by its row and its place in the row.
struct GroupIndex {
  std::size_t row = 0;
  std::size_t group = 0;
  bool operator==(const GroupIndex&) const = default;
};

/// Runs of `groupSize` consecutive weights along a row share a scale; a shorter run that is left at
/// the end of each row, the tail, is a group of its own. Group parameters are stored row-major as
/// [rows, groupsPerRow].
struct GroupLayout {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t groupSize = 1;  ///< resolved: 1..cols

  /// `requested` as people write it: -1, or more than `cols`, stands for the whole row.
  static GroupLayout of(std::size_t rows, std::size_t cols, long long requested) {
    const bool wholeRow = requested < 0 || static_cast<std::size_t>(requested) > cols;
    return {rows, cols,
            wholeRow ? std::max<std::size_t>(1, cols) : static_cast<std::size_t>(requested)};
  }

  std::size_t groupsPerRow() const { return (cols + groupSize - 1) / groupSize; }
  std::size_t groups() const { return rows * groupsPerRow(); }
  std::size_t begin(std::size_t group) const { return group * groupSize; }
  std::size_t length(std::size_t group) const {
    return std::min(groupSize, cols - group * groupSize);
  }
  /// The size of the tail, 0 where groups divide the row evenly.
  std::size_t tail() const { return cols % groupSize; }

  bool operator==(const GroupLayout&) const = default;
};

}  // namespace quantoscope
