// The input channels (columns) of a tensor: sums, outliers, importance.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/metrics/profile.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Sums of every column over some rows, added row after row; 60 bytes a column.
class ColumnSums {
 public:
  static constexpr std::size_t kBytesPerColumn = 60;

  ColumnSums() = default;
  explicit ColumnSums(std::size_t cols);

  /// Adds rows of weights, the first of them `firstRow` of the tensor, with their errors
  /// float32(w - y) and, or null, with those errors where weights are clipped and 0 elsewhere; all
  /// [w.rows, w.cols].
  void add(MatrixView weights, const float* errors, std::size_t firstRow = 0,
           const float* clipped = nullptr);
  /// Adds the sums over the rows that follow.
  void append(const ColumnSums& next);

  std::size_t cols() const { return squaredError_.size(); }
  ErrorTally tally(std::size_t col) const;
  std::span<const double> squaredErrors() const { return squaredError_; }

 private:
  std::uint64_t rows_ = 0;
  std::vector<double> squaredError_;
  std::vector<double> absError_;
  std::vector<double> squaredWeight_;
  std::vector<double> error_;
  std::vector<double> cross_;
  std::vector<double> clipping_;
  std::vector<float> maxAbsError_;
  std::vector<float> maxAbsWeight_;
  std::vector<std::uint32_t> maxRow_;  ///< the first with maxAbsError_
};

/// An input channel that stands out from the others.
struct OutlierChannel {
  std::size_t channel = 0;
  double rms = 0;        ///< root mean square of its weights
  double maxAbs = 0;     ///< its largest |w|
  double rmsTimes = 0;   ///< rms as a multiple of the median channel's
  double amaxTimes = 0;  ///< maxAbs as a multiple of the median channel's

  double times() const { return rmsTimes > amaxTimes ? rmsTimes : amaxTimes; }
};

/// Input channels whose RMS or largest |w| is more than kFactor times the median channel's. Medians
/// are over the channels that are not all 0 (a pruned tensor has many), the lower one of an even
/// number, so that they are some channel's own value and half of the channels cannot move them.
///
/// The notion, and the 6, are from LLM.int8() (Dettmers et al. 2022, arXiv:2208.07339), where whole
/// feature dimensions stand out of hidden states by a magnitude of 6 or more and decide what
/// quantization costs; OWQ (Lee et al. 2024, arXiv:2306.02272) and SpQR (Dettmers et al. 2023,
/// arXiv:2306.03078) find such input channels in the weights' sensitivity. Measuring the weights
/// alone, against their median, is this program's rule.
struct ChannelOutliers {
  static constexpr double kFactor = 6;

  double medianRms = 0;
  double medianMaxAbs = 0;
  std::uint64_t count = 0;               ///< of channels that stand out
  std::vector<OutlierChannel> channels;  ///< the farthest out, by times(), then by channel

  /// Keeps at most `limit` of them.
  static ChannelOutliers of(const ColumnSums& columns, std::size_t limit);
};

/// The columns' tallies, reduced to at most `limit` points.
Profile profileOf(const ColumnSums& columns, std::size_t limit);

/// The tallies of the groups of all rows by the group's place in its row, reduced likewise.
Profile groupPositionProfile(const ColumnSums& columns, std::size_t groupSize, std::size_t limit);

/// One weight h for each input channel: how much an error there matters.
class Importance {
 public:
  /// Refuses with a message that begins with `name`: DoesNotFit where there is not one for each of
  /// `cols` channels, NotFinite for NaN and Inf, InvalidArgument where one is negative or all are
  /// 0.
  static Result<Importance> of(std::vector<float> values, std::size_t cols,
                               const std::string& name);

  std::span<const float> values() const { return values_; }
  double sum() const;
  /// sum of h_c e^2 over all elements / sum of h_c over all elements, in squared weight units; with
  /// equal weights the plain mean. `squaredErrors` are the columns' sums over `rows` rows. Float64,
  /// in the order of the columns.
  double weightedMse(std::span<const double> squaredErrors, std::size_t rows) const;

 private:
  explicit Importance(std::vector<float> values) : values_(std::move(values)) {}
  std::vector<float> values_;
};

/// The channels' weights; empty without importance, where all channels count the same.
std::span<const float> valuesOf(const std::shared_ptr<const Importance>& importance);

}  // namespace quantoscope
