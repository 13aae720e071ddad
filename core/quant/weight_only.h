// The seven functions of neural-compressor's weight-only module (facts as of version 3.9) under
// their published names, and with the published meaning of `quantile`: the clip ratio.
//
// Weights are views of rows of float32, float16 or bfloat16, rows = output channels; 16-bit ones
// are converted, exactly, a block at a time as they are used. Results are float32 and equal the
// reference's on the float32 weights bit for bit, except where the reference is wrong
// (core/quant/README.md lists each case). Every function refuses, with an error that says what is
// allowed, weights that are not finite (naming the first position), a quantile outside (0, 1],
// unknown dtypes and schemes, and group sizes other than -1 and 1 or more. Thread-safe. They run on
// the calling thread; `search_clip` and `quant_tensor` use the executor they are given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/parallel/executor.h"
#include "core/quant/clip_search.h"
#include "core/quant/quant_spec.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

/// Row-major weights that somebody else owns, in the type they are stored as.
class WeightView {
 public:
  /// Implicit: what takes weights takes a matrix of float32.
  WeightView(MatrixView weights)
      : type_(StoredType::Float32), data_(weights.data), rows_(weights.rows), cols_(weights.cols) {}
  /// IEEE 754 binary16 bits, `rows` times `cols` of them.
  static WeightView float16(const std::uint16_t* bits, std::size_t rows, std::size_t cols) {
    return {StoredType::Float16, bits, rows, cols};
  }
  /// bfloat16 bits, likewise.
  static WeightView bfloat16(const std::uint16_t* bits, std::size_t rows, std::size_t cols) {
    return {StoredType::BFloat16, bits, rows, cols};
  }

  StoredType type() const { return type_; }
  const void* data() const { return data_; }
  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }

 private:
  WeightView(StoredType type, const void* data, std::size_t rows, std::size_t cols)
      : type_(type), data_(data), rows_(rows), cols_(cols) {}

  StoredType type_;
  const void* data_;
  std::size_t rows_;
  std::size_t cols_;
};

/// What the reference returns as one value or as a tuple.
struct WeightOnlyResult {
  /// The dequantized weight, or with return_int the codes as float32 values.
  Matrix values;
  /// [rows, groups]: the scale that multiplies the codes (after double quantization).
  Matrix scale;
  /// [rows, groups]; asymmetric integers only.
  std::optional<Matrix> zeroPoint;
};

/// Each row is one group, rounded to a 4-bit codebook: dtype nf4, fp4, fp4_e2m1_bnb or fp4_e2m1.
/// `scale`, one value a row, replaces the computed one and is then not multiplied by quantile.
Result<WeightOnlyResult> quantize_4bit(WeightView tensor, double quantile = 1.0,
                                       std::string_view dtype = "nf4", bool return_int = false,
                                       const Matrix* scale = nullptr);

/// Each row is one group, rounded to 2^bits levels between its clipped extremes.
Result<WeightOnlyResult> qdq_weight_asym(WeightView weight, int bits = 4, double quantile = 1.0,
                                         bool return_int = false);

/// Each row is one group, rounded to signed integers. full_range lets the largest magnitude map to
/// -2^(bits-1), with a negative scale where that is a positive weight.
Result<WeightOnlyResult> qdq_weight_sym(WeightView weight, int bits = 4, double quantile = 1.0,
                                        bool return_int = false, bool full_range = false);

/// Each row is one group; the 4-bit float formats by dtype, else sym or asym by scheme. scheme,
/// bits and full_range have no effect on the float formats.
Result<WeightOnlyResult> qdq_weight_actor(WeightView weight, int bits, std::string_view scheme,
                                          double quantile = 1.0, std::string_view dtype = "int",
                                          bool return_int = false, bool full_range = false);

/// The double-quantization arguments of quant_tensor with the reference's defaults.
struct DoubleQuantArguments {
  bool double_quant = false;
  std::string_view double_quant_dtype = "int";
  int double_quant_bits = 8;
  std::string_view double_quant_scheme = "asym";
  long long double_quant_group_size = 256;
};

/// Groups of group_size along each row (-1 or more than a row has: the whole row), the tail being a
/// group of its own. bits <= 0 returns the weight unchanged, with an empty scale.
Result<WeightOnlyResult> quant_tensor(WeightView weight, int bits = 4, long long group_size = -1,
                                      std::string_view scheme = "asym", double quantile = 1.0,
                                      std::string_view dtype = "int", bool return_int = false,
                                      bool full_range = false,
                                      const DoubleQuantArguments& double_quant = {},
                                      const Executor& executor = Executor(1));

/// The ratio of 1 - i/200, i = 0..39, with the smallest mean squared error over the tensor: the
/// float64 argmin, first of equals (the reference averages in float32). The curve holds every loss.
Result<ClipCurve> search_clip(WeightView m, int bits = 4, long long group_size = 32,
                              std::string_view scheme = "asym", std::string_view dtype = "int",
                              bool enable_full_range = false,
                              const Executor& executor = Executor(1));

/// Codes from given scales (and zero points): round(x / scale + zp), not clamped; codebooks give
/// their published codes. scale is [rows, groups]; the tail uses the last group's. DoesNotFit where
/// the shapes do not match.
Result<Matrix> quant_weight_w_scale(WeightView weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, long long group_size = -1,
                                    std::string_view dtype = "int");

}  // namespace quantoscope
