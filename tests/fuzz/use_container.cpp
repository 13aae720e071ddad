#include "tests/fuzz/use_container.h"

#include <algorithm>
#include <cstdlib>

#include "core/io/container/array_box.h"
#include "core/io/model/model_layout.h"

namespace quantoscope::fuzz {

namespace {

constexpr std::size_t kMostElements = std::size_t{1} << 17;

void require(bool condition) {
  if (!condition) std::abort();
}

/// As much of the array as is at most kMostElements, from its first element.
Box frontOf(const StoredArray& array) {
  Box box;
  std::size_t left = kMostElements;
  for (const std::uint64_t side : array.shape) {
    const std::size_t taken = std::min<std::uint64_t>(side, left);
    box.start.push_back(0);
    box.count.push_back(taken);
    left = taken == 0 ? left : left / taken;
  }
  return box;
}

}  // namespace

void useContainer(const Container& container, bool damageShowsLate) {
  for (const StoredArray& array : container.contents().arrays) {
    const auto element = container.elementOf(array.path);
    const auto extent = container.extentOf(array.path);
    require(element.hasValue() == array.obstacle.empty());
    if (!element) continue;
    require(container.chunkOf(array.path).size() == array.shape.size());
    require(extent.hasValue());
    const Box box = frontOf(array);
    std::vector<std::byte> bytes(box.elements() * element->bytes);
    const bool whole = container.read(array.path, box, bytes.data(), {}).hasValue();
    require(whole || damageShowsLate);
    if (!whole || !element->integer) continue;
    std::vector<float> values(box.elements());
    require(container.readAsFloat(array.path, box, values.data()).hasValue());
  }
  useContents(container.contents());
}

void useContents(const StoredFile& contents) {
  for (const TensorInfo& info : recognizeLayout(contents).tensors) {
    require(info.quantizable == info.reason.empty());
    require(!info.quantizable || info.elements() > 0);
    require(!storedPath(info).empty() || info.name.empty());
    for (const Orientation orientation : {Orientation::Rows, Orientation::Columns}) {
      require(!info.quantizable || oriented(info, orientation).elements() == info.elements());
    }
    if (info.quantizable) require(matrixStrides(info.shape, info.axes).size() == info.shape.size());
  }
}

}  // namespace quantoscope::fuzz
