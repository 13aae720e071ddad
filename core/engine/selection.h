// Which weights somebody points at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "core/metrics/block_map.h"
#include "core/metrics/error_histograms.h"

namespace quantoscope {

/// Neighbouring bins of a histogram. They contain what the histogram counts in them, to the bit;
/// values beyond its ends, as another tensor may have, are in none.
struct BinRange {
  double lo = 0;  ///< of the histogram
  double hi = 0;
  std::size_t bins = 1;
  std::size_t first = 0;
  std::size_t last = 0;  ///< inclusive, below `bins`

  static BinRange of(const Histogram& histogram, std::size_t first, std::size_t last);
  double from() const;  ///< the left border of the first
  double to() const;    ///< the right border of the last

  bool operator==(const BinRange&) const = default;
};

/// Weights by their error y - w. With `magnitudes` the bins are those of folded(): |y - w|.
struct ErrorRange {
  ErrorUnit unit = ErrorUnit::Weight;
  bool magnitudes = false;
  BinRange bins;
  bool operator==(const ErrorRange&) const = default;
};

/// Weights by their value.
struct WeightRange {
  BinRange bins;
  bool operator==(const WeightRange&) const = default;
};

/// Weights by their place: where one of the rows meets one of the columns. No ranges stand for all;
/// those of a side do not overlap. What lies outside a tensor is not there to be selected.
struct Region {
  std::vector<IndexRange> rows;     ///< output channels
  std::vector<IndexRange> columns;  ///< input channels
  bool operator==(const Region&) const = default;
};

/// Weights by their code, as it is written to a file.
struct CodeSet {
  std::vector<int> codes;
  bool operator==(const CodeSet&) const = default;
};

using Selection = std::variant<ErrorRange, WeightRange, Region, CodeSet>;

/// What a selection goes by.
struct WeightFacts {
  std::size_t row = 0;
  std::size_t col = 0;
  float weight = 0;
  float error = 0;  ///< float32(w - y)
  float step = 0;   ///< the scale with which its group's codes are found
  std::int32_t code = 0;
};

struct GroupDetail;

/// Those of a weight in a group, by its place in it.
WeightFacts factsOf(const GroupDetail& group, std::size_t place);

/// Whether a weight is selected. For a few weights; selectWeights() is the same for a tensor.
bool selects(const Selection& selection, const WeightFacts& weight);

}  // namespace quantoscope
