// Exact percentiles of |e| in two passes and bounded memory.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace quantoscope {

/// A percentile by nearest rank (Hyndman and Fan's type 1, numpy's "inverted_cdf"): the smallest
/// value that at least `percent` % of all values do not exceed. It is always one of the values.
struct Percentile {
  double percent = 0;  ///< above 0, up to 100; read to four decimals
  double value = 0;
  bool operator==(const Percentile&) const = default;
};

/// The 1-based rank of a percentile among `count` (1 or more) values: ceil(percent / 100 * count),
/// in integers, so that 99.9 % of 1000 is 999 and not, by rounding, 1000.
std::uint64_t nearestRank(double percent, std::uint64_t count);

/// First pass: counts of |x| by the upper 16 of the 31 bits of a float32 magnitude, which ascend
/// with the magnitude. 512 KiB whatever the number of values. Counts are integers, so tables may be
/// merged in any order. Values are finite.
class MagnitudeCounts {
 public:
  MagnitudeCounts();

  void add(std::span<const float> values);
  void merge(const MagnitudeCounts& other);
  std::uint64_t total() const;
  const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  std::vector<std::uint64_t> counts_;
};

/// Second pass over the same values: counts the lower 15 bits of the magnitudes that share their
/// upper bits with a wanted rank. 256 KiB a wanted percentile, 64 KiB besides. Immutable once made;
/// each worker adds to a table of its own.
class PercentileSearch {
 public:
  using Table = std::vector<std::uint64_t>;

  PercentileSearch(const MagnitudeCounts& magnitudes, std::span<const double> percents);

  Table emptyTable() const;
  void add(std::span<const float> values, Table& table) const;
  static void merge(Table& into, const Table& other);
  /// The percentiles in the order they were asked for; none where there are no values.
  std::vector<Percentile> found(const Table& table) const;

 private:
  struct Target {
    double percent;
    std::uint64_t rankInCell;  ///< 1-based
    std::uint32_t upperBits;
    std::size_t slot;  ///< which part of a table
  };

  std::vector<Target> targets_;
  std::vector<std::uint8_t> slotOf_;  ///< 1 + slot by upper bits; 0: not wanted
  std::size_t slots_ = 0;
};

}  // namespace quantoscope
