#include "core/exporting/formats/native_arrays.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <map>
#include <variant>

#include "core/base/checked.h"
#include "core/exporting/bit_packing.h"
#include "core/io/container/array_box.h"

namespace quantoscope {

namespace {

using Bytes = std::vector<std::byte>;

std::size_t packedBytes(std::size_t count, int bits) {
  return (count * static_cast<std::size_t>(bits) + 7) / 8;
}

template <typename T>
Bytes bytesOfAll(const std::vector<T>& values) {
  static_assert(std::endian::native == std::endian::little);
  Bytes bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// Packs rows of `cols` numbers each, stored(index of the number) in all of them.
template <typename Stored>
Bytes packedRows(std::size_t rows, std::size_t cols, int bits, const Executor& executor,
                 Stored stored) {
  constexpr std::size_t kPiece = 2048;  // a multiple of 8: pieces end at whole bytes
  constexpr std::size_t kBlock = 65536;
  const std::size_t rowBytes = packedBytes(cols, bits);
  const std::size_t rowsOfBlock = std::max<std::size_t>(1, kBlock / std::max<std::size_t>(1, cols));
  Bytes bytes(rows * rowBytes);
  const auto packRow = [&](std::size_t row) {
    std::array<std::uint8_t, kPiece> piece;
    auto* to = reinterpret_cast<std::uint8_t*>(bytes.data() + row * rowBytes);
    for (std::size_t begin = 0; begin < cols; begin += kPiece) {
      const std::size_t count = std::min(kPiece, cols - begin);
      for (std::size_t i = 0; i < count; ++i) piece[i] = stored(row * cols + begin + i);
      packBytes(bits, {piece.data(), count}, to);
      to += packedBytes(count, bits);
    }
  };
  const Status done =
      executor.forEachBlock((rows + rowsOfBlock - 1) / rowsOfBlock, [&](std::size_t block) {
        const std::size_t end = std::min(rows, (block + 1) * rowsOfBlock);
        for (std::size_t row = block * rowsOfBlock; row < end; ++row) packRow(row);
      });
  (void)done;  // nobody cancels it
  return bytes;
}

NativePacking densePacking(const QuantSpec& spec) {
  if (const Codebook* codebook = codecOf(spec).codebook) {
    return {true, static_cast<int>(std::bit_width(codebook->levels.size() - 1)), 0};
  }
  const bool isSigned = spec.scheme == Scheme::Sym && spec.bits > 1;
  return {true, spec.bits, isSigned ? -(1 << (spec.bits - 1)) : 0};
}

/// The index of the level that each code stands for, by the code's low byte: codes of one codebook
/// differ in it.
std::array<std::uint8_t, 256> indicesByCode(const Codebook& codebook) {
  std::array<std::uint8_t, 256> indices{};
  for (std::size_t i = 0; i < codebook.codes.size(); ++i) {
    indices[static_cast<std::uint8_t>(codebook.codes[i])] = static_cast<std::uint8_t>(i);
  }
  return indices;
}

Bytes packedCodes(const ExportTensor& tensor, const Executor& executor) {
  const NativeOutline outline = outlineOf(tensor);
  const NativePacking packing = outline.packing;
  return std::visit(
      [&](const auto& codes) -> Bytes {
        const auto pack = [&](auto stored) {
          return packedRows(outline.layout.rows, outline.layout.cols, packing.bits, executor,
                            stored);
        };
        if (const Codebook* codebook = codecOf(outline.spec).codebook) {
          const auto indices = indicesByCode(*codebook);
          return pack([&](std::size_t i) { return indices[static_cast<std::uint8_t>(codes[i])]; });
        }
        return pack(
            [&](std::size_t i) { return static_cast<std::uint8_t>(codes[i] - packing.offset); });
      },
      tensor.quantized.codes);
}

Bytes plainCodes(const ExportTensor& tensor, const Executor&) {
  return bytesOfAll(std::get<std::vector<std::int32_t>>(tensor.quantized.codes));
}

Bytes scales(const ExportTensor& tensor, const Executor&) {
  return bytesOfAll(tensor.quantized.parameters.decoding());
}

Bytes packedZeroPoints(const ExportTensor& tensor, const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  return packedRows(
      parameters.layout.rows, parameters.layout.groupsPerRow(), outlineOf(tensor).packing.bits,
      executor, [&](std::size_t i) { return static_cast<std::uint8_t>(parameters.zeroPoint[i]); });
}

Bytes plainZeroPoints(const ExportTensor& tensor, const Executor&) {
  const std::vector<float>& zeroPoint = tensor.quantized.parameters.zeroPoint;
  return bytesOfAll(std::vector<std::int32_t>(zeroPoint.begin(), zeroPoint.end()));
}

Bytes levels(const ExportTensor& tensor, const Executor&) {
  return bytesOfAll(codecOf(tensor.quantized.spec).codebook->levels);
}

Bytes levelCodes(const ExportTensor& tensor, const Executor&) {
  const std::vector<int>& codes = codecOf(tensor.quantized.spec).codebook->codes;
  return bytesOfAll(std::vector<std::int32_t>(codes.begin(), codes.end()));
}

Bytes ratios(const ExportTensor& tensor, const Executor&) {
  return bytesOfAll(tensor.quantized.ratios.values);
}

Bytes ratioGrid(const ExportTensor& tensor, const Executor&) {
  return bytesOfAll(tensor.quantized.spec.grid.ratios());
}

/// A search takes its ratios from the grid, to the bit.
Bytes ratioIndices(const ExportTensor& tensor, const Executor&) {
  std::map<double, std::uint16_t> indices;
  const std::vector<double> grid = tensor.quantized.spec.grid.ratios();
  for (std::size_t i = 0; i < grid.size(); ++i) {
    indices.emplace(grid[i], static_cast<std::uint16_t>(i));
  }
  std::vector<std::uint16_t> found;
  found.reserve(tensor.quantized.ratios.values.size());
  for (const double ratio : tensor.quantized.ratios.values) found.push_back(indices.at(ratio));
  return bytesOfAll(found);
}

/// The values of the matrix in the order of the file that it came from.
Bytes values(const ExportTensor& tensor, const Executor&) {
  const TensorInfo& info = tensor.info;
  std::vector<std::size_t> strides = matrixStrides(info.shape, info.axes);
  std::vector<std::size_t> shape = info.shape;
  if (info.axes.slice) {  // one matrix of the stack
    shape.erase(shape.begin());
    strides.erase(strides.begin());
  }
  std::vector<float> stored(tensor.dequantized->values.size());
  std::vector<std::size_t> index(shape.size());
  std::size_t from = 0;
  for (float& value : stored) {
    value = tensor.dequantized->values[from];
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += strides[axis];
      if (++index[axis] < shape[axis]) break;
      from -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return bytesOfAll(stored);
}

void addRatios(const NativeOutline& outline, std::vector<NativeArray>& arrays) {
  const GroupLayout& layout = outline.layout;
  switch (outline.spec.clip.kind) {
    case ClipPolicy::Kind::None:
    case ClipPolicy::Kind::Ratio:
    case ClipPolicy::Kind::SearchTensor:
      arrays.push_back({"clip_ratio", NativeType::Float64, {}, ratios});
      return;
    case ClipPolicy::Kind::SearchRows:
      arrays.push_back({"clip_ratio", NativeType::Float64, {layout.rows, 1}, ratios});
      return;
    case ClipPolicy::Kind::SearchGroups:
      arrays.push_back(
          {"clip_ratio", NativeType::UInt16, {layout.rows, layout.groupsPerRow()}, ratioIndices});
      arrays.push_back({"clip_ratio_grid",
                        NativeType::Float64,
                        {static_cast<std::uint64_t>(outline.spec.grid.count)},
                        ratioGrid});
      return;
    case ClipPolicy::Kind::Optimal:  // scales follow from no ratio
      return;
  }
}

std::vector<std::uint64_t> shapeOfValues(const TensorInfo& info) {
  return {info.shape.begin() + (info.axes.slice ? 1 : 0), info.shape.end()};
}

}  // namespace

std::size_t bytesOf(NativeType type) {
  switch (type) {
    case NativeType::UInt8:
      return 1;
    case NativeType::UInt16:
      return 2;
    case NativeType::Int32:
    case NativeType::Float32:
      return 4;
    case NativeType::Float64:
      break;
  }
  return 8;
}

std::uint64_t NativeArray::bytes() const {
  return checkedVolume(shape, bytesOf(type)).value_or(0);
}

NativeOutline outlineOf(const ExportTensor& tensor) {
  const QuantSpec& spec = tensor.quantized.spec;
  const bool plain = std::holds_alternative<std::vector<std::int32_t>>(tensor.quantized.codes);
  return {tensor.info, spec, tensor.quantized.parameters.layout,
          plain ? NativePacking{.dense = false} : densePacking(spec),
          tensor.dequantized.has_value()};
}

NativeOutline outlineOf(const TensorInfo& info, const QuantSpec& spec) {
  return {info, spec, layoutOf(spec, info.rows, info.cols), densePacking(spec), false};
}

std::vector<NativeArray> nativeArraysOf(const NativeOutline& outline) {
  const auto& [info, spec, layout, packing, withValues] = outline;
  const std::uint64_t rows = layout.rows;
  const std::uint64_t groups = layout.groupsPerRow();
  std::vector<NativeArray> arrays;
  if (packing.dense) {
    arrays.push_back(
        {"codes", NativeType::UInt8, {rows, packedBytes(layout.cols, packing.bits)}, packedCodes});
  } else {
    arrays.push_back({"codes", NativeType::Int32, {rows, layout.cols}, plainCodes});
  }
  arrays.push_back({"scale", NativeType::Float32, {rows, groups}, scales});
  const Codec codec = codecOf(spec);
  if (codec.hasZeroPoint() && packing.dense) {
    arrays.push_back({"zero_point",
                      NativeType::UInt8,
                      {rows, packedBytes(groups, packing.bits)},
                      packedZeroPoints});
  } else if (codec.hasZeroPoint()) {
    arrays.push_back({"zero_point", NativeType::Int32, {rows, groups}, plainZeroPoints});
  }
  if (codec.codebook != nullptr) {
    const std::uint64_t count = codec.codebook->levels.size();
    arrays.push_back({"codebook", NativeType::Float32, {count}, levels});
    arrays.push_back({"codebook_codes", NativeType::Int32, {count}, levelCodes});
  }
  addRatios(outline, arrays);
  if (withValues) {
    arrays.push_back({"dequantized", NativeType::Float32, shapeOfValues(info), values});
  }
  return arrays;
}

}  // namespace quantoscope
