// What a kernel must know about a number format; resolved from a QuantSpec.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace quantoscope {

/// A table of levels that a scaled weight is rounded to. All three tables go with the level.
struct Codebook {
  std::vector<float> levels;  ///< strictly ascending
  /// Midpoints between neighbours, one fewer than levels. A scaled weight gets as many levels up as
  /// there are thresholds below it, so a tie goes down; where a format sends it up, the threshold
  /// is the float32 just below the midpoint.
  std::vector<float> thresholds;
  std::vector<int> codes;  ///< the integer that stands for each level in a file

  float maxMagnitude() const { return std::max(-levels.front(), levels.back()); }
  /// The level of the largest magnitude, the lower of two.
  float farthest() const {
    return -levels.front() >= levels.back() ? levels.front() : levels.back();
  }
  bool operator==(const Codebook&) const = default;
};

enum class CodecKind { Asymmetric, Symmetric, Codebook };

/// Which numbers a group's scale can be.
enum class ScaleFormat {
  Float32,
  E8m0,  ///< powers of two, 2^-127 to 2^127 (OCP MX)
  E4m3,  ///< an fp8 e4m3 number times the codec's `tensorScale` (NVFP4)
  /// A float16 number of either sign: the weight of the largest magnitude, the first of equals,
  /// meets the level of the largest magnitude (IQ4_NL)
  SignedHalf,
};

/// The type that every result of an operation is rounded to. float32: that of the kernels. 16 bits:
/// what a tensor library does with a tensor of that type, see core/kernels/half_arithmetic.h.
enum class Arithmetic { Float32, Float16, BFloat16 };

/// One number format with everything the inner loops need.
struct Codec {
  CodecKind kind = CodecKind::Asymmetric;
  float minCode = 0;       ///< lowest integer code (integers only)
  float maxCode = 15;      ///< highest integer code (integers only)
  bool fullRange = false;  ///< symmetric only: the largest magnitude maps to minCode
  bool halfRange = false;  ///< symmetric only: it maps to half the number of steps, 7.5 for 4 bits
  const Codebook* codebook = nullptr;  ///< CodecKind::Codebook only; outlives the codec

  ScaleFormat scaleFormat = ScaleFormat::Float32;  ///< CodecKind::Codebook only
  float tensorScale = 1;                           ///< ScaleFormat::E4m3 only; one a tensor

  /// Another one than Float32 only with the formats of the published functions, and `extended`.
  Arithmetic arithmetic = Arithmetic::Float32;

  /// Not one of the formats of the published functions in float32: a kernel table that knows only
  /// those may leave this one to scalarKernels().
  bool extended = false;

  bool hasZeroPoint() const { return kind == CodecKind::Asymmetric; }
  /// Whether a group's smallest and largest weight give its parameters. Not where the first of two
  /// weights of one magnitude tells the sign of the scale.
  bool followsFromExtremes() const { return scaleFormat != ScaleFormat::SignedHalf; }
};

/// The same format computed in another arithmetic.
inline Codec withArithmetic(Codec codec, Arithmetic arithmetic) {
  codec.arithmetic = arithmetic;
  codec.extended = codec.extended || arithmetic != Arithmetic::Float32;
  return codec;
}

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
