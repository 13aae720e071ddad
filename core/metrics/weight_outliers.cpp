#include "core/metrics/weight_outliers.h"

#include <vector>

#include "core/metrics/block_runs.h"

namespace quantoscope {

Result<ChannelOutliers> channelOutliersOf(const WeightTensor& tensor, std::size_t limit,
                                          const Executor& executor, const TaskControl& control) {
  // Cut as a report is: sums of other runs would have other bits.
  const BlockRuns runs =
      BlockRuns::of(tensor.rows(), tensor.cols(), ColumnSums::kBytesPerColumn * tensor.cols());
  std::vector<ColumnSums> parts(runs.count(), ColumnSums(tensor.cols()));
  const Status status = executor.forEachBlock(
      runs.count(),
      [&](std::size_t run) {
        std::vector<float> scratch;
        for (std::size_t b = runs.firstBlock(run); b < runs.endBlock(run); ++b) {
          if (control.cancel.cancelled()) return;
          const MatrixView w = tensor.block(runs.blocks.first(b), runs.blocks.size(b), scratch);
          parts[run].add(w, w.data);  // errors play no part here: any will do
        }
      },
      control);
  if (!status) return status.error();
  ColumnSums columns(tensor.cols());
  for (const ColumnSums& part : parts) columns.append(part);
  return ChannelOutliers::of(columns, limit);
}

}  // namespace quantoscope
