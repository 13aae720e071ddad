#include "core/kernels/error_counts.h"

#include <algorithm>
#include <array>
#include <limits>

namespace quantoscope::kernels {

ErrorCounts::Row ErrorCounts::beginRow(std::size_t cols) {
  if (counted_ + waitingSize_ > std::numeric_limits<std::uint32_t>::max()) {
    wide_.resize(bins_);
    addTo(wide_);
  }
  // A vector may be written and read behind the last column.
  constexpr std::size_t kSlack = 16;
  found_.resize(std::max(found_.size(), cols + kSlack));
  foundSize_ = cols;
  Row row{found_.data(), waiting_.data(), waiting_.data() + waitingSize_, {}};
  for (std::size_t t = 0; t < kTables; ++t) row.tables[t] = tables_.data() + t * bins_;
  return row;
}

void ErrorCounts::endRow(const Row& row) {
  for (const std::int32_t* bin = row.waiting; bin < row.end; ++bin) ++row.tables[0][*bin];
  counted_ += waitingSize_;
  found_.swap(waiting_);
  waitingSize_ = foundSize_;
}

void ErrorCounts::findBins(const Row& row, const float* w, const float* y, std::size_t n) const {
  constexpr std::size_t kPart = 256;
  std::array<float, kPart> errors;
  for (std::size_t begin = 0; begin < n; begin += kPart) {
    const std::size_t size = std::min(kPart, n - begin);
    for (std::size_t i = 0; i < size; ++i) errors[i] = w[begin + i] - y[begin + i];
    activeKernels().findBins(errors.data(), size, rule_, row.found + begin);
  }
}

void ErrorCounts::addTo(std::span<std::uint64_t> counts) {
  for (std::size_t i = 0; i < waitingSize_; ++i) ++tables_[static_cast<std::size_t>(waiting_[i])];
  waitingSize_ = 0;
  const bool flushing = counts.data() == wide_.data();
  for (std::size_t bin = 0; bin < bins_; ++bin) {
    for (std::size_t t = 0; t < kTables; ++t) counts[bin] += tables_[t * bins_ + bin];
    if (!flushing && !wide_.empty()) counts[bin] += wide_[bin];
  }
  std::fill(tables_.begin(), tables_.end(), 0);
  if (!flushing) wide_.clear();
  counted_ = 0;
}

}  // namespace quantoscope::kernels
