// Everything there is to say about the error between weights and the values that stand for them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/metrics/block_map.h"
#include "core/metrics/channels.h"
#include "core/metrics/code_use.h"
#include "core/metrics/error_histograms.h"
#include "core/metrics/error_metrics.h"
#include "core/metrics/histogram.h"
#include "core/metrics/percentiles.h"
#include "core/metrics/profile.h"
#include "core/parallel/executor.h"

namespace quantoscope {

/// One group and its error; its tally knows the clipping part where the coding is known, as those
/// of the profiles do.
struct GroupError {
  std::size_t row = 0;
  std::size_t group = 0;  ///< its place in the row
  ErrorTally tally;
};

/// How large a report may become.
struct ReportSizes {
  std::size_t profilePoints = 2048;  ///< of each profile
  std::size_t mapRows = 1024;        ///< cells, at most kMaxMapSide
  std::size_t mapCols = 1024;
  std::size_t bins = 512;
  std::size_t worstGroups = 32;
  std::size_t outlierChannels = 64;
  std::vector<double> percents = {50, 95, 99, 99.9};  ///< at most 8

  static constexpr std::size_t kMaxMapSide = 1024;
  static constexpr std::size_t kMaxPercents = 8;
};

/// The values y that stand for rows [firstRow, firstRow + weights.rows), row-major: either memory
/// of their own that lasts for the whole report, or put into `scratch`. Called from several threads
/// at once and twice for each row; must give the same values again.
using ValuesOf = std::function<const float*(std::size_t firstRow, MatrixView weights,
                                            std::vector<float>& scratch)>;

struct ErrorReportRequest {
  ValuesOf values;
  GroupLayout layout;  ///< of the weights; what the map and the worst groups count in
  std::optional<CodedGroups> coding;       ///< adds `split`, `codes` and `distributions`
  const Importance* importance = nullptr;  ///< adds `weightedMse`
  ReportSizes sizes;
};

/// Plot-ready: its size depends on ReportSizes, not on the tensor.
struct ErrorReport {
  ErrorMetrics metrics;                 ///< the same bits as errorSumsOf's
  std::vector<Percentile> percentiles;  ///< of |e|, exact
  Histogram errors;                     ///< of y - w over [-R, R], R the largest |e|
  Profile rows;                         ///< output channels
  Profile columns;                      ///< input channels
  Profile groupPositions;               ///< groups of all rows by their place in the row
  std::vector<GroupError> worstGroups;  ///< by MSE, largest first, then in row-major order
  BlockMap map;
  ChannelOutliers outliers;  ///< of the weights

  std::optional<ErrorSplit> split;
  std::optional<CodeUse> codes;
  std::vector<ErrorDistribution> distributions;  ///< by ErrorUnit; none without a coding
  std::optional<double> weightedMse;             ///< see Importance::weightedMse
};

/// Makes a report of finite weights and finite values in two parallel passes over the tensor, the
/// second for what needs the first one's extent (histograms, percentiles). The same bits for any
/// number of threads. Memory besides the tensor and the values: up to 8 MiB of column sums (120
/// bytes a column where that is more), 32 MiB of map, 8 MiB a thread (16 bytes a column and thread
/// where rows are longer than 65536). Progress counts both passes; errors: Cancelled, and
/// InvalidArgument for sizes beyond their limits. Thread-safe.
Result<ErrorReport> reportErrors(const WeightTensor& tensor, const ErrorReportRequest& request,
                                 const Executor& executor, const TaskControl& control = {});

}  // namespace quantoscope
