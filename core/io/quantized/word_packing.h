// Codes in little-endian words of 32 bits, as GPTQ, AWQ, neural-compressor and others pack them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// How codes of 1 to 8 bits stand in words.
///
/// Source: ModelCloud/GPTQModel, nn_modules/qlinear/__init__.py and utils/planar_packing.py;
/// intel/neural-compressor, torch/algorithms/weight_only/modules.py.
enum class WordPacking {
  Dense,   ///< one after the other, across the ends of words; the first in the lowest bits
  Whole,   ///< 32 / bits of them in each word, the rest of its bits unused
  Planar,  ///< 32 codes in as many words as bits: planes of 4, 2 and 1 bits, the low bits first;
           ///< the parts in one plane stand in words as Whole
};

/// How many words hold so many codes. Nothing where a packing cannot hold that number: Planar takes
/// them by 32.
std::optional<std::uint64_t> wordsFor(WordPacking packing, int bits, std::uint64_t codes);

/// The first `count` codes, counting from 0, of wordsFor(...) words.
void unpackCodes(WordPacking packing, int bits, const std::uint32_t* words, std::size_t count,
                 std::int16_t* codes);

/// The same as numbers of `bits` bits in two's complement.
void makeSigned(int bits, std::vector<std::int16_t>& codes);

/// `count` columns from `first` of a matrix of words, [count, rows of the matrix].
Result<std::vector<std::uint32_t>> readWordColumns(const Container& container,
                                                   const StoredArray& words, std::size_t first,
                                                   std::size_t count, const TaskControl& control);

/// `count` rows from `first`, [count, columns of the matrix].
Result<std::vector<std::uint32_t>> readWordRows(const Container& container,
                                                const StoredArray& words, std::size_t first,
                                                std::size_t count, const TaskControl& control);

/// Of `codes` in one of so many words, whose last may be partly filled: the number that is told, if
/// there may be so many; else that which whole groups make; else the roundest, the one that the
/// largest power of two divides. 0 where `words` is 0.
std::uint64_t codesIn(std::uint64_t words, std::uint64_t codesInWord,
                      std::optional<std::uint64_t> told, std::uint64_t wholeGroups);

/// A matrix [rows, cols], row-major, the other way round.
template <typename T>
std::vector<T> turned(const std::vector<T>& matrix, std::size_t rows, std::size_t cols) {
  constexpr std::size_t kBlock = 32;
  std::vector<T> result(matrix.size());
  for (std::size_t begin = 0; begin < cols; begin += kBlock) {
    const std::size_t end = begin + kBlock < cols ? begin + kBlock : cols;
    for (std::size_t r = 0; r < rows; ++r) {
      for (std::size_t c = begin; c < end; ++c) result[c * rows + r] = matrix[r * cols + c];
    }
  }
  return result;
}

}  // namespace quantoscope
