#include "core/io/container/array_box.h"

#include <algorithm>
#include <cstring>

namespace quantoscope {

namespace {

/// A tile of float32 in source and destination order fits the first-level cache twice.
constexpr std::size_t kTile = 64;

/// Two axes of a copy: how many steps, how far each step leads on either side.
struct CopyAxis {
  std::size_t count = 1;
  std::size_t fromStride = 0;
  std::size_t toStride = 0;
};

/// Advances a row-major odometer; false when it has come round.
bool advance(std::vector<std::size_t>& index, const std::vector<CopyAxis>& axes) {
  for (std::size_t a = axes.size(); a-- > 0;) {
    if (++index[a] < axes[a].count) return true;
    index[a] = 0;
  }
  return false;
}

/// Copies a plane; `fast` is contiguous in the source.
template <typename T>
void copyPlane(const T* from, T* to, const CopyAxis& slow, const CopyAxis& fast) {
  if (fast.toStride == 1) {
    for (std::size_t s = 0; s < slow.count; ++s) {
      std::memcpy(to + s * slow.toStride, from + s * slow.fromStride, fast.count * sizeof(T));
    }
    return;
  }
  for (std::size_t sBegin = 0; sBegin < slow.count; sBegin += kTile) {
    const std::size_t sEnd = std::min(slow.count, sBegin + kTile);
    for (std::size_t fBegin = 0; fBegin < fast.count; fBegin += kTile) {
      const std::size_t fEnd = std::min(fast.count, fBegin + kTile);
      for (std::size_t f = fBegin; f < fEnd; ++f) {
        for (std::size_t s = sBegin; s < sEnd; ++s) {
          to[f * fast.toStride + s * slow.toStride] = from[f + s * slow.fromStride];
        }
      }
    }
  }
}

/// The axes of a box that have more than one step, in stored order. Neighbouring axes that are
/// neighbours on both sides become one.
std::vector<CopyAxis> copyAxes(const Box& box, const std::vector<std::size_t>& strides) {
  std::vector<CopyAxis> axes;
  std::size_t fromStride = 1;
  for (std::size_t a = box.count.size(); a-- > 0;) {
    const CopyAxis axis{box.count[a], fromStride, strides[a]};
    fromStride *= box.count[a];
    if (axis.count == 1) continue;
    if (!axes.empty() && axis.toStride == axes.back().count * axes.back().toStride) {
      axes.back().count *= axis.count;
    } else {
      axes.push_back(axis);
    }
  }
  std::reverse(axes.begin(), axes.end());
  return axes;
}

}  // namespace

std::size_t Box::elements() const {
  std::size_t product = 1;
  for (const std::size_t side : count) product *= side;
  return product;
}

std::vector<Box> cutIntoBoxes(const Box& whole, const std::vector<std::size_t>& units,
                              std::size_t targetElements) {
  if (whole.elements() == 0) return {};
  const std::size_t rank = whole.count.size();
  // A unit beyond the end holds the same as one that ends there, and its multiples fit.
  std::vector<std::size_t> unit(rank);
  for (std::size_t a = 0; a < rank; ++a) {
    unit[a] = std::clamp<std::size_t>(units[a], 1, whole.start[a] + whole.count[a]);
  }

  // One unit, then as many units along the last axis as fit, then along the last but one, ...
  std::vector<std::size_t> size(rank);
  for (std::size_t a = 0; a < rank; ++a) size[a] = std::min(unit[a], whole.count[a]);
  std::size_t elements = Box{whole.start, size}.elements();
  for (std::size_t a = rank; a-- > 0;) {
    const std::size_t fitting = std::max<std::size_t>(1, targetElements / elements);
    const std::size_t others = elements / size[a];
    size[a] = std::min(whole.count[a], size[a] * fitting);
    elements = others * size[a];
    if (size[a] < whole.count[a]) break;
  }

  std::vector<Box> boxes;
  std::vector<std::size_t> at = whole.start;
  for (;;) {
    Box box{at, size};
    for (std::size_t a = 0; a < rank; ++a) {
      // Borders lie on multiples of the unit even where `whole` begins between two of them.
      const std::size_t end = whole.start[a] + whole.count[a];
      const std::size_t number = (size[a] + unit[a] - 1) / unit[a];
      box.count[a] = std::min(at[a] - at[a] % unit[a] + number * unit[a], end) - at[a];
    }
    boxes.push_back(box);
    std::size_t a = rank;
    while (a-- > 0) {
      at[a] += box.count[a];
      if (at[a] < whole.start[a] + whole.count[a]) break;
      at[a] = whole.start[a];
    }
    if (a == static_cast<std::size_t>(-1)) return boxes;
  }
}

std::vector<std::size_t> matrixStrides(const std::vector<std::size_t>& shape, const AxisMap& axes) {
  std::vector<std::size_t> strides(shape.size(), 0);
  std::size_t stride = 1;
  for (std::size_t i = axes.order.size(); i-- > 0;) {
    const auto axis = static_cast<std::size_t>(axes.order[i]);
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

template <typename T>
void scatter(const T* from, const Box& box, const std::vector<std::size_t>& origin,
             const std::vector<std::size_t>& strides, T* to) {
  for (std::size_t a = 0; a < box.count.size(); ++a) {
    if (box.count[a] == 0) return;
    to += (box.start[a] - origin[a]) * strides[a];
  }
  std::vector<CopyAxis> axes = copyAxes(box, strides);
  if (axes.empty()) {
    *to = *from;
    return;
  }
  const CopyAxis fast = axes.back();
  axes.pop_back();

  // Together with the source's fastest axis, the destination's fastest one makes the plane.
  CopyAxis slow;
  const auto fastest = std::min_element(
      axes.begin(), axes.end(),
      [](const CopyAxis& a, const CopyAxis& b) { return a.toStride < b.toStride; });
  if (fastest != axes.end()) {
    slow = *fastest;
    axes.erase(fastest);
  }

  std::vector<std::size_t> index(axes.size(), 0);
  do {
    const T* plane = from;
    T* place = to;
    for (std::size_t a = 0; a < axes.size(); ++a) {
      plane += index[a] * axes[a].fromStride;
      place += index[a] * axes[a].toStride;
    }
    copyPlane(plane, place, slow, fast);
  } while (advance(index, axes));
}

template void scatter(const float*, const Box&, const std::vector<std::size_t>&,
                      const std::vector<std::size_t>&, float*);
template void scatter(const std::uint16_t*, const Box&, const std::vector<std::size_t>&,
                      const std::vector<std::size_t>&, std::uint16_t*);

}  // namespace quantoscope
