// Reading the parts of quantized tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/array_box.h"
#include "core/io/container/container.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// Elements of a box of an array, row-major, as they are stored. T must have the size of one;
/// UnreadableFile names the array where it has not, or where the box lies outside of it.
template <typename T>
Result<std::vector<T>> readElements(const Container& container, const StoredArray& array,
                                    const Box& box, const TaskControl& control) {
  const auto element = container.elementOf(array.path);
  if (!element) return element.error();
  bool inside = element->bytes == sizeof(T) && box.count.size() == array.shape.size();
  for (std::size_t axis = 0; inside && axis < array.shape.size(); ++axis) {
    inside = box.start[axis] <= array.shape[axis] &&
             box.count[axis] <= array.shape[axis] - box.start[axis];
  }
  if (!inside) {
    return Error{ErrorCode::UnreadableFile, array.path + ": does not hold what its tensor needs"};
  }
  std::vector<T> values(box.elements());
  if (values.empty()) return values;
  if (Status status = container.read(array.path, box, values.data(), control); !status) {
    return status.error();
  }
  return values;
}

/// All elements of an array of numbers as float32: floats of any width, 8-bit ones included, and
/// integers. With `exponents`, unsigned bytes are E8M0: 2^(e - 127), 255 being NaN.
enum class Bytes { Numbers, Exponents };
Result<std::vector<float>> readNumbers(const Container& container, const StoredArray& array,
                                       Bytes bytes, const TaskControl& control);

/// The whole of an array as a box.
inline Box wholeOf(const StoredArray& array) {
  return {std::vector<std::size_t>(array.shape.size(), 0),
          {array.shape.begin(), array.shape.end()}};
}

/// "[64, 16]".
std::string shapeText(const StoredArray& array);

}  // namespace quantoscope
