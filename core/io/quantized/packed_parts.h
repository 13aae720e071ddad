// What decoders of several formats share: parts beside codes, rows of arrays, and codes in bytes
// (those in words: see word_packing.h).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/io/quantized/packed_reading.h"
#include "core/io/quantized/packed_tensor.h"
#include "core/io/quantized/quantized_formats.h"

namespace quantoscope {

/// Why codes that are recognised cannot be decoded, as QuantizedFormat::open tells it.
Error undecodable(const std::string& why);

/// The part of that name (see Siblings::find); undecodable() where there is none, or none that can
/// be read.
Result<const StoredArray*> neededPart(const Siblings& siblings, std::string_view name);

/// The same, null where there is none.
Result<const StoredArray*> optionalPart(const Siblings& siblings, std::string_view name);

bool isFloatType(const StoredArray& array);        ///< a float of any width
std::string nameOfPart(const StoredArray& array);  ///< the last component of its path

/// The product of all sides but the last `inner`; nothing where there are fewer or it does not fit.
std::optional<std::uint64_t> leadingSides(const StoredArray& array, std::size_t inner);

/// How many inputs share one of `groups` scales: -1 for all of `cols`; the one of `known` sizes
/// that covers them; else as groupSizeOf() tells. Nothing where it cannot be told.
std::optional<long long> groupSizeAmong(std::uint64_t cols, std::uint64_t groups,
                                        const std::vector<long long>& known);

/// The group of each column, where `size` columns in a row make one; -1: all do.
std::vector<std::uint32_t> evenGroups(std::size_t cols, long long size);

/// Numbers [rows, groups]; a single one stands for all. UnreadableFile for another count.
Result<std::vector<float>> readOver(const Container& container, const StoredArray& array,
                                    Bytes bytes, std::size_t rows, std::size_t groups,
                                    const TaskControl& control);

/// An error for rows that the tensor has not.
Status checkRows(const PackedInfo& info, std::size_t firstRow, std::size_t rows);

/// What every tensor has, and `detail` as detailOfBits() tells it; parts and types of scales are to
/// be added.
PackedInfo newInfo(std::string path, std::string format, std::uint64_t rows, std::uint64_t cols,
                   int bits, long long groupSize);

/// "4 bits, groups of 128", "8 bits, a scale for each row".
std::string detailOfBits(int bits, long long groupSize);

// ---- bytes

enum class NibbleOrder { LowFirst, HighFirst };

/// Codes `first` to `first + count` of a stream of two a byte. `bytes` begins with byte first / 2.
void unpackNibbles(NibbleOrder order, const std::uint8_t* bytes, std::size_t first,
                   std::size_t count, std::int16_t* codes);

/// What codes of E2M1 mean: sign << 3 | index of 0, 0.5, 1, 1.5, 2, 3, 4, 6; code 8 is -0.
std::vector<float> fp4Levels();

/// What codes of float8_e4m3fn mean; 0x7f and 0xff are NaN.
std::vector<float> e4m3Levels();

// ---- rows

/// Elements of `rows` rows of an array whose last `inner` axes are a row, and the others, in
/// row-major order, count rows; row-major. Errors are those of readElements().
template <typename T>
Result<std::vector<T>> readRows(const Container& container, const StoredArray& array,
                                std::size_t inner, std::size_t firstRow, std::size_t rows,
                                const TaskControl& control) {
  Box box = wholeOf(array);
  if (box.count.size() <= inner) {
    return Error{ErrorCode::UnreadableFile, array.path + ": has no rows"};
  }
  const std::size_t axis = box.count.size() - inner - 1;
  const std::size_t side = box.count[axis];
  std::vector<T> elements;
  for (std::size_t row = firstRow; row < firstRow + rows;) {
    std::size_t outer = row / std::max<std::size_t>(side, 1);
    for (std::size_t a = axis; a-- > 0;) {
      box.count[a] = 1;
      const std::size_t sideOfA = std::max<std::size_t>(array.shape[a], 1);
      box.start[a] = outer % sideOfA;
      outer /= sideOfA;
    }
    box.start[axis] = side == 0 ? 0 : row % side;
    box.count[axis] = std::min(firstRow + rows - row, side - box.start[axis]);
    auto piece = readElements<T>(container, array, box, control);
    if (!piece) return piece.error();
    if (box.count[axis] == rows) return piece;
    elements.insert(elements.end(), piece->begin(), piece->end());
    if (box.count[axis] == 0) break;
    row += box.count[axis];
  }
  return elements;
}

}  // namespace quantoscope
