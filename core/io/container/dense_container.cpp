#include "core/io/container/dense_container.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <limits>
#include <utility>

namespace quantoscope {

namespace {

/// What is read between two looks at whether to stop.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

using Run = std::function<Status(std::uint64_t first, std::size_t at, std::size_t count)>;

/// Cuts a box into runs of elements that are neighbours in the array: calls `run` with the index of
/// the first in the array, its index in the box, and their number.
Status forEachRun(const std::vector<std::size_t>& shape, const Box& box, const Run& run) {
  const std::size_t total = box.elements();
  if (total == 0) return ok();
  // The axes behind `outer` are taken whole, so that each index up to it starts one run.
  std::size_t outer = shape.size();
  std::size_t inner = 1;
  while (outer > 0 && box.count[outer - 1] == shape[outer - 1]) inner *= shape[--outer];
  std::size_t length = inner;
  if (outer > 0) length *= box.count[--outer];

  std::vector<std::size_t> index(box.start);
  for (std::size_t at = 0; at < total; at += length) {
    std::uint64_t first = 0;
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      first = first * shape[axis] + index[axis];
    }
    if (Status status = run(first, at, length); !status) return status;
    for (std::size_t axis = outer; axis-- > 0;) {
      if (++index[axis] < box.start[axis] + box.count[axis]) break;
      index[axis] = box.start[axis];
    }
  }
  return ok();
}

bool isInside(const Box& box, const std::vector<std::size_t>& shape) {
  if (box.start.size() != shape.size() || box.count.size() != shape.size()) return false;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (box.start[axis] > shape[axis] || box.count[axis] > shape[axis] - box.start[axis]) {
      return false;
    }
  }
  return true;
}

template <typename T>
std::vector<T> reversed(std::vector<T> values) {
  std::reverse(values.begin(), values.end());
  return values;
}

/// Reads a box of an array that is stored row-major, as it is stored, to the front of `to`. Each
/// run is widened at once, which is why it is read into the end of its place.
Status readRows(const DenseArray& array, const std::vector<std::size_t>& shape, const Box& box,
                std::byte* to, const TaskControl& control) {
  const std::size_t storedBytes = storedBytesOf(array.type);
  const std::size_t bytes = elementOfType(array.type).bytes;
  const std::uint64_t total = std::uint64_t{box.elements()} * bytes;
  const std::size_t piece = kPieceBytes / bytes;
  std::uint64_t reported = 0;
  return forEachRun(shape, box, [&](std::uint64_t first, std::size_t at, std::size_t count) {
    for (std::size_t done = 0; done < count; done += piece) {
      if (control.cancel.cancelled()) return Status(Error{ErrorCode::Cancelled, "cancelled"});
      const std::size_t now = std::min(piece, count - done);
      std::byte* place = to + (at + done) * bytes;
      const std::uint64_t offset = array.offset + (first + done) * storedBytes;
      const Status status =
          array.bytes->read(offset, place + now * (bytes - storedBytes), now * storedBytes);
      if (!status) return status;
      widen(array.type, place, now);
      const std::uint64_t ready = (at + done + now) * std::uint64_t{bytes};
      if (control.progress && (ready - reported >= kPieceBytes || ready == total)) {
        reported = ready;
        control.progress(ready, total);
      }
    }
    return ok();
  });
}

/// Reorders the elements of a box whose axes are reversed.
void reverseAxes(const std::byte* from, const std::vector<std::size_t>& count, std::size_t bytes,
                 std::byte* to) {
  const std::size_t rank = count.size();
  std::vector<std::size_t> strides(rank, bytes);  // in `from`: the first axis is the fastest
  for (std::size_t axis = 1; axis < rank; ++axis) {
    strides[axis] = strides[axis - 1] * count[axis - 1];
  }
  std::vector<std::size_t> index(rank, 0);
  const std::size_t row = count[rank - 1];
  const std::size_t rows = Box{{}, count}.elements() / row;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::byte* at = from;
    for (std::size_t axis = 0; axis + 1 < rank; ++axis) at += index[axis] * strides[axis];
    for (std::size_t j = 0; j < row; ++j, at += strides[rank - 1], to += bytes) {
      std::copy_n(at, bytes, to);
    }
    for (std::size_t axis = rank - 1; axis-- > 0;) {
      if (++index[axis] < count[axis]) break;
      index[axis] = 0;
    }
  }
}

std::vector<std::size_t> sides(const DenseArray& array) {
  return {array.shape.begin(), array.shape.end()};
}

Status readBox(const DenseArray& array, const Box& box, std::byte* to, const TaskControl& control) {
  const std::vector<std::size_t> shape = sides(array);
  if (!isInside(box, shape)) {
    return Error{ErrorCode::InvalidArgument, "the part that is asked for is not in it"};
  }
  const std::size_t elements = box.elements();
  const std::size_t bytes = elementOfType(array.type).bytes;
  if (elements == 0) return ok();
  if (array.columnMajor) {
    std::vector<std::byte> columns(elements * bytes);
    const Box stored{reversed(box.start), reversed(box.count)};
    const Status status = readRows(array, reversed(shape), stored, columns.data(), control);
    if (!status) return status;
    reverseAxes(columns.data(), box.count, bytes, to);
  } else if (Status status = readRows(array, shape, box, to, control); !status) {
    return status;
  }
  const bool swapped = array.bigEndian != (std::endian::native == std::endian::big);
  if (swapped && bytes > 1) swapBytes(to, bytes, elements);
  return ok();
}

}  // namespace

std::string shortTypeName(const std::string& name) {
  constexpr std::size_t kShown = 40;
  return name.size() <= kLongestTypeName ? name : name.substr(0, kShown) + "...";
}

std::optional<std::uint64_t> denseBytes(const std::vector<std::uint64_t>& shape,
                                        std::uint64_t elementBytes) {
  if (std::find(shape.begin(), shape.end(), 0u) != shape.end()) return 0;
  std::uint64_t product = elementBytes;
  for (const std::uint64_t side : shape) {
    if (product > std::numeric_limits<std::uint64_t>::max() / side) return std::nullopt;
    product *= side;
  }
  return product;
}

DenseContainer::DenseContainer(std::string name, const std::string& format)
    : name_(std::move(name)) {
  contents_.format = format;
}

void DenseContainer::add(DenseArray array) {
  if (array.shape.size() > kMostAxes) {
    StoredArray listed;
    listed.path = std::move(array.path);
    listed.shape = std::move(array.shape);
    listed.dtype = elementOfType(array.type).name;
    listed.elementBytes = storedBytesOf(array.type);
    addUnreadable(std::move(listed));
    return;
  }
  if (array.shape.size() < 2) array.columnMajor = false;
  contents_.arrays.push_back(
      {array.path, array.shape, elementOfType(array.type).name, storedBytesOf(array.type), {}, {}});
  std::string path = array.path;
  arrays_.emplace(std::move(path), std::move(array));
}

void DenseContainer::addUnreadable(StoredArray array) {
  array.dtype = shortTypeName(array.dtype);
  if (array.shape.size() > kMostAxes) {
    array.obstacle = "has " + std::to_string(array.shape.size()) + " axes; at most " +
                     std::to_string(kMostAxes) + " are read";
    array.incomplete = true;
    array.shape.clear();
  }
  obstacles_.emplace(array.path, array.obstacle);
  contents_.arrays.push_back(std::move(array));
}

void DenseContainer::keepOrder() {
  contents_.order.clear();
  for (const StoredArray& array : contents_.arrays) contents_.order.push_back(array.path);
}

Result<const DenseArray*> DenseContainer::find(const std::string& path) const {
  if (const auto found = arrays_.find(path); found != arrays_.end()) return &found->second;
  if (const auto found = obstacles_.find(path); found != obstacles_.end()) {
    return Error{ErrorCode::UnreadableFile, name_ + ": " + path + ": " + found->second};
  }
  return Error{ErrorCode::NotFound, name_ + ": there is no array " + path};
}

Result<StoredElement> DenseContainer::elementOf(const std::string& path) const {
  const auto array = find(path);
  if (!array) return array.error();
  return elementOfType((*array)->type);
}

Result<std::optional<FileExtent>> DenseContainer::extentOf(const std::string& path) const {
  const auto found = find(path);
  if (!found) return found.error();
  const DenseArray& array = **found;
  std::optional<FileExtent> extent = array.bytes->extent();
  const std::size_t bytes = storedBytesOf(array.type);
  const StoredElement element = elementOfType(array.type);
  const bool asRead = (bytes == element.bytes || narrowFloatNamed(element.name)) &&
                      !array.columnMajor && (!array.bigEndian || bytes == 1);
  if (!extent || !asRead) return std::optional<FileExtent>();
  extent->offset += array.offset;
  extent->bytes = *denseBytes(array.shape, bytes);
  return extent;
}

Status DenseContainer::read(const std::string& path, const Box& box, void* bytes,
                            const TaskControl& control) const {
  const auto array = find(path);
  if (!array) return array.error();
  Status status = readBox(**array, box, static_cast<std::byte*>(bytes), control);
  if (!status && status.error().code != ErrorCode::Cancelled) {
    return about(name_ + ": " + path, status.error());
  }
  return status;
}

Status DenseContainer::readAsFloat(const std::string& path, const Box& box, float* values) const {
  const auto found = find(path);
  if (!found) return found.error();
  const DenseArray& array = **found;
  const StoredElement element = elementOfType(array.type);
  if (!element.integer) {
    return Error{ErrorCode::DoesNotFit,
                 name_ + ": " + path + " holds " + element.name + ", not integers"};
  }
  if (!isInside(box, sides(array))) {
    return Error{ErrorCode::InvalidArgument,
                 name_ + ": " + path + ": the part that is asked for is not in it"};
  }
  std::vector<std::byte> bytes(box.elements() * element.bytes);
  if (Status status = read(path, box, bytes.data(), {}); !status) return status;
  floatsFromIntegers(array.type, bytes.data(), box.elements(), values);
  return ok();
}

std::vector<std::size_t> DenseContainer::chunkOf(const std::string& path) const {
  const auto found = find(path);
  if (!found) return {};
  const DenseArray& array = **found;
  std::vector<std::size_t> unit(array.shape.size(), 1);
  // Columns that are stored in one piece are read in one piece.
  if (array.columnMajor) {
    for (std::size_t axis = 0; axis + 1 < unit.size(); ++axis) {
      unit[axis] = std::max<std::size_t>(1, array.shape[axis]);
    }
  }
  return unit;
}

}  // namespace quantoscope
