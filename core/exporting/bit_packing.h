// How codes become words, for the writers of this room. Decoders have their own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/exporting/export_format.h"

namespace quantoscope {

/// Where code e of a row goes, `bits` each, in a stream of 32-bit little-endian words.
enum class WordOrder {
  Dense,   ///< at bits [bits * e, bits * e + bits) of the stream, across words
  Whole,   ///< 32 / bits codes a word, from its low end; what is left over is 0
  Planar,  ///< GPTQModel's gptq_p: per 32 codes `bits` words, low plane first
};

/// How many words `count` codes take.
std::size_t wordsOf(WordOrder order, int bits, std::size_t count);

/// Packs codes, of which the low `bits` bits count (bits 1 to 8), into wordsOf() words. What is
/// left over at the end is 0.
void packWords(WordOrder order, int bits, std::span<const std::uint8_t> codes,
               std::uint32_t* words);

/// A dense stream of bytes, code e at bits [bits * e, bits * e + bits), of (count * bits + 7) / 8
/// bytes.
void packBytes(int bits, std::span<const std::uint8_t> codes, std::uint8_t* bytes);

/// Two codes a byte, the first in the low, or in the high half; an odd last half is 0.
enum class FirstNibble { Low, High };
void packNibbles(FirstNibble first, std::span<const std::uint8_t> codes, std::uint8_t* bytes);

/// Codes as the unsigned numbers that are packed: 0..2^bits - 1, for signed ones code + 2^(bits-1);
/// those of a codebook as they are, a negative one in two's complement. [rows, cols] row-major, or
/// with `transposed` [cols, rows].
std::vector<std::uint8_t> unsignedCodes(const ExportTensor& tensor, bool transposed,
                                        const Executor& executor);

/// The same of columns [first, first + to.size()) of one row, for who packs row by row.
void unsignedCodes(const ExportTensor& tensor, std::size_t row, std::size_t first,
                   std::span<std::uint8_t> to);

/// The words of every row, packed along it: [rows, wordsOf(order, bits, cols)].
void packRows(WordOrder order, const ExportTensor& tensor, std::uint32_t* words,
              const Executor& executor);

/// The same words, transposed: [wordsOf(order, bits, cols), rows].
void packRowsTransposed(WordOrder order, const ExportTensor& tensor, std::uint32_t* words,
                        const Executor& executor);

/// Eight rows a word: [cols, rows / 8], where nibble i of word (c, w) is the code of row
/// 8 * w + order[i] in column c. Rows are a multiple of 8.
void packNibblesAcrossRows(const std::array<int, 8>& order, const ExportTensor& tensor,
                           std::uint32_t* words, const Executor& executor);

}  // namespace quantoscope
