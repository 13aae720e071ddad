// The audit of a quantized model: what a file says, what it is worth against its original, and what
// is wrong with it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/io/container/container.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/tensor_source.h"
#include "core/metrics/error_metrics.h"
#include "core/model/audit_tensor.h"
#include "core/model/model_job.h"
#include "core/parallel/executor.h"
#include "core/quant/quant_spec.h"

namespace quantoscope {

/// An exported file, opened twice, and what it was made of.
struct AuditInput {
  const TensorSource* original = nullptr;      ///< null: what can be told without it
  const Container& stored;                     ///< opened with OpenOptions::asStored
  std::span<const SharedPackedTensor> packed;  ///< packedTensorsOf(stored)
  const TensorSource& decoded;                 ///< lists those tensors as weights, by their paths
};

struct AuditOptions {
  /// Tensors of at most so many weights are measured at their best, which takes far longer than all
  /// else; 0: none.
  std::uint64_t bestUpTo = kBestByDefault;
  /// Some seconds of one core.
  static constexpr std::uint64_t kBestByDefault = std::uint64_t{1} << 22;
};

/// What the same bits, groups and scheme could have been.
struct BestPossible {
  QuantSpec spec;
  ErrorMetrics metrics;
  double lostDb = 0;  ///< its SQNR less that of the export
};

/// A quantized tensor of the export.
struct TensorAudit {
  std::string name;          ///< in the export
  std::string originalName;  ///< of what it is compared with; empty: nothing
  PackedInfo info;
  std::uint64_t bytes = 0;  ///< of all its parts
  double bitsPerWeight = 0;
  std::optional<ErrorMetrics> metrics;  ///< of the decoded weights against the original's
  Recipe recipe;
  std::optional<BestPossible> best;
  std::string noBest;  ///< why there is none, where there is an original
  std::vector<Alarm> alarms;
  std::vector<std::string> remarks;
};

struct Audit {
  /// Worst first: those without metrics that have alarms, then by SQNR.
  std::vector<TensorAudit> tensors;
  std::vector<std::string> missing;    ///< of the original, in its order
  std::vector<std::string> extra;      ///< arrays of the export that the original has not
  std::vector<std::string> equal;      ///< not quantized and equal to the last bit
  std::vector<std::string> different;  ///< not quantized and different; each has an alarm
  std::vector<Alarm> alarms;           ///< those that belong to no quantized tensor
  std::vector<std::string> notes;      ///< what could not be looked at, and why

  std::size_t alarmCount() const;
  /// No alarm: nothing is missing, and nothing differs that is not quantized.
  bool holds() const { return alarmCount() == 0; }
};

/// Looks at one tensor after the other; one of each file is in memory at a time. Tensors are
/// matched by their names: as they are, with dots for slashes, or without "model." before them;
/// where an array of another shape has the name, by shape among those beside it. Errors: those of
/// reading, of either file; DoesNotFit where memory runs out; Cancelled.
Result<Audit> auditModel(const AuditInput& input, const AuditOptions& options,
                         const Executor& executor, const ModelControl& control = {});

}  // namespace quantoscope
