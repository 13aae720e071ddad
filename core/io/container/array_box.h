// Rectangular parts of arrays: how a large array is cut for reading, and how a part of it finds its
// place in an array whose axes have another order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/tensor/tensor_info.h"

namespace quantoscope {

/// A rectangular part of an array: `count[a]` indices from `start[a]` along each axis a.
struct Box {
  std::vector<std::size_t> start;
  std::vector<std::size_t> count;

  std::size_t elements() const;
  bool operator==(const Box&) const = default;
};

/// Cuts `whole` into boxes of about `targetElements` that lie in row-major order and cover it once.
/// Inner borders are multiples of `unit` (the array's chunks, so that each is decompressed once;
/// all ones where there are none), so a box is at least one unit.
std::vector<Box> cutIntoBoxes(const Box& whole, const std::vector<std::size_t>& unit,
                              std::size_t targetElements);

/// How far apart neighbours along each stored axis lie in the row-major matrix that `axes` makes of
/// an array of this shape. 0 for an axis that is sliced.
std::vector<std::size_t> matrixStrides(const std::vector<std::size_t>& shape, const AxisMap& axes);

/// Writes the row-major elements of a box to where they belong. Element i of stored axis a is
/// `(i - origin[a]) * strides[a]` elements behind `to`; the loops are blocked so that both sides
/// stay in the cache when the order of the axes is reversed. For 2- and 4-byte elements.
template <typename T>
void scatter(const T* from, const Box& box, const std::vector<std::size_t>& origin,
             const std::vector<std::size_t>& strides, T* to);

extern template void scatter(const float*, const Box&, const std::vector<std::size_t>&,
                             const std::vector<std::size_t>&, float*);
extern template void scatter(const std::uint16_t*, const Box&, const std::vector<std::size_t>&,
                             const std::vector<std::size_t>&, std::uint16_t*);

}  // namespace quantoscope
