#include "core/tensor/tensor_info.h"

#include <numeric>

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

TensorInfo oriented(TensorInfo info, Orientation orientation) {
  if (orientation == Orientation::Auto || info.axes.order.empty()) return info;
  const std::size_t rank = info.axes.order.size();
  AxisMap axes = orientation == Orientation::Rows ? AxisMap::rows(rank) : AxisMap::columns(rank);
  axes.slice = info.axes.slice;
  if (axes.slice) {
    for (int& axis : axes.order) ++axis;
  }
  setAxes(info, std::move(axes));
  return info;
}

}  // namespace quantoscope
