#include "core/engine/analysis.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace quantoscope {

namespace {

/// The group whose |scale| is the median: what most of the tensor looks like.
GroupIndex typicalGroup(const GroupParameters& parameters) {
  std::vector<std::size_t> order(parameters.scale.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(order.size() / 2);
  std::nth_element(order.begin(), middle, order.end(), [&](std::size_t a, std::size_t b) {
    const float x = std::fabs(parameters.scale[a]);
    const float y = std::fabs(parameters.scale[b]);
    return x != y ? x < y : a < b;
  });
  const std::size_t perRow = parameters.layout.groupsPerRow();
  return {*middle / perRow, *middle % perRow};
}

GroupDetail detailOf(const AnalysisRequest& request, const GroupParameters& parameters,
                     const ClipRatios& ratios) {
  const GroupLayout& layout = parameters.layout;
  GroupDetail detail;
  const bool usable = request.group && request.group->row < layout.rows &&
                      request.group->group < layout.groupsPerRow();
  detail.typical = !usable;
  detail.index = usable ? *request.group : typicalGroup(parameters);

  const std::size_t flat = detail.index.row * layout.groupsPerRow() + detail.index.group;
  detail.clipRatio = ratios.at(detail.index.row, detail.index.group, layout.groupsPerRow());
  detail.scale = parameters.decoding()[flat];
  if (!parameters.zeroPoint.empty()) detail.zeroPoint = parameters.zeroPoint[flat];
  detail.levels = levelsOf(codecOf(request.spec), detail.scale, detail.zeroPoint);

  std::vector<float> scratch;
  const auto weights =
      request.tensor->block(detail.index.row, 1, scratch)
          .row(0)
          .subspan(layout.begin(detail.index.group), layout.length(detail.index.group));
  const auto [min, max] = std::minmax_element(weights.begin(), weights.end());
  detail.min = *min;
  detail.max = *max;
  return detail;
}

Result<Histogram> errorHistogramOf(const AnalysisRequest& request,
                                   const GroupParameters& parameters, double range,
                                   const Executor& executor, const TaskControl& control) {
  const Histogram empty = Histogram::over(-range, range, request.bins);
  const WeightTensor& tensor = *request.tensor;
  std::vector<Histogram> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  const Status status =
      forEachDequantizedBlock(tensor, request.spec, parameters, executor, control,
                              [&](std::size_t b, std::size_t, MatrixView w, const float* y) {
                                parts[b] = empty;
                                const auto weights = w.all();
                                for (std::size_t i = 0; i < weights.size(); ++i) {
                                  const float e = weights[i] - y[i];
                                  parts[b].add(-static_cast<double>(e));
                                }
                              });
  if (!status) return status.error();
  Histogram whole = empty;
  for (const Histogram& part : parts) whole.merge(part);
  return whole;
}

/// The part that needs a finite tensor.
Status addQuantization(const AnalysisRequest& request, const Executor& executor,
                       const TaskControl& control, AnalysisResult& result) {
  auto choice = chooseClip(*request.tensor, request.spec, executor, control);
  if (!choice) return choice.error();
  auto parameters =
      groupParametersOf(*request.tensor, request.spec, choice->ratios, executor, control);
  if (!parameters) return parameters.error();
  auto sums = errorSumsOf(*request.tensor, request.spec, *parameters, executor, control);
  if (!sums) return sums.error();
  auto histogram = errorHistogramOf(request, *parameters, sums->maxAbsError, executor, control);
  if (!histogram) return histogram.error();

  result.metrics = ErrorMetrics::from(*sums);
  result.errorHistogram = std::move(*histogram);
  result.group = detailOf(request, *parameters, choice->ratios);
  result.clip = std::move(*choice);
  return ok();
}

}  // namespace

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
  const auto begin = std::chrono::steady_clock::now();
  if (auto status = request.spec.validate(); !status) return status.error();
  const WeightTensor& tensor = *request.tensor;

  auto result = std::make_shared<AnalysisResult>();
  result->id = request.id;
  result->info = tensor.info();
  result->spec = request.spec;
  result->storage = storageCostOf(request.spec, tensor.rows(), tensor.cols());

  auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  result->health = *health;
  auto statistics = statisticsOf(tensor, executor, control);
  if (!statistics) return statistics.error();
  result->statistics = *statistics;
  auto histogram = weightHistogram(tensor, *statistics, request.bins, executor, control);
  if (!histogram) return histogram.error();
  result->weightHistogram = std::move(*histogram);

  if (health->finite()) {
    if (auto status = addQuantization(request, executor, control, *result); !status) {
      return status.error();
    }
  }
  const std::chrono::duration<double, std::milli> elapsed =
      std::chrono::steady_clock::now() - begin;
  result->elapsedMs = elapsed.count();
  return SharedResult(std::move(result));
}

}  // namespace quantoscope
