// How a range of bins is held against values: shared by one weight and by a tensor.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/engine/selection.h"
#include "core/kernels/kernels.h"

namespace quantoscope {

/// A BinRange made ready. Values are handed over as the passes have them: `sign` times a value is
/// what the histogram counts.
struct BinMatcher {
  double lo = 0;
  double hi = 0;
  kernels::BinRule rule;
  bool equal = false;   ///< all values of the histogram are the same: it has one bin
  bool folded = false;  ///< bins are counted outwards from 0
  std::int32_t first = 0;
  std::int32_t last = 0;

  static BinMatcher of(const WeightRange& range) { return make(range.bins, 1, false); }
  /// For errors w - y.
  static BinMatcher of(const ErrorRange& range) { return make(range.bins, -1, range.magnitudes); }

  /// Whether a bin that `rule` found is one of them.
  bool hasBin(std::int32_t bin) const {
    if (folded) {
      const auto half = static_cast<std::int32_t>(rule.bins) / 2;
      bin = bin >= half ? bin - half : half - 1 - bin;
    }
    return bin >= first && bin <= last;
  }
  bool inside(float value) const {
    const double counted = rule.sign * static_cast<double>(value);
    return counted >= lo && counted <= hi;
  }
  bool matches(float value) const {
    return inside(value) && (equal ? first == 0 : hasBin(rule.binOf(value)));
  }

 private:
  static BinMatcher make(const BinRange& range, double sign, bool folded) {
    BinMatcher made;
    made.equal = !(range.hi > range.lo);
    made.folded = folded && !made.equal;
    made.hi = range.hi;
    made.lo = made.folded ? -range.hi : range.lo;
    const auto bins = static_cast<double>(range.bins) * (made.folded ? 2 : 1);
    made.rule = {made.lo, made.equal ? 1 : made.hi - made.lo, bins, sign};
    made.first = static_cast<std::int32_t>(range.first);
    made.last = static_cast<std::int32_t>(range.last);
    return made;
  }
};

}  // namespace quantoscope
