// What a kernel must know about a number format; resolved from a QuantSpec.
#pragma once

#include <cstddef>
#include <vector>

namespace quantoscope {

/// A table of levels that a scaled weight is rounded to. All three tables ascend with the level.
struct Codebook {
  std::vector<float> levels;
  std::vector<float> thresholds;  ///< midpoints between neighbours: one fewer than levels
  std::vector<int> codes;         ///< the integer that stands for each level in a file
};

enum class CodecKind { Asymmetric, Symmetric, Codebook };

/// One number format with everything the inner loops need.
struct Codec {
  CodecKind kind = CodecKind::Asymmetric;
  float minCode = 0;                   ///< lowest integer code (integers only)
  float maxCode = 15;                  ///< highest integer code (integers only)
  bool fullRange = false;              ///< symmetric only: the largest magnitude maps to minCode
  const Codebook* codebook = nullptr;  ///< CodecKind::Codebook only; outlives the codec

  bool hasZeroPoint() const { return kind == CodecKind::Asymmetric; }
};

namespace kernels {

/// The shape of one block of rows and of the groups in it; the last group of a row may be shorter.
struct BlockShape {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t groupSize = 1;  ///< 1..cols

  std::size_t groupsPerRow() const { return (cols + groupSize - 1) / groupSize; }
};

}  // namespace kernels
}  // namespace quantoscope
