#include "core/engine/analysis.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>

#include "core/base/memory_border.h"
#include "core/kernels/half_arithmetic.h"
#include "core/metrics/percentiles.h"
#include "core/parallel/shared_buffers.h"
#include "core/parallel/worker_pool.h"
#include "core/quant/error_histogram.h"
#include "core/quant/weighted_search.h"

namespace quantoscope {

namespace {

/// Calls use(first group, scales) for the groups of every block of rows, on several threads.
template <typename Use>
Status forEachScale(const WeightTensor& tensor, const ParameterSource& parameters,
                    const Executor& executor, const TaskControl& control, Use use) {
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  const std::size_t perRow = parameters.layout().groupsPerRow();
  return executor.forEachBlock(
      blocks.count(),
      [&](std::size_t b) {
        const std::size_t first = blocks.first(b) * perRow;
        const std::size_t groups = blocks.size(b) * perRow;
        if (const GroupParameters* kept = parameters.kept()) {
          return use(first, std::span<const float>(kept->scale).subspan(first, groups));
        }
        SharedBuffers<RowBuffer>::Lease scratch;
        const MatrixView w = tensor.block(blocks.first(b), blocks.size(b), scratch->values);
        use(first, std::span<const float>(parameters.ofRows(blocks.first(b), w).scale, groups));
      },
      control);
}

/// The group whose |scale| is the median, the lower of two, the first of equals: what most of the
/// tensor looks like. Counts instead of sorting: an order of the groups may be larger than the
/// tensor.
Result<GroupIndex> typicalGroup(const WeightTensor& tensor, const ParameterSource& parameters,
                                const Executor& executor, const TaskControl& control) {
  WorkerPool<MagnitudeCounts> counting;
  Status status = forEachScale(tensor, parameters, executor, control,
                               [&](std::size_t, std::span<const float> scales) {
                                 WorkerPool<MagnitudeCounts>::Lease counts(counting);
                                 counts->add(scales);
                               });
  if (!status) return status.error();
  MagnitudeCounts counts;
  counting.forEach([&](const MagnitudeCounts& part) { counts.merge(part); });

  const double half = 50;
  const PercentileSearch search(counts, {&half, 1});
  WorkerPool<PercentileSearch::Table> tables([&] { return search.emptyTable(); });
  status = forEachScale(tensor, parameters, executor, control,
                        [&](std::size_t, std::span<const float> scales) {
                          WorkerPool<PercentileSearch::Table>::Lease table(tables);
                          search.add(scales, *table);
                        });
  if (!status) return status.error();
  PercentileSearch::Table table = search.emptyTable();
  tables.forEach([&](const PercentileSearch::Table& part) { search.merge(table, part); });
  const auto median = static_cast<float>(search.found(table)[0].value);

  std::atomic<std::size_t> first = parameters.layout().groups();
  status = forEachScale(
      tensor, parameters, executor, control,
      [&](std::size_t firstGroup, std::span<const float> scales) {
        if (firstGroup >= first.load(std::memory_order_relaxed)) return;
        const auto at = std::find_if(scales.begin(), scales.end(),
                                     [=](float scale) { return std::fabs(scale) == median; });
        if (at == scales.end()) return;
        const std::size_t found = firstGroup + static_cast<std::size_t>(at - scales.begin());
        std::size_t known = first.load();
        while (found < known && !first.compare_exchange_weak(known, found)) {
        }
      });
  if (!status) return status.error();
  // Parameters that are found again are others once the file is another.
  if (auto same = tensor.intact(); !same) return same.error();
  const std::size_t perRow = parameters.layout().groupsPerRow();
  return GroupIndex{first / perRow, first % perRow};
}

/// Weights, codes and values of a group with these parameters.
void addCodes(const Codec& codec, const ParameterView& parameters, std::span<const float> weights,
              GroupDetail& detail) {
  const kernels::KernelTable& kernels = kernels::activeKernels();
  const kernels::BlockShape shape{1, weights.size(), weights.size()};
  detail.weights.assign(weights.begin(), weights.end());
  detail.codes.resize(weights.size());
  detail.values.resize(weights.size());
  kernels.encode(codec, shape, weights.data(), parameters.scale, parameters.zeroPoint,
                 detail.codes.data());
  kernels.quantizeDequantize(codec, shape, weights.data(), parameters.scale, parameters.zeroPoint,
                             parameters.decodeScale, detail.values.data());
}

Result<GroupDetail> detailOf(const AnalysisRequest& request, const Coding& coding,
                             const ParameterSource& parameters, const ClipRatios& ratios,
                             const Executor& executor, const TaskControl& control) {
  const GroupLayout& layout = parameters.layout();
  GroupDetail detail;
  const bool usable = request.group && request.group->row < layout.rows &&
                      request.group->group < layout.groupsPerRow();
  detail.typical = !usable;
  if (usable) {
    detail.index = *request.group;
  } else {
    auto typical = typicalGroup(*request.tensor, parameters, executor, control);
    if (!typical) return typical.error();
    detail.index = *typical;
  }

  std::vector<float> scratch;
  detail.firstColumn = layout.begin(detail.index.group);
  const auto weights = request.tensor->block(detail.index.row, 1, scratch)
                           .row(0)
                           .subspan(detail.firstColumn, layout.length(detail.index.group));
  const std::size_t flat = detail.index.row * layout.groupsPerRow() + detail.index.group;
  const ParameterView found =
      parameters.of(flat, {1, weights.size(), layout.groupSize}, weights.data());
  detail.clipRatio = ratios.at(detail.index.row, detail.index.group, layout.groupsPerRow());
  detail.scale = found.decodeScale[0];
  detail.codingScale = found.scale[0];
  if (found.zeroPoint != nullptr) detail.zeroPoint = found.zeroPoint[0];
  detail.levels = levelsOf(coding.codec, detail.scale, detail.zeroPoint);

  const auto [min, max] = std::minmax_element(weights.begin(), weights.end());
  detail.min = *min;
  detail.max = *max;
  addCodes(coding.codec, found, weights, detail);
  return detail;
}

/// sum of h e^2 / sum of h.
Result<double> weightedMseOf(const AnalysisRequest& request, const Coding& coding,
                             const ParameterSource& parameters, const Executor& executor,
                             const TaskControl& control) {
  const WeightTensor& tensor = *request.tensor;
  const std::size_t groupSize = parameters.layout().groupSize;
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
  auto group = detailOf(request, coding, measured->parameters, choice->ratios, executor, control);
  if (!group) return group.error();
  result.group = std::move(*group);
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
    for (const float level : codec.codebook->levels)
      levels.push_back(kernels::decoded(codec, level, 0, scale));
  } else {
    for (float code = codec.minCode; code <= codec.maxCode; ++code) {
      levels.push_back(kernels::decoded(codec, code, zeroPoint, scale));
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
