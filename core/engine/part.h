// A report on one row, input channel or group.
#pragma once

#include <string>
#include <string_view>

#include "core/engine/detail.h"

namespace quantoscope {

/// A row (output channel), a column (input channel), or a group by its row and its place there.
struct TensorPart {
  enum class Kind { Row, Channel, Group };

  Kind kind = Kind::Row;
  std::size_t index = 0;  ///< of the row, or the channel
  std::size_t group = 0;  ///< Kind::Group only

  /// "row:3", "channel:7" or "group:3:1". InvalidArgument where it is nothing of these.
  static Result<TensorPart> parse(std::string_view text);
  std::string text() const;
  bool operator==(const TensorPart&) const = default;
};

struct PartRequest {
  std::shared_ptr<const WeightTensor> tensor;
  TensorPart part;
  /// The whole quick answer to this tensor: its specification and clip choice are used.
  SharedResult known;
  ReportSizes sizes;
};

/// The report of the part alone, percentiles, histograms, clipping and codes included, of the very
/// values that the tensor has there: quantized as a whole, not on its own. `metrics.maxAbsErrorAt`
/// is a place in the tensor; all else counts from the part's first row and column (a channel is one
/// column, each weight a group of its own). Errors: InvalidArgument where `known` is missing, a
/// preview, not finite or of another shape; DoesNotFit where there is no such part, saying what
/// there is; Cancelled. Thread-safe.
Result<ErrorReport> reportPart(const PartRequest& request, const Executor& executor,
                               const TaskControl& control = {});

}  // namespace quantoscope
