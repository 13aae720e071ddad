// A tensor that a file holds as codes and their parameters, and how it decodes.
//
// Two kinds of callers: the container that lists decoded weights, inside the reader process; and
// whoever compares codes and parameters with others, on a container that was opened as it is stored
// (OpenOptions::asStored). Shares no code with the writers of core/exporting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// What is known of a quantized tensor without its elements.
struct PackedInfo {
  std::string path;          ///< of its decoded weights, as the original has it: "a.b.weight"
  std::string format;        ///< QuantizedFormat::name: "GPTQ"
  std::string detail;        ///< "4 bits, groups of 128, zero points stored less one"
  std::size_t rows = 0;      ///< output channels
  std::size_t cols = 0;      ///< input channels
  bool inputsFirst = false;  ///< its decoded array is [cols, rows], as Keras has it
  /// The decoded array's own shape, of more than two axes, and which matrix `axes` make of it:
  /// [rows, cols]. Empty: it is that matrix, or [cols, rows].
  std::vector<std::uint64_t> shape = {};
  AxisMap axes = {};
  int bits = 0;             ///< of a code
  long long groupSize = 0;  ///< of inputs that share a scale; -1: a whole row
  std::string scaleType;    ///< "float16", "bfloat16", "float32", "float8_e4m3fn", "float8_e8m0fnu"
  std::vector<std::string> parts;  ///< the arrays that it takes; that of the codes first
  /// Where the original has it, if another array has that place here: Keras' variables have
  /// numbers, and some of its modes another order. Empty: at `path`.
  std::string originalPath = {};
};

/// All that multiplies and shifts codes: value = unit(code) * scale + offset, each step rounded to
/// float32, where unit(code) is levels[code], or code - zero.
struct PackedParameters {
  std::size_t groups = 1;              ///< scales a row
  std::vector<std::uint32_t> groupOf;  ///< of each column; empty where flatBlock is not 0
  /// Not 0: runs of so many weights share a scale, row after row, across the ends of rows: `scale`
  /// has one for each run, and there are no zero points and no offsets.
  std::size_t flatBlock = 0;
  std::vector<float> scale;       ///< [rows, groups], row-major, as they are stored; times that of
                                  ///< the tensor, where a format multiplies the two first
  bool divides = false;           ///< value = unit / scale
  float divisor = 1;              ///< of each scale, before it is used: one a tensor
  std::vector<float> zero;        ///< [rows, groups]; empty: 0
  std::vector<float> offset;      ///< [rows, groups]; empty: 0
  std::vector<float> levels;      ///< by code; empty: codes are integers
  std::vector<float> inputScale;  ///< of each column, divides the value; empty: 1
  /// Float16 or BFloat16: every step is rounded to that instead, as it was for weights of that
  /// type.
  std::optional<StoredType> rounded = {};
};

/// One quantized tensor of a file. Immutable; what it reads it reads from the container that it was
/// found in, or from one opened from the same file in the same way. One thread at a time for one
/// container.
class PackedTensor {
 public:
  virtual ~PackedTensor() = default;

  virtual const PackedInfo& info() const = 0;

  /// Everything but the codes. Sizes are checked against info(); UnreadableFile names the array
  /// that does not fit.
  virtual Result<PackedParameters> parameters(const Container& container,
                                              const TaskControl& control) const = 0;

  /// The codes of `rows` rows from `firstRow`, [rows, cols]: indices into `levels`, or integers.
  /// Integers with zero points count from 0 (0..2^bits - 1), like these, and so do those with
  /// offsets; without they are signed.
  virtual Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                                  std::size_t rows,
                                                  const TaskControl& control) const = 0;
};

using SharedPackedTensor = std::shared_ptr<const PackedTensor>;

/// UnreadableFile where parameters have not the sizes that `info` asks for, or refer to groups that
/// there are not: decodeRows() takes only those that pass.
Status checkParameters(const PackedParameters& parameters, const PackedInfo& info);

/// The values of `rows` rows from `firstRow`, whose codes are given, into y, [rows, cols]. A code
/// without a level is NaN. Every step is rounded to the nearest float32: the scale over the
/// divisor; code - zero; times the scale; plus the offset; over the scale of the input.
void decodeRows(const PackedParameters& parameters, std::size_t cols, std::size_t firstRow,
                std::size_t rows, const std::vector<std::int16_t>& codes, float* y);

/// Every quantized tensor of a file that can be decoded, in the order of its arrays. The container
/// was opened with OpenOptions::asStored. Reads what shapes do not tell (descriptions, small
/// arrays). A tensor whose parts contradict each other is left out: it is listed with the reason.
Result<std::vector<SharedPackedTensor>> packedTensorsOf(const Container& container,
                                                        const TaskControl& control = {});

}  // namespace quantoscope
