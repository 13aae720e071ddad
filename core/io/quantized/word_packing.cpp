#include "core/io/quantized/word_packing.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/base/checked.h"
#include "core/io/quantized/packed_reading.h"

namespace quantoscope {

namespace {

constexpr unsigned kWordBits = 32;

std::uint32_t maskOf(unsigned bits) {
  return (std::uint32_t{1} << bits) - 1;
}

void unpackWhole(unsigned bits, const std::uint32_t* words, std::size_t count,
                 std::int16_t* codes) {
  const std::size_t each = kWordBits / bits;
  const std::uint32_t mask = maskOf(bits);
  for (std::size_t i = 0; i < count; ++words) {
    std::uint32_t word = *words;
    const std::size_t end = std::min(count, i + each);
    for (; i < end; ++i, word >>= bits) codes[i] = static_cast<std::int16_t>(word & mask);
  }
}

void unpackDense(unsigned bits, const std::uint32_t* words, std::size_t count,
                 std::int16_t* codes) {
  const std::uint32_t mask = maskOf(bits);
  std::uint64_t window = 0;
  unsigned held = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (held < bits) {
      window |= std::uint64_t{*words++} << held;
      held += kWordBits;
    }
    codes[i] = static_cast<std::int16_t>(window & mask);
    window >>= bits;
    held -= bits;
  }
}

/// 7 bits are planes of 4, 2 and 1.
void unpackPlanar(unsigned bits, const std::uint32_t* words, std::size_t count,
                  std::int16_t* codes) {
  std::array<std::int16_t, kWordBits> plane;
  for (std::size_t i = 0; i < count; i += kWordBits) {
    const std::size_t length = std::min<std::size_t>(kWordBits, count - i);
    std::fill_n(codes + i, length, std::int16_t{0});
    unsigned low = 0;
    for (unsigned width = std::bit_floor(bits); low < bits; width = std::bit_floor(bits - low)) {
      unpackWhole(width, words, length, plane.data());
      for (std::size_t j = 0; j < length; ++j) {
        codes[i + j] = static_cast<std::int16_t>(codes[i + j] | plane[j] << low);
      }
      words += width;
      low += width;
    }
  }
}

}  // namespace

std::optional<std::uint64_t> wordsFor(WordPacking packing, int bits, std::uint64_t codes) {
  const auto width = static_cast<std::uint64_t>(bits);
  const auto quotient = [](std::uint64_t a, std::uint64_t b) {
    return a / b + (a % b != 0 ? 1 : 0);
  };
  if (packing == WordPacking::Whole) return quotient(codes, kWordBits / width);
  const auto all = checkedProduct(codes, width);
  if (!all) return std::nullopt;
  if (packing == WordPacking::Dense) return quotient(*all, kWordBits);
  return codes % kWordBits == 0 ? std::optional(*all / kWordBits) : std::nullopt;
}

void unpackCodes(WordPacking packing, int bits, const std::uint32_t* words, std::size_t count,
                 std::int16_t* codes) {
  const auto width = static_cast<unsigned>(bits);
  if (packing == WordPacking::Planar) return unpackPlanar(width, words, count, codes);
  if (packing == WordPacking::Whole || kWordBits % width == 0) {
    return unpackWhole(width, words, count, codes);
  }
  unpackDense(width, words, count, codes);
}

void makeSigned(int bits, std::vector<std::int16_t>& codes) {
  const int half = 1 << (bits - 1);
  for (std::int16_t& code : codes) code = static_cast<std::int16_t>((code ^ half) - half);
}

Result<std::vector<std::uint32_t>> readWordColumns(const Container& container,
                                                   const StoredArray& words, std::size_t first,
                                                   std::size_t count, const TaskControl& control) {
  const std::size_t rows = words.shape[0];
  auto read =
      readElements<std::uint32_t>(container, words, Box{{0, first}, {rows, count}}, control);
  if (!read) return read.error();
  return turned(*read, rows, count);
}

Result<std::vector<std::uint32_t>> readWordRows(const Container& container,
                                                const StoredArray& words, std::size_t first,
                                                std::size_t count, const TaskControl& control) {
  return readElements<std::uint32_t>(container, words, Box{{first, 0}, {count, words.shape[1]}},
                                     control);
}

std::uint64_t codesIn(std::uint64_t words, std::uint64_t codesInWord,
                      std::optional<std::uint64_t> told, std::uint64_t wholeGroups) {
  const auto all = checkedProduct(words, codesInWord);
  if (!all || words == 0) return 0;
  const std::uint64_t least = *all - codesInWord + 1;
  if (told && *told >= least && *told <= *all) return *told;
  if (wholeGroups >= least && wholeGroups <= *all) return wholeGroups;
  std::uint64_t roundest = *all;
  for (std::uint64_t codes = least; codes < *all; ++codes) {
    if (std::countr_zero(codes) > std::countr_zero(roundest)) roundest = codes;
  }
  return roundest;
}

}  // namespace quantoscope
