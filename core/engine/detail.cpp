#include "core/engine/detail.h"

#include <chrono>
#include <string>

namespace quantoscope {

namespace {

using Clock = std::chrono::steady_clock;

double millisecondsSince(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

Status requireFinite(const WeightTensor& tensor, const Executor& executor,
                     const TaskControl& control) {
  auto health = healthOf(tensor, executor, control);
  if (!health) return health.error();
  return health->finite() ? ok() : Status(notFiniteError(tensor.info().name, *health));
}

Status requireImportance(const WeightTensor& tensor, const Importance* importance) {
  if (importance == nullptr || importance->values().size() == tensor.cols()) return ok();
  return Error{ErrorCode::DoesNotFit,
               tensor.info().name + ": importance has " +
                   std::to_string(importance->values().size()) + " weights; it must have " +
                   std::to_string(tensor.cols()) + ", one for each input channel"};
}

std::span<const float> importanceOf(const DetailRequest& request) {
  return request.importance ? request.importance->values() : std::span<const float>();
}

bool answers(const AnalysisResult& known, const DetailRequest& request) {
  return known.metrics && !known.preview && known.spec == request.spec &&
         known.info.rows == request.tensor->rows() && known.info.cols == request.tensor->cols();
}

Result<ClipRatios> ratiosFor(const DetailRequest& request, const Executor& executor,
                             const TaskControl& control) {
  if (request.known && answers(*request.known, request)) return request.known->clip.ratios;
  if (auto status = requireFinite(*request.tensor, executor, control); !status) {
    return status.error();
  }
  auto choice = chooseClip(*request.tensor, request.spec, executor, control, importanceOf(request));
  if (!choice) return choice.error();
  return std::move(choice->ratios);
}

Result<ErrorReport> reportOn(const DetailRequest& request, const GroupParameters& parameters,
                             const Executor& executor, const TaskControl& control) {
  const Codec codec = codecOf(request.spec);
  ErrorReportRequest report;
  report.values = [&](std::size_t firstRow, MatrixView w, std::vector<float>& scratch) {
    scratch.resize(w.rows * w.cols);
    dequantizeRows(codec, parameters, w, firstRow, scratch.data());
    return static_cast<const float*>(scratch.data());
  };
  report.layout = parameters.layout;
  report.coding = Coding{codec, request.spec.bits, parameters.scale, parameters.zeroPoint};
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
  if (request.groupSize < 1 && request.groupSize != -1) {
    return Error{ErrorCode::InvalidArgument, "group_size " + std::to_string(request.groupSize) +
                                                 ": allowed are -1 (a whole row) and 1 or more"};
  }
  return requireImportance(a, request.importance.get());
}

}  // namespace

Result<SharedDetail> analyseDetail(const DetailRequest& request, const Executor& executor,
                                   const TaskControl& control) {
  const auto begin = Clock::now();
  if (auto status = request.spec.validate(); !status) return status.error();
  if (auto status = requireImportance(*request.tensor, request.importance.get()); !status) {
    return status.error();
  }
  auto ratios = ratiosFor(request, executor, control);
  if (!ratios) return ratios.error();
  auto parameters = groupParametersOf(*request.tensor, request.spec, *ratios, executor, control,
                                      importanceOf(request));
  if (!parameters) return parameters.error();
  auto report = reportOn(request, *parameters, executor, control);
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
}

Result<SharedComparison> compareTensors(const ComparisonRequest& request, const Executor& executor,
                                        const TaskControl& control) {
  const auto begin = Clock::now();
  if (auto status = validate(request); !status) return status.error();
  const WeightTensor& original = *request.original;
  const WeightTensor& other = *request.other;
  for (const WeightTensor* tensor : {&original, &other}) {
    if (auto status = requireFinite(*tensor, executor, control); !status) return status.error();
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
}

}  // namespace quantoscope
