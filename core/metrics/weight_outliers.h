// Input channels that stand out, found without quantizing.
#pragma once

#include "core/base/result.h"
#include "core/metrics/channels.h"
#include "core/parallel/executor.h"

namespace quantoscope {

/// The outlier channels of finite weights, at most `limit` of them by name: ErrorReport::outliers,
/// bit for bit, by one parallel pass. The same bits for any number of threads. Memory: up to 8 MiB
/// of column sums (120 bytes a column where that is more). Errors: Cancelled. Thread-safe.
Result<ChannelOutliers> channelOutliersOf(const WeightTensor& tensor, std::size_t limit,
                                          const Executor& executor,
                                          const TaskControl& control = {});

}  // namespace quantoscope
