#include "core/engine/preview.h"

#include <algorithm>
#include <chrono>

#include "core/base/memory_border.h"
#include "core/metrics/group_sample.h"

namespace quantoscope {

namespace {

/// Whether the request names a group that is there.
bool namesGroup(const AnalysisRequest& request, const GroupLayout& layout) {
  return request.group && request.group->row < layout.rows &&
         request.group->group < layout.groupsPerRow();
}

/// Puts the sample's positions back where they are in the tensor.
void restorePositions(const GroupSample& sample, const GroupLayout& layout,
                      AnalysisResult& result) {
  if (auto& first = result.health.firstNonFinite) first = sample.original(*first);
  if (result.metrics) {
    result.metrics->maxAbsErrorAt = sample.original(result.metrics->maxAbsErrorAt);
  }
  if (result.group) {
    GroupIndex& index = result.group->index;
    const Position begin = sample.original({index.row, index.group * layout.groupSize});
    index = {begin.row, begin.col / layout.groupSize};
  }
}

/// The group that was asked for, from its row alone. Nothing where its weights are not finite.
Result<std::optional<GroupDetail>> groupAlone(const AnalysisRequest& request,
                                              const AnalysisResult& sampled,
                                              const Executor& executor,
                                              const TaskControl& control) {
  AnalysisRequest alone = request;
  std::vector<float> scratch;
  const auto values = request.tensor->block(request.group->row, 1, scratch).row(0);
  TensorInfo info = request.tensor->info();
  info.rows = 1;
  alone.tensor =
      std::make_shared<const WeightTensor>(info, std::vector<float>(values.begin(), values.end()));
  if (request.spec.clip.kind == ClipPolicy::Kind::SearchTensor && sampled.metrics) {
    alone.spec.clip = ClipPolicy::fixed(sampled.clip.ratios.values[0]);
  }
  alone.group = GroupIndex{0, request.group->group};
  auto result = analyse(alone, executor, control);
  if (!result) return result.error();
  std::optional<GroupDetail> detail = (*result)->group;
  if (detail) detail->index.row = request.group->row;
  return detail;
}

}  // namespace

std::size_t previewWeights(const QuantSpec& spec) {
  if (spec.clip.kind != ClipPolicy::Kind::Optimal) return kPreviewWeights;
  // The walk passes each level of each weight once.
  constexpr std::size_t kLevelsInTime = 32;
  const Codec codec = codecOf(spec);
  const std::size_t levels = codec.kind == CodecKind::Codebook
                                 ? codec.codebook->levels.size()
                                 : static_cast<std::size_t>(codec.maxCode - codec.minCode) + 1;
  return kPreviewWeights * kLevelsInTime / std::max(levels, kLevelsInTime);
}

Result<SharedResult> preview(const AnalysisRequest& request, const Executor& executor,
                             const TaskControl& control, std::size_t limit) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<SharedResult> {
    const auto begin = std::chrono::steady_clock::now();
    if (auto status = request.spec.validate(); !status) return status.error();
    const WeightTensor& tensor = *request.tensor;
    const GroupLayout layout = layoutOf(request.spec, tensor.rows(), tensor.cols());
    const bool wholeRows = request.spec.clip.kind == ClipPolicy::Kind::SearchRows;
    const GroupSample sample(layout, limit, wholeRows);

    AnalysisRequest asked = request;
    if (!sample.whole()) {
      asked.tensor = std::make_shared<const WeightTensor>(sample.take(tensor));
      asked.group.reset();
    }
    auto answer = analyse(asked, executor, control);
    if (!answer) return answer.error();
    auto result = std::make_shared<AnalysisResult>(**answer);
    result->preview = SampleSize{sample.elements(), tensor.elements()};
    if (!sample.whole()) {
      result->info = tensor.info();
      result->storage = storageCostOf(request.spec, tensor.rows(), tensor.cols());
      restorePositions(sample, layout, *result);
      if (namesGroup(request, layout)) {
        auto group = groupAlone(request, *result, executor, control);
        if (!group) return group.error();
        if (*group) result->group = std::move(*group);
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
