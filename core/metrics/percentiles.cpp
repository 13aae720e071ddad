#include "core/metrics/percentiles.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <numeric>

namespace quantoscope {

namespace {

constexpr int kLowerBits = 15;
constexpr std::size_t kCells = std::size_t{1} << 16;
constexpr std::size_t kFineCells = std::size_t{1} << kLowerBits;
constexpr std::uint32_t kMagnitudeMask = 0x7fffffff;
constexpr std::uint32_t kLowerMask = (1u << kLowerBits) - 1;

std::uint32_t magnitudeBits(float x) {
  return std::bit_cast<std::uint32_t>(x) & kMagnitudeMask;
}

struct Found {
  std::size_t cell;
  std::uint64_t rankInCell;
};

/// The cell in which the value of a 1-based rank lies.
Found locate(std::span<const std::uint64_t> counts, std::uint64_t rank) {
  std::size_t cell = 0;
  while (rank > counts[cell]) rank -= counts[cell++];
  return {cell, rank};
}

}  // namespace

std::uint64_t nearestRank(double percent, std::uint64_t count) {
  constexpr std::uint64_t kWhole = 1000000;
  const auto parts = static_cast<std::uint64_t>(std::llround(percent * (kWhole / 100)));
  // count * parts / kWhole, rounded up, without a product that overflows.
  const std::uint64_t whole = count / kWhole * parts;
  const std::uint64_t rest = (count % kWhole * parts + kWhole - 1) / kWhole;
  return std::clamp<std::uint64_t>(whole + rest, 1, count);
}

MagnitudeCounts::MagnitudeCounts() : counts_(kCells) {}

void MagnitudeCounts::add(std::span<const float> values) {
  for (const float value : values) ++counts_[magnitudeBits(value) >> kLowerBits];
}

void MagnitudeCounts::merge(const MagnitudeCounts& other) {
  for (std::size_t i = 0; i < kCells; ++i) counts_[i] += other.counts_[i];
}

std::uint64_t MagnitudeCounts::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

PercentileSearch::PercentileSearch(const MagnitudeCounts& magnitudes,
                                   std::span<const double> percents)
    : slotOf_(kCells) {
  assert(percents.size() < 256);
  const std::uint64_t total = magnitudes.total();
  if (total == 0) return;
  for (const double percent : percents) {
    const Found at = locate(magnitudes.counts(), nearestRank(percent, total));
    if (slotOf_[at.cell] == 0) slotOf_[at.cell] = static_cast<std::uint8_t>(++slots_);
    targets_.push_back({percent, at.rankInCell, static_cast<std::uint32_t>(at.cell),
                        static_cast<std::size_t>(slotOf_[at.cell]) - 1});
  }
}

PercentileSearch::Table PercentileSearch::emptyTable() const {
  return Table(slots_ * kFineCells);
}

void PercentileSearch::add(std::span<const float> values, Table& table) const {
  if (slots_ == 0) return;
  for (const float value : values) {
    const std::uint32_t bits = magnitudeBits(value);
    const std::size_t slot = slotOf_[bits >> kLowerBits];
    if (slot != 0) ++table[(slot - 1) * kFineCells + (bits & kLowerMask)];
  }
}

void PercentileSearch::merge(Table& into, const Table& other) {
  for (std::size_t i = 0; i < into.size(); ++i) into[i] += other[i];
}

std::vector<Percentile> PercentileSearch::found(const Table& table) const {
  std::vector<Percentile> percentiles;
  for (const Target& target : targets_) {
    const auto part = std::span(table).subspan(target.slot * kFineCells, kFineCells);
    const std::size_t low = locate(part, target.rankInCell).cell;
    const std::uint32_t bits = target.upperBits << kLowerBits | static_cast<std::uint32_t>(low);
    percentiles.push_back({target.percent, std::bit_cast<float>(bits)});
  }
  return percentiles;
}

}  // namespace quantoscope
