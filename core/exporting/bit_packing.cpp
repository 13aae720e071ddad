#include "core/exporting/bit_packing.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <variant>

namespace quantoscope {

namespace {

static_assert(std::endian::native == std::endian::little,
              "words are written as they are in memory");

constexpr std::size_t kWordBits = 32;
constexpr std::size_t kEight = 8;

/// Rows that are packed at a time where the words are stored transposed: a cache line of words.
constexpr std::size_t kBand = 16;
/// Codes of a row that are packed at a time then: words of every order and width end there.
constexpr std::size_t kStretch = 3840;
/// The side of the squares in which codes are transposed.
constexpr std::size_t kSide = 64;

template <int kBits>
constexpr std::uint64_t kLow = (std::uint64_t{1} << kBits) - 1;

/// Calls work(std::integral_constant<int, bits>).
template <typename Work>
void withBits(int bits, Work work) {
  switch (bits) {
    case 1:
      return work(std::integral_constant<int, 1>{});
    case 2:
      return work(std::integral_constant<int, 2>{});
    case 3:
      return work(std::integral_constant<int, 3>{});
    case 4:
      return work(std::integral_constant<int, 4>{});
    case 5:
      return work(std::integral_constant<int, 5>{});
    case 6:
      return work(std::integral_constant<int, 6>{});
    case 7:
      return work(std::integral_constant<int, 7>{});
    case 8:
      return work(std::integral_constant<int, 8>{});
  }
}

std::uint64_t eightAt(const std::uint8_t* codes) {
  std::uint64_t eight;
  std::memcpy(&eight, codes, sizeof(eight));
  return eight;
}

/// Up to eight codes, and zeros behind them.
std::uint64_t fewAt(const std::uint8_t* codes, std::size_t count) {
  std::uint64_t eight = 0;
  std::memcpy(&eight, codes, count);
  return eight;
}

/// The low kBits bits of eight bytes side by side: pairs, fours, then all eight are joined.
template <int kBits>
constexpr std::uint64_t squeezed(std::uint64_t codes) {
  if constexpr (kBits == 8) return codes;
  codes &= 0x0101010101010101 * kLow<kBits>;
  codes = (codes & 0x00ff00ff00ff00ff) | (codes & 0xff00ff00ff00ff00) >> (8 - kBits);
  codes = (codes & 0x0000ffff0000ffff) | (codes & 0xffff0000ffff0000) >> (16 - 2 * kBits);
  return (codes & 0x00000000ffffffff) | (codes & 0xffffffff00000000) >> (32 - 4 * kBits);
}

/// Eight codes take kBits bytes, so that each eight begins at a byte.
template <int kBits>
void packStream(std::span<const std::uint8_t> codes, std::uint8_t* bytes) {
  const std::size_t rest = codes.size() % kEight;
  const std::uint8_t* code = codes.data();
  for (const std::uint8_t* end = code + (codes.size() - rest); code != end; code += kEight) {
    const std::uint64_t bits = squeezed<kBits>(eightAt(code));
    std::memcpy(bytes, &bits, kBits);
    bytes += kBits;
  }
  if (rest == 0) return;
  const std::uint64_t bits = squeezed<kBits>(fewAt(code, rest));
  std::memcpy(bytes, &bits, (rest * kBits + 7) / 8);
}

template <int kBits>
void packDense(std::span<const std::uint8_t> codes, std::uint32_t* words) {
  if (codes.empty()) return;
  words[wordsOf(WordOrder::Dense, kBits, codes.size()) - 1] = 0;
  packStream<kBits>(codes, reinterpret_cast<std::uint8_t*>(words));
}

/// The word of 32 / kBits codes, of which at least eight bytes can be read.
template <int kBits>
std::uint32_t wholeWord(const std::uint8_t* codes) {
  constexpr int kCount = static_cast<int>(kWordBits) / kBits;
  std::uint64_t word = squeezed<kBits>(eightAt(codes));
  if constexpr (kCount < 8) word &= kLow<kCount * kBits>;
  for (int i = 8; i < kCount; ++i) word |= (codes[i] & kLow<kBits>) << (kBits * i);
  return static_cast<std::uint32_t>(word);
}

template <int kBits>
void packWhole(std::span<const std::uint8_t> codes, std::uint32_t* words) {
  if constexpr (kWordBits % kBits == 0) return packDense<kBits>(codes, words);
  constexpr std::size_t kCount = kWordBits / kBits;
  constexpr std::size_t kRead = std::max(kCount, kEight);
  std::size_t i = 0;
  for (; i + kRead <= codes.size(); i += kCount) *words++ = wholeWord<kBits>(codes.data() + i);
  for (; i < codes.size(); i += kCount) {
    std::array<std::uint8_t, kRead> last{};
    std::copy_n(codes.data() + i, std::min(kCount, codes.size() - i), last.data());
    *words++ = wholeWord<kBits>(last.data());
  }
}

/// Bits [shift, shift + kWidth) of 32 codes as kWidth words.
template <int kWidth>
std::uint32_t* packPlane(const std::uint8_t* codes, int shift, std::uint32_t* words) {
  auto* bytes = reinterpret_cast<std::uint8_t*>(words);
  for (std::size_t i = 0; i < kWordBits; i += kEight, bytes += kWidth) {
    const std::uint64_t bits = squeezed<kWidth>(eightAt(codes + i) >> shift);
    std::memcpy(bytes, &bits, kWidth);
  }
  return words + kWidth;
}

/// Planes are powers of two, the widest first: 3 = 2 + 1, 7 = 4 + 2 + 1.
template <int kBits>
std::uint32_t* packPlanes(const std::uint8_t* codes, std::uint32_t* words) {
  if constexpr (kBits == 8) return packPlane<8>(codes, 0, words);
  if constexpr ((kBits & 4) != 0) words = packPlane<4>(codes, 0, words);
  if constexpr ((kBits & 2) != 0) words = packPlane<2>(codes, kBits & 4, words);
  if constexpr ((kBits & 1) != 0) words = packPlane<1>(codes, kBits & 6, words);
  return words;
}

template <int kBits>
void packPlanar(std::span<const std::uint8_t> codes, std::uint32_t* words) {
  std::size_t i = 0;
  for (; i + kWordBits <= codes.size(); i += kWordBits) {
    words = packPlanes<kBits>(codes.data() + i, words);
  }
  if (i == codes.size()) return;
  std::array<std::uint8_t, kWordBits> last{};
  std::copy(codes.begin() + static_cast<std::ptrdiff_t>(i), codes.end(), last.begin());
  packPlanes<kBits>(last.data(), words);
}

/// Byte c of word r becomes byte r of word c.
void transpose(std::array<std::uint64_t, kEight>& words) {
  const auto swap = [&](std::size_t low, std::size_t high, int shift, std::uint64_t mask) {
    const std::uint64_t differ = (words[low] >> shift ^ words[high]) & mask;
    words[high] ^= differ;
    words[low] ^= differ << shift;
  };
  for (const std::size_t i : {0, 1, 2, 3}) swap(i, i + 4, 32, 0x00000000ffffffff);
  for (const std::size_t i : {0, 1, 4, 5}) swap(i, i + 2, 16, 0x0000ffff0000ffff);
  for (const std::size_t i : {0, 2, 4, 6}) swap(i, i + 1, 8, 0x00ff00ff00ff00ff);
}

/// Codes of up to kSide rows and kSide columns, unsigned, zeros around them.
struct Square {
  std::size_t row, col;    ///< the first of them
  std::size_t rows, cols;  ///< how many
  std::array<std::uint8_t, kSide * kSide> codes{};
};

Square squareAt(const ExportTensor& tensor, std::size_t row, std::size_t col) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  Square square{row, col, std::min(kSide, layout.rows - row), std::min(kSide, layout.cols - col)};
  for (std::size_t r = 0; r < square.rows; ++r) {
    unsignedCodes(tensor, row + r, col, {square.codes.data() + r * kSide, square.cols});
  }
  return square;
}

/// Transposes a square into `to`, whose rows have `stride` codes.
void storeTransposed(const Square& square, std::size_t stride, std::uint8_t* to) {
  std::array<std::uint64_t, kEight> words;
  for (std::size_t c = 0; c < square.cols; c += kEight) {
    for (std::size_t r = 0; r < square.rows; r += kEight) {
      for (std::size_t i = 0; i < kEight; ++i) {
        words[i] = eightAt(square.codes.data() + (r + i) * kSide + c);
      }
      transpose(words);
      const std::size_t count = std::min(kEight, square.rows - r);
      for (std::size_t i = 0; i < std::min(kEight, square.cols - c); ++i) {
        std::memcpy(to + (square.col + c + i) * stride + square.row + r, &words[i], count);
      }
    }
  }
}

/// What is added to codes before they are packed.
int shiftOf(const QuantSpec& spec) {
  const bool isSigned = !spec.isFloat() && spec.scheme == Scheme::Sym;
  return isSigned ? 1 << (spec.bits - 1) : 0;
}

void forEachBand(const GroupLayout& layout, std::size_t band, const Executor& executor,
                 const std::function<void(std::size_t firstRow, std::size_t rows)>& work) {
  const Status done = executor.forEachBlock(
      (layout.rows + band - 1) / band,
      [&](std::size_t block) { work(block * band, std::min(band, layout.rows - block * band)); });
  (void)done;  // nobody cancels it
}

/// The words of a stretch of a band of rows, stored transposed.
void packStretch(WordOrder order, const ExportTensor& tensor, std::size_t firstRow,
                 std::size_t rows, std::size_t firstCol, std::uint32_t* words) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  const int bits = tensor.quantized.spec.bits;
  const std::size_t count = std::min(kStretch, layout.cols - firstCol);
  const std::size_t length = wordsOf(order, bits, count);
  // Rows that are a power of two apart would share few places of the cache.
  const std::size_t stride = length + kBand;
  std::vector<std::uint8_t> codes(count);
  std::vector<std::uint32_t> packed(kBand * stride);
  for (std::size_t r = 0; r < rows; ++r) {
    unsignedCodes(tensor, firstRow + r, firstCol, codes);
    packWords(order, bits, codes, packed.data() + r * stride);
  }
  words += wordsOf(order, bits, firstCol) * layout.rows + firstRow;
  for (std::size_t w = 0; w < length; ++w, words += layout.rows) {
    for (std::size_t r = 0; r < rows; ++r) words[r] = packed[r * stride + w];
  }
}

}  // namespace

std::size_t wordsOf(WordOrder order, int bits, std::size_t count) {
  const auto width = static_cast<std::size_t>(bits);
  switch (order) {
    case WordOrder::Dense:
      return (count * width + kWordBits - 1) / kWordBits;
    case WordOrder::Whole:
      return (count + kWordBits / width - 1) / (kWordBits / width);
    case WordOrder::Planar:
      return (count + kWordBits - 1) / kWordBits * width;
  }
  return 0;
}

void packWords(WordOrder order, int bits, std::span<const std::uint8_t> codes,
               std::uint32_t* words) {
  withBits(bits, [&](auto width) {
    constexpr int kBits = decltype(width)::value;
    switch (order) {
      case WordOrder::Dense:
        return packDense<kBits>(codes, words);
      case WordOrder::Whole:
        return packWhole<kBits>(codes, words);
      case WordOrder::Planar:
        return packPlanar<kBits>(codes, words);
    }
  });
}

void packBytes(int bits, std::span<const std::uint8_t> codes, std::uint8_t* bytes) {
  withBits(bits, [&](auto width) { packStream<decltype(width)::value>(codes, bytes); });
}

void packNibbles(FirstNibble first, std::span<const std::uint8_t> codes, std::uint8_t* bytes) {
  if (first == FirstNibble::Low) return packStream<4>(codes, bytes);
  for (std::size_t i = 0; i < codes.size(); i += kEight) {
    const std::size_t count = std::min(kEight, codes.size() - i);
    const std::uint64_t eight = fewAt(codes.data() + i, count);
    const std::uint64_t swapped =
        (eight & 0x00ff00ff00ff00ff) << 8 | (eight >> 8 & 0x00ff00ff00ff00ff);
    const std::uint64_t bits = squeezed<4>(swapped);
    std::memcpy(bytes, &bits, (count + 1) / 2);
    bytes += (count + 1) / 2;
  }
}

void unsignedCodes(const ExportTensor& tensor, std::size_t row, std::size_t first,
                   std::span<std::uint8_t> to) {
  const int shift = shiftOf(tensor.quantized.spec);
  const std::size_t begin = row * tensor.quantized.parameters.layout.cols + first;
  std::visit(
      [&](const auto& codes) {
        const auto* from = codes.data() + begin;
        for (std::size_t i = 0; i < to.size(); ++i) {
          to[i] = static_cast<std::uint8_t>(from[i] + shift);
        }
      },
      tensor.quantized.codes);
}

std::vector<std::uint8_t> unsignedCodes(const ExportTensor& tensor, bool transposed,
                                        const Executor& executor) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  std::vector<std::uint8_t> result(layout.rows * layout.cols);
  forEachBand(layout, kSide, executor, [&](std::size_t firstRow, std::size_t rows) {
    if (!transposed) {
      for (std::size_t r = firstRow; r < firstRow + rows; ++r) {
        unsignedCodes(tensor, r, 0, {result.data() + r * layout.cols, layout.cols});
      }
      return;
    }
    for (std::size_t c = 0; c < layout.cols; c += kSide) {
      storeTransposed(squareAt(tensor, firstRow, c), layout.rows, result.data());
    }
  });
  return result;
}

void packRows(WordOrder order, const ExportTensor& tensor, std::uint32_t* words,
              const Executor& executor) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  const int bits = tensor.quantized.spec.bits;
  const std::size_t length = wordsOf(order, bits, layout.cols);
  forEachBand(layout, kBand, executor, [&](std::size_t firstRow, std::size_t rows) {
    std::vector<std::uint8_t> codes(layout.cols);
    for (std::size_t r = firstRow; r < firstRow + rows; ++r) {
      unsignedCodes(tensor, r, 0, codes);
      packWords(order, bits, codes, words + r * length);
    }
  });
}

void packRowsTransposed(WordOrder order, const ExportTensor& tensor, std::uint32_t* words,
                        const Executor& executor) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  forEachBand(layout, kBand, executor, [&](std::size_t firstRow, std::size_t rows) {
    for (std::size_t col = 0; col < layout.cols; col += kStretch) {
      packStretch(order, tensor, firstRow, rows, col, words);
    }
  });
}

void packNibblesAcrossRows(const std::array<int, 8>& order, const ExportTensor& tensor,
                           std::uint32_t* words, const Executor& executor) {
  const GroupLayout& layout = tensor.quantized.parameters.layout;
  const std::size_t across = layout.rows / kEight;
  const auto store = [&](const Square& square, std::size_t r, std::size_t c) {
    std::array<std::uint64_t, kEight> eights;
    for (std::size_t i = 0; i < kEight; ++i) {
      const std::size_t row = r + static_cast<std::size_t>(order[i]);
      eights[i] = eightAt(square.codes.data() + row * kSide + c);
    }
    transpose(eights);
    std::uint32_t* to = words + (square.col + c) * across + (square.row + r) / kEight;
    for (std::size_t i = 0; i < std::min(kEight, square.cols - c); ++i, to += across) {
      *to = static_cast<std::uint32_t>(squeezed<4>(eights[i]));
    }
  };
  forEachBand(layout, kSide, executor, [&](std::size_t firstRow, std::size_t) {
    for (std::size_t col = 0; col < layout.cols; col += kSide) {
      const Square square = squareAt(tensor, firstRow, col);
      for (std::size_t c = 0; c < square.cols; c += kEight) {
        for (std::size_t r = 0; r + kEight <= square.rows; r += kEight) store(square, r, c);
      }
    }
  });
}

}  // namespace quantoscope
