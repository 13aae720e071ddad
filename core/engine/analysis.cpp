#include "core/engine/analysis.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/memory_border.h"
#include "core/metrics/percentiles.h"
#include "core/quant/error_histogram.h"
#include "core/quant/weighted_search.h"

namespace quantoscope {

namespace {

/// The group whose |scale| is the median, the lower of two, the first of equals: what most of the
/// tensor looks like. Counts instead of sorting: an order of the groups may be larger than the
/// tensor.
GroupIndex typicalGroup(const GroupParameters& parameters) {
  const std::span<const float> scales(parameters.scale);
  MagnitudeCounts counts;
  counts.add(scales);
  const double half = 50;
  const PercentileSearch search(counts, {&half, 1});
  PercentileSearch::Table table = search.emptyTable();
  search.add(scales, table);
  const auto median = static_cast<float>(search.found(table)[0].value);
  const auto at = std::find_if(scales.begin(), scales.end(),
                               [=](float scale) { return std::fabs(scale) == median; });
  const auto flat = static_cast<std::size_t>(at - scales.begin());
  const std::size_t perRow = parameters.layout.groupsPerRow();
  return {flat / perRow, flat % perRow};
}

/// Weights, codes and values of the group with this place in `parameters`.
void addCodes(const Codec& codec, const GroupParameters& parameters, std::size_t flat,
              std::span<const float> weights, GroupDetail& detail) {
  const kernels::KernelTable& kernels = kernels::activeKernels();
  const kernels::BlockShape shape{1, weights.size(), weights.size()};
  const float* zeroPoint =
      parameters.zeroPoint.empty() ? nullptr : parameters.zeroPoint.data() + flat;
  detail.weights.assign(weights.begin(), weights.end());
  detail.codes.resize(weights.size());
  detail.values.resize(weights.size());
  kernels.encode(codec, shape, weights.data(), parameters.scale.data() + flat, zeroPoint,
                 detail.codes.data());
  kernels.quantizeDequantize(codec, shape, weights.data(), parameters.scale.data() + flat,
                             zeroPoint, parameters.decoding().data() + flat, detail.values.data());
}

GroupDetail detailOf(const AnalysisRequest& request, const Coding& coding,
                     const GroupParameters& parameters, const ClipRatios& ratios) {
  const GroupLayout& layout = parameters.layout;
  GroupDetail detail;
  const bool usable = request.group && request.group->row < layout.rows &&
                      request.group->group < layout.groupsPerRow();
  detail.typical = !usable;
  detail.index = usable ? *request.group : typicalGroup(parameters);

  const std::size_t flat = detail.index.row * layout.groupsPerRow() + detail.index.group;
  detail.clipRatio = ratios.at(detail.index.row, detail.index.group, layout.groupsPerRow());
  detail.scale = parameters.decoding()[flat];
  detail.codingScale = parameters.scale[flat];
  if (!parameters.zeroPoint.empty()) detail.zeroPoint = parameters.zeroPoint[flat];
  detail.levels = levelsOf(coding.codec, detail.scale, detail.zeroPoint);

  std::vector<float> scratch;
  detail.firstColumn = layout.begin(detail.index.group);
  const auto weights = request.tensor->block(detail.index.row, 1, scratch)
                           .row(0)
                           .subspan(detail.firstColumn, layout.length(detail.index.group));
  const auto [min, max] = std::minmax_element(weights.begin(), weights.end());
  detail.min = *min;
  detail.max = *max;
  addCodes(coding.codec, parameters, flat, weights, detail);
  return detail;
}

/// sum of h e^2 / sum of h.
Result<double> weightedMseOf(const AnalysisRequest& request, const Coding& coding,
                             const GroupParameters& parameters, const Executor& executor,
                             const TaskControl& control) {
  const WeightTensor& tensor = *request.tensor;
  const std::size_t groupSize = parameters.layout.groupSize;
  const float* importance = request.importance->values().data();
  std::vector<double> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status =
      forEachDequantizedBlock(tensor, coding, parameters, executor, control,
                              [&](std::size_t block, std::size_t, MatrixView w, const float* y) {
                                parts[block] += kernels::weightedSquaredError(
                                    {w.rows, w.cols, groupSize}, w.data, y, importance);
                              });
  if (!status) return status.error();
  double sum = 0;
  for (const double part : parts) sum += part;
  return sum / (request.importance->sum() * static_cast<double>(tensor.rows()));
}

/// The part that needs a finite tensor.
Status addQuantization(const AnalysisRequest& request, Coding coding, const Executor& executor,
                       const TaskControl& control, AnalysisResult& result) {
  auto choice =
      chooseClip(*request.tensor, coding, executor, control, valuesOf(request.importance));
  if (!choice) return choice.error();
  auto measured = countQuantizationErrors(*request.tensor, coding, choice->ratios, request.bins,
                                          executor, control);
  if (!measured) return measured.error();

  if (request.importance) {
    auto weighted = weightedMseOf(request, coding, measured->parameters, executor, control);
    if (!weighted) return weighted.error();
    result.weightedMse = *weighted;
  }
  result.metrics = ErrorMetrics::from(measured->sums);
  result.errorHistogram = std::move(measured->histogram);
  result.group = detailOf(request, coding, measured->parameters, choice->ratios);
  result.coding = std::move(coding);
  result.clip = std::move(*choice);
  return ok();
}

}  // namespace

bool AnalysisResult::answers(const WeightTensor& tensor) const {
  return metrics && !preview && info.rows == tensor.rows() && info.cols == tensor.cols();
}

std::vector<float> levelsOf(const Codec& codec, float scale, float zeroPoint) {
  std::vector<float> levels;
  if (codec.kind == CodecKind::Codebook) {
    for (const float level : codec.codebook->levels) levels.push_back(level * scale);
  } else {
    for (float code = codec.minCode; code <= codec.maxCode; ++code) {
      levels.push_back((code - zeroPoint) * scale);
    }
  }
  std::sort(levels.begin(), levels.end());
  return levels;
}

Result<SharedResult> analyse(const AnalysisRequest& request, const Executor& executor,
                             const TaskControl& control) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<SharedResult> {
    const auto begin = std::chrono::steady_clock::now();
    if (auto status = request.spec.validate(); !status) return status.error();
    const WeightTensor& tensor = *request.tensor;
    if (request.importance) {
      const Status status = checkImportance(tensor, request.importance->values());
      if (!status) return status.error();
    }

    auto result = std::make_shared<AnalysisResult>();
    result->id = request.id;
    result->info = tensor.info();
    result->spec = request.spec;
    result->storage = storageCostOf(request.spec, tensor.rows(), tensor.cols());

    auto summary = summaryOf(tensor, executor, control);
    if (!summary) return summary.error();
    result->health = summary->survey.health;
    result->statistics = summary->statistics;
    auto histogram = weightHistogram(tensor, summary->statistics, request.bins, executor, control);
    if (!histogram) return histogram.error();
    result->weightHistogram = std::move(*histogram);

    if (result->health.finite()) {
      Coding coding = codingOf(tensor, request.spec, summary->survey);
      auto status = addQuantization(request, std::move(coding), executor, control, *result);
      if (!status) {
        return status.error();
      }
    }
    if (auto status = tensor.intact(); !status) return status.error();
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - begin;
    result->elapsedMs = elapsed.count();
    return SharedResult(std::move(result));
  });
}

}  // namespace quantoscope
