#include "core/engine/detail.h"

#include <chrono>
#include <string>

#include "core/base/memory_border.h"
#include "core/quant/weighted_search.h"

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;

double millisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

/// What the groups' parameters are found from.
struct Choice {
  Coding coding;
  ClipRatios ratios;
};

Result<Choice> choiceFor(const DetailRequest& request, const Executor& executor,
                         const TaskControl& control) {
  const WeightTensor& tensor = *request.tensor;
  const AnalysisResult* known = request.known.get();
  if (known != nullptr && known->answers(tensor) && known->spec == request.spec) {
    return Choice{*known->coding, known->clip.ratios};
  }
  const auto survey = surveyFinite(tensor, executor, control);
  if (!survey) return survey.error();
  Coding coding = codingOf(tensor, request.spec, *survey);
  auto choice = chooseClip(tensor, coding, executor, control, valuesOf(request.importance));
  if (!choice) return choice.error();
  return Choice{std::move(coding), std::move(choice->ratios)};
}

Result<ErrorReport> reportOn(const DetailRequest& request, const Codec& codec,
                             const ParameterSource& parameters, const Executor& executor,
                             const TaskControl& control) {
  ErrorReportRequest report;
  report.values = [&](std::size_t firstRow, MatrixView w, std::vector<float>& scratch) {
    scratch.resize(w.rows * w.cols);
    dequantizeRows(codec, parameters, w, firstRow, scratch.data());
    return static_cast<const float*>(scratch.data());
  };
  report.layout = parameters.layout();
  const auto scales = [&parameters](std::size_t firstRow, MatrixView w) {
    const ParameterView groups = parameters.ofRows(firstRow, w);
    return CodedScales{groups.scale, groups.zeroPoint};
  };
  report.coding = CodedGroups{codec, request.spec.bits, scales};
  report.importance = request.importance.get();
  report.sizes = request.sizes;
  return reportErrors(*request.tensor, report, executor, control);
}

std::string shapeText(const WeightTensor& tensor) {
  return tensor.info().name + " is " + std::to_string(tensor.rows()) + " x " +
         std::to_string(tensor.cols());
}

Status validate(const ComparisonRequest& request) {
  const WeightTensor& a = *request.original;
  const WeightTensor& b = *request.other;
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    return Error{ErrorCode::DoesNotFit, shapeText(a) + ", " + shapeText(b) +
                                            "; only tensors of one shape can be compared"};
  }
  if (auto status = validateGroupSize("group_size", request.groupSize); !status) return status;
  return request.importance ? checkImportance(a, request.importance->values()) : ok();
}

}  // namespace

Result<SharedDetail> analyseDetail(const DetailRequest& request, const Executor& executor,
                                   const TaskControl& control) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<SharedDetail> {
    const auto begin = Clock::now();
    if (auto status = request.spec.validate(); !status) return status.error();
    if (request.importance) {
      const Status status = checkImportance(*request.tensor, request.importance->values());
      if (!status) return status.error();
    }
    const auto choice = choiceFor(request, executor, control);
    if (!choice) return choice.error();
    auto parameters = parameterSourceOf(*request.tensor, choice->coding, choice->ratios, executor,
                                        control, valuesOf(request.importance));
    if (!parameters) return parameters.error();
    auto report = reportOn(request, choice->coding.codec, *parameters, executor, control);
    if (!report) return report.error();
    if (auto status = request.tensor->intact(); !status) return status.error();

    auto detail = std::make_shared<AnalysisDetail>();
    detail->id = request.id;
    detail->info = request.tensor->info();
    detail->spec = request.spec;
    detail->storage = storageCostOf(request.spec, request.tensor->rows(), request.tensor->cols());
    detail->report = std::move(*report);
    detail->elapsedMs = millisecondsSince(begin);
    return SharedDetail(std::move(detail));
  });
}

Result<SharedComparison> compareTensors(const ComparisonRequest& request, const Executor& executor,
                                        const TaskControl& control) {
  return withinMemory(request.original->info().name, [&]() -> Result<SharedComparison> {
    const auto begin = Clock::now();
    if (auto status = validate(request); !status) return status.error();
    const WeightTensor& original = *request.original;
    const WeightTensor& other = *request.other;
    for (const WeightTensor* tensor : {&original, &other}) {
      if (auto survey = surveyFinite(*tensor, executor, control); !survey) return survey.error();
    }
    ErrorReportRequest wanted;
    wanted.values = [&](std::size_t firstRow, MatrixView w, std::vector<float>& scratch) {
      return other.block(firstRow, w.rows, scratch).data;
    };
    wanted.layout = GroupLayout::of(original.rows(), original.cols(), request.groupSize);
    wanted.importance = request.importance.get();
    wanted.sizes = request.sizes;
    auto report = reportErrors(original, wanted, executor, control);
    if (!report) return report.error();
    for (const WeightTensor* tensor : {&original, &other}) {
      if (auto status = tensor->intact(); !status) return status.error();
    }

    auto comparison = std::make_shared<Comparison>();
    comparison->id = request.id;
    comparison->original = original.info();
    comparison->other = other.info();
    comparison->report = std::move(*report);
    comparison->elapsedMs = millisecondsSince(begin);
    return SharedComparison(std::move(comparison));
  });
}

}  // namespace quantoscope
