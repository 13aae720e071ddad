// The second, longer answer: about a tensor under a specification, or about two tensors.
#pragma once

#include <cstdint>
#include <memory>

#include "core/engine/analysis.h"
#include "core/metrics/error_report.h"

namespace quantoscope {

struct DetailRequest {
  std::uint64_t id = 0;  ///< copied into the result
  std::shared_ptr<const WeightTensor> tensor;
  QuantSpec spec;  ///< valid
  /// The quick answer to the same tensor and spec, when there is one: its clip ratios spare a
  /// search, its health a pass. An answer that is a preview, or to another spec or shape, is not
  /// used; that it is of the same tensor and importance is for the caller to hold.
  SharedResult known;
  std::shared_ptr<const Importance> importance;  ///< one for each input channel, or absent
  ReportSizes sizes;
};

/// Immutable once made; sizes are fit for plotting.
struct AnalysisDetail {
  std::uint64_t id = 0;
  TensorInfo info;
  QuantSpec spec;
  StorageCost storage;
  ErrorReport report;  ///< with `split` and `codes`
  double elapsedMs = 0;
};

using SharedDetail = std::shared_ptr<const AnalysisDetail>;

/// Quantizes and reports. `metrics` has the bits of the quick answer's. Errors: an invalid spec or
/// size, NotFinite, DoesNotFit (importance for another number of channels included), Cancelled.
/// Progress counts each stage on its own: health and search where they are needed, group
/// parameters, then the report. Thread-safe.
Result<SharedDetail> analyseDetail(const DetailRequest& request, const Executor& executor,
                                   const TaskControl& control = {});

/// An original and another version of it, such as one that another tool dequantized.
struct ComparisonRequest {
  std::uint64_t id = 0;  ///< copied into the result
  std::shared_ptr<const WeightTensor> original;
  std::shared_ptr<const WeightTensor> other;
  long long groupSize = 128;  ///< -1, or 1 and up: what the map and the worst groups count in
  std::shared_ptr<const Importance> importance;
  ReportSizes sizes;
};

/// Immutable once made; sizes are fit for plotting.
struct Comparison {
  std::uint64_t id = 0;
  TensorInfo original;
  TensorInfo other;
  ErrorReport report;  ///< w = original, y = other; without `split` and `codes`
  double elapsedMs = 0;
};

using SharedComparison = std::shared_ptr<const Comparison>;

/// Compares two tensors element by element, each in the orientation it has. Errors: DoesNotFit
/// where the shapes differ, naming both; NotFinite, naming the one; an invalid group size or size;
/// Cancelled. Thread-safe.
Result<SharedComparison> compareTensors(const ComparisonRequest& request, const Executor& executor,
                                        const TaskControl& control = {});

}  // namespace quantoscope
