#include "core/io/quantized/scaled_float8.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>

#include "core/base/half.h"
#include "core/io/quantized/packed_reading.h"

namespace quantoscope {

namespace {

using Shape = std::vector<std::uint64_t>;

/// What DeepSeek, and most after it, take.
constexpr std::uint64_t kUsualBlock = 128;

/// `*` is the name of the codes. The last three are those of a module's weight.
constexpr const char* kScaleNames[] = {"*_scale_inv", "*_scale", "*_scales", "*.scale"};
constexpr const char* kScaleNamesOfWeight[] = {"scale_inv", "scale", "scale_weight"};

std::uint64_t blocksOver(std::uint64_t side, std::uint64_t block) {
  return side / block + (side % block != 0 ? 1 : 0);
}

bool splits(std::uint64_t side, std::uint64_t count) {
  return count > 1 && count < side && side % count == 0;
}

/// The size of `count` blocks that cover an axis.
std::optional<std::uint64_t> blockOf(std::uint64_t side, std::uint64_t count,
                                     const BlockSizes& usual) {
  if (count == side) return 1;
  if (count == 1) return side;
  if (count == 0 || count > side) return std::nullopt;
  if (splits(side, count) && std::has_single_bit(side / count)) return side / count;
  const auto covers = [&](std::uint64_t block) { return blocksOver(side, block) == count; };
  const auto most = std::max_element(usual.begin(), usual.end(), [&](const auto& a, const auto& b) {
    return (covers(a.first) ? a.second : 0) < (covers(b.first) ? b.second : 0);
  });
  if (most != usual.end() && covers(most->first)) return most->first;
  if (covers(kUsualBlock)) return kUsualBlock;
  // Any power of two that covers the axis with a shorter last block is as likely as an even split.
  for (std::uint64_t block = 1; block < side; block *= 2) {
    if (covers(block)) return std::nullopt;
  }
  return splits(side, count) ? std::optional(side / count) : std::nullopt;
}

std::uint64_t product(const Shape& shape) {
  std::uint64_t elements = 1;
  for (const std::uint64_t side : shape) {
    if (side != 0 && elements > std::numeric_limits<std::int64_t>::max() / side) {
      return std::numeric_limits<std::uint64_t>::max();
    }
    elements *= side;
  }
  return elements;
}

bool isFloat8(std::string_view dtype) {
  return dtype == "float8_e4m3fn" || dtype == "float8_e5m2";
}

/// float32, the 16-bit floats, bytes that are exponents; and what is listed but missing.
bool canBeScales(const StoredArray& array) {
  return array.dtype.empty() || array.dtype == "uint8" || array.dtype.starts_with("float") ||
         array.dtype == "bfloat16";
}

/// The values of a run along the last axis, which begins at index `first` of it. Where codes and
/// values share memory, codes are taken out of it before values come into their place.
void scaleRun(const std::byte* codes, std::size_t count, std::uint64_t first, std::uint64_t block,
              const float* scales, float* values) {
  constexpr std::size_t kPiece = 512;
  std::array<std::uint16_t, kPiece> halfs;
  for (std::size_t i = 0; i < count;) {
    const std::uint64_t at = first + i;
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>({count - i, block - at % block, kPiece}));
    std::memcpy(halfs.data(), codes + i * sizeof halfs[0], length * sizeof halfs[0]);
    floatsFromHalfs(halfs.data(), length, values + i);
    const float scale = scales[at / block];
    for (std::size_t j = i; j < i + length; ++j) values[j] *= scale;
    i += length;
  }
}

}  // namespace

std::string ScaleGrid::text() const {
  const std::size_t rank = block.size();
  const auto all = static_cast<std::size_t>(std::count(counts.begin(), counts.end(), 1u));
  if (all == rank) return "a scale";
  if (all + 1 == rank && block.front() == 1) return rank == 2 ? "row scales" : "matrix scales";
  if (all + 1 == rank && block.back() == 1) return "column scales";
  std::string sizes;
  for (const std::uint64_t size : block) {
    sizes += (sizes.empty() ? "" : "x") + std::to_string(size);
  }
  return sizes + " block scales";
}

void countBlockSizes(const Shape& codes, const Shape& scales, BlockSizes& sizes) {
  if (codes.size() != scales.size()) return;
  for (std::size_t axis = 0; axis < codes.size(); ++axis) {
    if (!splits(codes[axis], scales[axis])) continue;
    const std::uint64_t block = codes[axis] / scales[axis];
    if (std::has_single_bit(block)) ++sizes[block];
  }
}

std::optional<ScaleGrid> gridOf(const Shape& codes, const Shape& scales, const BlockSizes& usual) {
  ScaleGrid grid{codes, Shape(codes.size(), 1)};
  if (codes.empty() || product(codes) == 0) return std::nullopt;
  if (product(scales) == 1) return grid;
  if (scales.size() == 1) {
    const std::size_t axis = scales[0] == codes.front() ? 0 : codes.size() - 1;
    if (scales[0] != codes[axis]) return std::nullopt;
    grid.block[axis] = 1;
    grid.counts[axis] = codes[axis];
    return grid;
  }
  if (scales.size() != codes.size()) return std::nullopt;
  for (std::size_t axis = 0; axis < codes.size(); ++axis) {
    const auto block = blockOf(codes[axis], scales[axis], usual);
    if (!block) return std::nullopt;
    grid.block[axis] = *block;
  }
  grid.counts = scales;
  return grid;
}

const StoredArray* scalesOfFloat8(const Siblings& siblings) {
  const StoredArray& codes = siblings.array();
  if (!isFloat8(codes.dtype) || codes.shape.size() < 2) return nullptr;
  const auto named = [&](std::span<const char* const> names) -> const StoredArray* {
    for (const char* name : names) {
      const StoredArray* found = siblings.find(name);
      if (found != nullptr && canBeScales(*found)) return found;
    }
    return nullptr;
  };
  if (const StoredArray* found = named(kScaleNames)) return found;
  return siblings.name() == "weight" ? named(kScaleNamesOfWeight) : nullptr;
}

Result<std::vector<float>> readScales(const Container& container, const StoredArray& scales,
                                      const TaskControl& control) {
  return readNumbers(container, scales, Bytes::Exponents, control);
}

void applyScales(const ScaleGrid& grid, const std::vector<float>& scales, const Box& box,
                 float* values) {
  const std::size_t total = box.elements();
  if (total == 0) return;
  constexpr std::size_t kCodeBytes = sizeof(std::uint16_t);
  const std::byte* codes = reinterpret_cast<const std::byte*>(values) + total * kCodeBytes;
  const std::size_t last = box.count.size() - 1;
  const std::size_t run = box.count[last];
  std::vector<std::size_t> index(box.start);
  for (std::size_t at = 0; at < total; at += run) {
    std::uint64_t row = 0;
    for (std::size_t axis = 0; axis < last; ++axis) {
      row = row * grid.counts[axis] + index[axis] / grid.block[axis];
    }
    scaleRun(codes + at * kCodeBytes, run, box.start[last], grid.block[last],
             scales.data() + row * grid.counts[last], values + at);
    for (std::size_t axis = last; axis-- > 0;) {
      if (++index[axis] < box.start[axis] + box.count[axis]) break;
      index[axis] = box.start[axis];
    }
  }
}

}  // namespace quantoscope
