#include "core/engine/selection.h"

#include <algorithm>
#include <cmath>

#include "core/engine/analysis.h"
#include "core/engine/selection_matcher.h"

namespace quantoscope {

namespace {

double borderOf(const BinRange& range, std::size_t border) {
  if (border == range.bins) return range.hi;  // as Histogram::edges
  return range.lo +
         (range.hi - range.lo) * static_cast<double>(border) / static_cast<double>(range.bins);
}

bool among(const std::vector<IndexRange>& ranges, std::size_t index) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const IndexRange& range) {
           return index >= range.first && index - range.first < range.size;
         });
}

struct Selects {
  const WeightFacts& weight;

  bool operator()(const ErrorRange& range) const {
    const float error = errorInUnit(range.unit, weight.error, weight.step, weight.weight);
    return std::isfinite(error) && BinMatcher::of(range).matches(error);
  }
  bool operator()(const WeightRange& range) const {
    return BinMatcher::of(range).matches(weight.weight);
  }
  bool operator()(const Region& region) const {
    return among(region.rows, weight.row) && among(region.columns, weight.col);
  }
  bool operator()(const CodeSet& set) const {
    return std::find(set.codes.begin(), set.codes.end(), weight.code) != set.codes.end();
  }
};

}  // namespace

BinRange BinRange::of(const Histogram& histogram, std::size_t first, std::size_t last) {
  return {histogram.lo, histogram.hi, histogram.counts.size(), first, last};
}

double BinRange::from() const {
  return borderOf(*this, first);
}

double BinRange::to() const {
  return borderOf(*this, last + 1);
}

WeightFacts factsOf(const GroupDetail& group, std::size_t place) {
  return {group.index.row,      group.firstColumn + place,
          group.weights[place], group.weights[place] - group.values[place],
          group.codingScale,    group.codes[place]};
}

bool selects(const Selection& selection, const WeightFacts& weight) {
  return std::visit(Selects{weight}, selection);
}

}  // namespace quantoscope
