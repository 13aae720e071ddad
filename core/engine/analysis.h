// One question about one tensor: the numbers behind every view.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/metrics/channels.h"
#include "core/metrics/error_metrics.h"
#include "core/metrics/histogram.h"
#include "core/metrics/weight_statistics.h"
#include "core/quant/clip_search.h"
#include "core/quant/storage_cost.h"
#include "core/tensor/health.h"

namespace quantoscope {

struct AnalysisRequest {
  std::uint64_t id = 0;  ///< copied into the result, so that stale answers can be told apart
  std::shared_ptr<const WeightTensor> tensor;
  QuantSpec spec;  ///< valid
  std::size_t bins = 512;
  std::optional<GroupIndex> group;  ///< absent, or outside the tensor: a typical one
  /// One for each input channel, or absent: searches and the optimal policy then minimise the
  /// weighted error, and the answer has `weightedMse`.
  std::shared_ptr<const Importance> importance;
};

/// One group as it is decoded.
struct GroupDetail {
  GroupIndex index;
  bool typical = false;  ///< chosen by us: the group with the median |scale|
  double clipRatio = 1;
  float scale = 0;        ///< the decoding scale
  float codingScale = 0;  ///< with which codes are found; another one under double quantization
  float zeroPoint = 0;
  float min = 0;  ///< of its weights
  float max = 0;
  std::size_t firstColumn = 0;      ///< of its weights
  std::vector<float> weights;       ///< as they are read
  std::vector<std::int32_t> codes;  ///< as written to a file
  std::vector<float> values;        ///< what the codes decode to
  std::vector<float> levels;        ///< every value it can decode to, ascending
};

/// How much of a tensor an answer rests on.
struct SampleSize {
  std::uint64_t sampled = 0;  ///< weights that were looked at
  std::uint64_t total = 0;    ///< weights of the tensor

  bool whole() const { return sampled == total; }
};

/// Immutable once made; sizes are fit for plotting, not those of the tensor.
struct AnalysisResult {
  std::uint64_t id = 0;
  TensorInfo info;
  QuantSpec spec;

  TensorHealth health;
  WeightStatistics statistics;
  Histogram weightHistogram;
  StorageCost storage;

  /// Absent where the tensor is not finite; then there is no coding, clip choice or group either.
  std::optional<ErrorMetrics> metrics;
  std::optional<double> weightedMse;        ///< with importance: see Importance::weightedMse
  std::optional<Histogram> errorHistogram;  ///< of y - w over [-R, R], R the largest |e|
  /// How it was quantized; later questions about the same tensor and spec need not resolve it.
  std::optional<Coding> coding;
  ClipChoice clip;
  std::optional<GroupDetail> group;

  /// Present where this is a preview: every number but `info`, `spec` and `storage` is that of a
  /// sample; see core/engine/preview.h.
  std::optional<SampleSize> preview;

  double elapsedMs = 0;

  /// Whether it is a whole answer, no preview and with metrics, to a tensor of this shape: one
  /// whose coding and clip ratios serve further questions. That it is the very tensor is for the
  /// caller to hold.
  bool answers(const WeightTensor& tensor) const;
};

using SharedResult = std::shared_ptr<const AnalysisResult>;

/// Answers a request. Errors: an invalid spec, DoesNotFit (importance for another number of
/// channels included), Cancelled. Thread-safe.
Result<SharedResult> analyse(const AnalysisRequest& request, const Executor& executor,
                             const TaskControl& control = {});

/// Every value that a group with this scale and zero point can decode to, ascending.
std::vector<float> levelsOf(const Codec& codec, float scale, float zeroPoint);

}  // namespace quantoscope
