#include "core/io/container/stored_file.h"

#include <algorithm>

namespace quantoscope {

std::optional<AxisMap> axesTold(const GroupAttributes& group, std::size_t rank) {
  if (group.axes.size() != rank || group.rowAxes < 1 || group.rowAxes > rank) return {};
  AxisMap told;
  told.rowAxes = static_cast<int>(group.rowAxes);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    if (std::find(group.axes.begin(), group.axes.end(), axis) == group.axes.end()) return {};
    told.order.push_back(static_cast<int>(group.axes[axis]));
  }
  return told;
}

}  // namespace quantoscope
