#include "core/tensor/tensor_info.h"

#include <numeric>
#include <utility>

#include "core/base/text.h"

namespace quantoscope {

const char* nameOf(StoredType type) {
  switch (type) {
    case StoredType::Float32:
      return "float32";
    case StoredType::Float64:
      return "float64";
    case StoredType::Float16:
      return "float16";
    case StoredType::BFloat16:
      return "bfloat16";
  }
  return "";
}

const char* nameOf(AxisEvidence evidence) {
  switch (evidence) {
    case AxisEvidence::None:
      return "";
    case AxisEvidence::File:
      return "file";
    case AxisEvidence::Pair:
      return "pair";
    case AxisEvidence::Class:
      return "class";
    case AxisEvidence::Bias:
      return "bias";
    case AxisEvidence::Name:
      return "name";
    case AxisEvidence::Format:
      return "format";
    case AxisEvidence::User:
      return "user";
  }
  return "";
}

const char* nameOf(Orientation orientation) {
  for (const NamedOrientation& row : kOrientations) {
    if (row.orientation == orientation) return row.name;
  }
  return "";
}

Result<Orientation> parseOrientation(std::string_view name) {
  std::vector<std::string> names;
  for (const NamedOrientation& row : kOrientations) {
    if (row.name == name) return row.orientation;
    names.emplace_back(row.name);
  }
  return Error{ErrorCode::InvalidArgument,
               "orientation " + std::string(name) + ": allowed are " + join(names, ", ")};
}

AxisMap AxisMap::rows(std::size_t rank) {
  AxisMap map;
  map.order.resize(rank);
  std::iota(map.order.begin(), map.order.end(), 0);
  return map;
}

AxisMap AxisMap::columns(std::size_t rank) {
  AxisMap map;
  for (std::size_t taken = 0; taken < 2 && taken < rank; ++taken) {
    map.order.push_back(static_cast<int>(rank - 1 - taken));
  }
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) map.order.push_back(static_cast<int>(axis));
  return map;
}

std::size_t TensorInfo::elements() const {
  return rows * cols;
}

void setAxes(TensorInfo& info, AxisMap axes) {
  info.rows = 1;
  info.cols = 1;
  int position = 0;
  bool inStoredOrder = axes.rowAxes == 1;
  for (const int axis : axes.order) {
    std::size_t& side = position < axes.rowAxes ? info.rows : info.cols;
    side *= info.shape[static_cast<std::size_t>(axis)];
    if (axis != position + (axes.slice ? 1 : 0)) inStoredOrder = false;
    ++position;
  }
  info.transposed = !inStoredOrder;
  info.axes = std::move(axes);
}

namespace {

AxisMap axesOf(Orientation orientation, std::size_t rank) {
  const bool front = orientation == Orientation::Rows || orientation == Orientation::Second;
  AxisMap axes = front ? AxisMap::rows(rank) : AxisMap::columns(rank);
  const bool swapped = orientation == Orientation::Second || orientation == Orientation::LastButOne;
  if (swapped && rank >= 2) std::swap(axes.order[0], axes.order[1]);
  return axes;
}

}  // namespace

TensorInfo oriented(TensorInfo info, Orientation orientation) {
  if (orientation == Orientation::Auto || info.axes.order.empty()) return info;
  const std::size_t rank = info.axes.order.size();
  AxisMap axes = axesOf(orientation, rank);
  axes.slice = info.axes.slice;
  if (axes.slice) {
    for (int& axis : axes.order) ++axis;
  }
  if (axes.order.front() != info.axes.order.front()) info.gates.clear();
  setAxes(info, std::move(axes));
  info.evidence = AxisEvidence::User;
  info.because = "the orientation that was asked for";
  return info;
}

std::string gateOfRow(const TensorInfo& info, std::size_t row) {
  if (info.gates.empty() || row >= info.rows) return {};
  return info.gates[row / (info.rows / info.gates.size())];
}

}  // namespace quantoscope
