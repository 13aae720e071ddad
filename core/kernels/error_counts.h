// A histogram of errors while it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/kernels/kernels.h"

namespace quantoscope::kernels {

/// Counts y - w of weights w and their dequantized values y in the bins of a rule. One thread each;
/// buffers are kept from row to row.
///
/// What a kernel finds are the bins of a row; they are counted while it works on the next one,
/// because counting alone waits for the memory that it has just written.
class ErrorCounts {
 public:
  /// `bins` equal bins over [-range, range]; `range`, above 0, is not less than any |w - y|.
  ErrorCounts(double range, std::size_t bins)
      : rule_{-range, 2 * range, static_cast<double>(bins), -1},
        bins_(bins),
        tables_(kTables * bins) {}

  /// Adds all that was counted to the bins of a histogram, and begins anew.
  void addTo(std::span<std::uint64_t> counts);

  /// Of float32(w - y); its sign is turned.
  const BinRule& rule() const { return rule_; }

  // For kernels: a row's bins go to `found`, between them those that wait are counted.
  struct Row {
    std::int32_t* found;
    const std::int32_t* waiting;
    const std::int32_t* end;  ///< of those that wait
    std::uint32_t* tables[4];
  };
  Row beginRow(std::size_t cols);
  /// Counts what still waits; what was found waits now. `row` is as far as the kernel got.
  void endRow(const Row& row);
  /// The bins of a row whose values are stored, of any kernel table; may be called between
  /// beginRow and endRow only.
  void findBins(const Row& row, const float* w, const float* y, std::size_t n) const;

 private:
  static constexpr std::size_t kTables = 4;  ///< neighbours count in different ones

  BinRule rule_;
  std::size_t bins_;
  std::vector<std::uint32_t> tables_;
  std::vector<std::int32_t> found_;
  std::vector<std::int32_t> waiting_;
  std::size_t foundSize_ = 0;
  std::size_t waitingSize_ = 0;
  std::uint64_t counted_ = 0;  ///< in the tables
  std::vector<std::uint64_t> wide_;
};

}  // namespace quantoscope::kernels
