#include "core/engine/part.h"

#include "core/base/memory_border.h"
#include "core/base/text.h"

namespace quantoscope {

namespace {

/// A matrix cut out of a tensor, with the parameters that are its own.
struct Cut {
  GroupLayout layout;
  Position first;  ///< of the tensor
  std::vector<float> weights;
  std::vector<float> values;
  std::vector<float> scale;
  std::vector<float> zeroPoint;
  std::vector<float> decodeScale;

  void takeGroup(const ParameterView& row, std::size_t group) {
    scale.push_back(row.scale[group]);
    decodeScale.push_back(row.decodeScale[group]);
    if (row.zeroPoint != nullptr) zeroPoint.push_back(row.zeroPoint[group]);
  }
};

Status checkKnown(const PartRequest& request) {
  if (request.known && request.known->answers(*request.tensor)) return ok();
  return Error{ErrorCode::InvalidArgument,
               request.tensor->info().name +
                   ": a part needs the whole answer to this tensor, which must be finite"};
}

Status checkPart(const TensorPart& part, const WeightTensor& tensor, const GroupLayout& layout) {
  const bool channel = part.kind == TensorPart::Kind::Channel;
  const std::size_t count = channel ? layout.cols : layout.rows;
  const bool grouped = part.kind == TensorPart::Kind::Group;
  if (part.index < count && (!grouped || part.group < layout.groupsPerRow())) return ok();
  std::string allowed = std::string(channel ? "channels" : "rows") + " 0 to " +
                        std::to_string(count == 0 ? 0 : count - 1);
  if (grouped) allowed += ", groups 0 to " + std::to_string(layout.groupsPerRow() - 1);
  return Error{ErrorCode::DoesNotFit,
               tensor.info().name + ": no " + part.text() + ": allowed are " + allowed};
}

/// Some groups of a row.
Cut cutRow(const WeightTensor& tensor, const ParameterSource& parameters, std::size_t row,
           std::size_t firstGroup, std::size_t groups) {
  const GroupLayout& layout = parameters.layout();
  Cut cut;
  cut.first = {row, layout.begin(firstGroup)};
  std::vector<float> scratch;
  const MatrixView whole = tensor.block(row, 1, scratch);
  const ParameterView found = parameters.ofRows(row, whole);
  std::size_t length = 0;
  for (std::size_t g = firstGroup; g < firstGroup + groups; ++g) {
    cut.takeGroup(found, g);
    length += layout.length(g);
  }
  cut.layout = {1, length, std::min(layout.groupSize, length)};
  const auto weights = whole.row(0).subspan(cut.first.col, length);
  cut.weights.assign(weights.begin(), weights.end());
  return cut;
}

/// Ends early when it is cancelled: half-precision rows are converted whole.
Cut cutChannel(const WeightTensor& tensor, const ParameterSource& parameters, std::size_t channel,
               const CancelToken& cancel) {
  const GroupLayout& layout = parameters.layout();
  Cut cut;
  cut.first = {0, channel};
  cut.layout = {layout.rows, 1, 1};
  std::vector<float> scratch;
  for (std::size_t row = 0; row < layout.rows && !cancel.cancelled(); ++row) {
    const MatrixView whole = tensor.block(row, 1, scratch);
    cut.takeGroup(parameters.ofRows(row, whole), channel / layout.groupSize);
    cut.weights.push_back(whole.row(0)[channel]);
  }
  return cut;
}

Cut cutOut(const WeightTensor& tensor, const ParameterSource& parameters, const TensorPart& part,
           const CancelToken& cancel) {
  switch (part.kind) {
    case TensorPart::Kind::Row:
      return cutRow(tensor, parameters, part.index, 0, parameters.layout().groupsPerRow());
    case TensorPart::Kind::Group:
      return cutRow(tensor, parameters, part.index, part.group, 1);
    case TensorPart::Kind::Channel:
      return cutChannel(tensor, parameters, part.index, cancel);
  }
  return {};
}

WeightTensor tensorOf(const Cut& cut, const std::string& name) {
  TensorInfo info;
  info.name = name;
  info.shape = {cut.layout.rows, cut.layout.cols};
  setAxes(info, AxisMap::rows(2));
  return WeightTensor(std::move(info), cut.weights);
}

}  // namespace

Result<TensorPart> TensorPart::parse(std::string_view text) {
  const auto words = split(text, ':');
  std::vector<std::size_t> numbers;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const auto number = parseInteger(words[i]);
    if (number && *number >= 0) numbers.push_back(static_cast<std::size_t>(*number));
  }
  if (numbers.size() + 1 == words.size()) {
    if (words[0] == "row" && numbers.size() == 1) return TensorPart{Kind::Row, numbers[0], 0};
    if (words[0] == "channel" && numbers.size() == 1) {
      return TensorPart{Kind::Channel, numbers[0], 0};
    }
    if (words[0] == "group" && numbers.size() == 2) {
      return TensorPart{Kind::Group, numbers[0], numbers[1]};
    }
  }
  return Error{ErrorCode::InvalidArgument,
               "part " + std::string(text) + ": allowed are row:N, channel:N and group:ROW:GROUP"};
}

std::string TensorPart::text() const {
  const std::string number = std::to_string(index);
  if (kind == Kind::Row) return "row:" + number;
  if (kind == Kind::Channel) return "channel:" + number;
  return "group:" + number + ":" + std::to_string(group);
}

Result<ErrorReport> reportPart(const PartRequest& request, const Executor& executor,
                               const TaskControl& control) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<ErrorReport> {
    if (auto status = checkKnown(request); !status) return status.error();
    const WeightTensor& tensor = *request.tensor;
    const Coding& coding = *request.known->coding;
    if (auto status = checkPart(request.part, tensor, coding.layout); !status)
      return status.error();
    const auto parameters =
        parameterSourceOf(tensor, coding, request.known->clip.ratios, executor, control);
    if (!parameters) return parameters.error();

    Cut cut = cutOut(tensor, *parameters, request.part, control.cancel);
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    cut.values.resize(cut.weights.size());
    kernels::activeKernels().quantizeDequantize(
        coding.codec, {cut.layout.rows, cut.layout.cols, cut.layout.groupSize}, cut.weights.data(),
        cut.scale.data(), cut.zeroPoint.empty() ? nullptr : cut.zeroPoint.data(),
        cut.decodeScale.data(), cut.values.data());

    ErrorReportRequest wanted;
    wanted.values = [&](std::size_t firstRow, MatrixView, std::vector<float>&) {
      return static_cast<const float*>(cut.values.data()) + firstRow * cut.layout.cols;
    };
    wanted.layout = cut.layout;
    const auto scales = [&cut](std::size_t firstRow, MatrixView) {
      const std::size_t group = firstRow * cut.layout.groupsPerRow();
      return CodedScales{cut.scale.data() + group,
                         cut.zeroPoint.empty() ? nullptr : cut.zeroPoint.data() + group};
    };
    wanted.coding = CodedGroups{coding.codec, coding.spec.bits, scales};
    wanted.sizes = request.sizes;
    auto report = reportErrors(tensorOf(cut, tensor.info().name), wanted, executor, control);
    if (!report) return report.error();
    if (auto status = tensor.intact(); !status) return status.error();
    report->metrics.maxAbsErrorAt.row += cut.first.row;
    report->metrics.maxAbsErrorAt.col += cut.first.col;
    return report;
  });
}

}  // namespace quantoscope
