// The seven functions of neural-compressor's weight-only module (facts as of version 3.9) under
// their published names and with their published arguments and defaults.
//
// clang-format off
//
//   function               one group is              gives
//   quantize_4bit          a row                     values or codes in a 4-bit codebook
//   qdq_weight_asym        a row                     values or codes 0 .. 2^bits - 1
//   qdq_weight_sym         a row                     values or codes -2^(bits-1) .. 2^(bits-1) - 1
//   qdq_weight_actor       a row                     one of the three above, by dtype and scheme
//   quant_tensor           group_size of a row       the same; tails, double quantization
//   search_clip            group_size of a row       the clip ratio with the least error
//   quant_weight_w_scale   group_size of a row       codes from scales that are given
//
// Weights: a row-major view [rows, cols] of float32, float16 or bfloat16 that the caller owns, rows
// = output channels.
//
// 16-bit weights: `compute` is one of two honest answers. Compute::Float32, the default, converts
// them, exactly, a piece at a time as they are used: the results are those of the converted weights
// and the better ones. Compute::Stored gives what the reference gives when it is handed a tensor of
// their type, every operation rounded to it: other codes, and a larger error, but the reference's
// own. It has only what the reference has: "int", "nf4", "fp4" and its kin. With float32 weights
// both are the same. core/quant/README.md has the rules, and where libraries differ.
//
// Results: float32, which holds what was rounded to 16 bits. Values and scales equal the reference's to the bit, zero signs included; codes
// and zero points, which are whole numbers, by value. Where the reference is wrong
// (core/quant/README.md lists each case) they do not. All arithmetic is IEEE float32 (but for
// Compute::Stored), one rounding per operation in the order that core/quant/README.md writes down,
// `round` being half-to-even.
//
// Arguments:
//   bits        1 to 8, integers only; the codebooks prescribe theirs and ignore it, as they ignore
//               scheme and full_range
//   group_size  -1, or more than a row has: the whole row; else 1 and up. The rest of a row, where
//               there is one, is a group of its own, the tail
//   scheme      "asym" or "sym"
//   quantile    the clip ratio, 0 < quantile <= 1, rounded to float32 before it multiplies a
//               group's largest magnitude (asym: both its extremes)
//   dtype       "int"; the published "nf4", "fp4" (= "fp4_e2m1_bnb") and "fp4_e2m1"; and, by the
//               same rules, the others of core/quant/number_formats.cpp, which has the levels and
//               their sources; where one prescribes its group_size, it must be that. Half range
//               and levels of one's own have no published argument: QuantSpec has them, see the
//               overloads below
//   return_int  codes in place of values
//   full_range  scheme sym with 2 bits and more; ignored, as the reference does, with asym
//   compute     see above; the overloads for a specification take the specification's
//
// clang-format on
//
// Errors are one line that names the argument, its value and what is allowed: InvalidArgument for
// an argument; NotFinite for weights with NaN or Inf, by their counts and the first position;
// DoesNotFit for shapes that do not match, and for weights so large or so small that a group's
// scale is no usable float32 number, by row and group.
//
// Memory: the result, and a few blocks of 256 KiB. Thread-safe. They run on the calling thread;
// `search_clip` and `quant_tensor` use the executor they are given, and give the same bits with
// any.
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

/// Each row is one group, rounded to the nearest level of a codebook of 4 bits (at a midpoint to
/// the lower one; the OCP formats to the even pattern).
///   scale = max|x| * quantile / max(levels);   t = x / scale;   y = level(t) * scale
/// `scale` [rows, 1] replaces the computed one, which quantile then does not touch. A row of zeros
/// has scale 0 and value 0. Gives values [rows, cols], scale [rows, 1].
Result<WeightOnlyResult> quantize_4bit(WeightView tensor, double quantile = 1.0,
                                       std::string_view dtype = "nf4", bool return_int = false,
                                       const Matrix* scale = nullptr,
                                       Compute compute = Compute::Float32);

/// Each row is one group, rounded to 2^bits levels between its extremes, 0 among them.
///   wmin = min(0, min x) * quantile;   wmax = max(0, max x) * quantile;   both 0: -1 and +1
///   scale = (wmax - wmin) / (2^bits - 1);   zp = round(-wmin / scale)
///   q = clamp(round(x / scale) + zp, 0, 2^bits - 1);   y = (q - zp) * scale
/// Gives values [rows, cols], scale and zeroPoint [rows, 1].
Result<WeightOnlyResult> qdq_weight_asym(WeightView weight, int bits = 4, double quantile = 1.0,
                                         bool return_int = false,
                                         Compute compute = Compute::Float32);

/// Each row is one group, rounded to multiples of its scale.
///   amax = max(|max x|, |min x|) * quantile;   0: 1
///   scale = amax / (2^(bits-1) - 1)
///   scale = amax / 2^(bits-1), negative where |max x| > |min x|     with full_range
///   q = clamp(round(x / scale), -2^(bits-1), 2^(bits-1) - 1);   y = q * scale
/// With 1 bit the codes are 0 and 1, and full_range is refused. Gives values [rows, cols], scale
/// [rows, 1].
Result<WeightOnlyResult> qdq_weight_sym(WeightView weight, int bits = 4, double quantile = 1.0,
                                        bool return_int = false, bool full_range = false,
                                        Compute compute = Compute::Float32);

/// Each row is one group: a codebook by dtype, else qdq_weight_asym or qdq_weight_sym by scheme.
/// "mxfp4" and "nvfp4" take rows of up to 32 and 16 weights; the tensor scale of nvfp4 is that of
/// all rows together.
Result<WeightOnlyResult> qdq_weight_actor(WeightView weight, int bits, std::string_view scheme,
                                          double quantile = 1.0, std::string_view dtype = "int",
                                          bool return_int = false, bool full_range = false,
                                          Compute compute = Compute::Float32);

/// The double-quantization arguments of quant_tensor with the reference's defaults: with
/// double_quant the scales of the whole tensor, row-major, are one row that is quantized in groups
/// of its own before they multiply the codes. scheme "asym" takes their mean away first and adds it
/// again; dtype "int" with 1 to 8 bits, or a published codebook with 4 (the default 8 passes too).
struct DoubleQuantArguments {
  bool double_quant = false;
  std::string_view double_quant_dtype = "int";
  int double_quant_bits = 8;
  std::string_view double_quant_scheme = "asym";
  long long double_quant_group_size = 256;
};

/// Quantizes group by group as qdq_weight_actor does row by row. Gives values [rows, cols]; scale
/// [rows, ceil(cols / group_size)], after double quantization where there is one; zeroPoint of that
/// shape with int and asym. bits <= 0 returns the weight unchanged, with an empty scale.
Result<WeightOnlyResult> quant_tensor(WeightView weight, int bits = 4, long long group_size = -1,
                                      std::string_view scheme = "asym", double quantile = 1.0,
                                      std::string_view dtype = "int", bool return_int = false,
                                      bool full_range = false,
                                      const DoubleQuantArguments& double_quant = {},
                                      const Executor& executor = Executor(1),
                                      Compute compute = Compute::Float32);

/// The same for any specification: half range and codebooks of one's own too. `spec.clip` is none
/// or a ratio; what searches is chooseClip (core/quant/clip_search.h).
Result<WeightOnlyResult> quant_tensor(WeightView weight, const QuantSpec& spec,
                                      bool return_int = false,
                                      const Executor& executor = Executor(1));

/// The ratio of 1 - i/200, i = 0..39, with the smallest mean squared error over the tensor, the
/// first of equals: `bestRatio()`. The argmin is that of the float64 sums of e^2, e = float32(w -
/// y), rounded to the weights' type with Compute::Stored (the reference averages in float32);
/// `bestMse()` and `unclippedMse` are exact, other points of `mse` nearly (see searchPlainScales).
/// DoesNotFit where no ratio gives usable scales.
Result<ClipCurve> search_clip(WeightView m, int bits = 4, long long group_size = 32,
                              std::string_view scheme = "asym", std::string_view dtype = "int",
                              bool enable_full_range = false,
                              const Executor& executor = Executor(1),
                              Compute compute = Compute::Float32);

/// The same for any specification, over `spec.grid`, with its double quantization; `spec.clip` does
/// not matter.
Result<ClipCurve> search_clip(WeightView m, const QuantSpec& spec,
                              const Executor& executor = Executor(1));

/// Codes from scales, and zero points, that are given: round(x / scale + zp), zp being added before
/// the rounding, or round(x / scale) without zp; neither is clamped. Codebooks give their codes.
/// scale and zp are [rows, ceil(cols / group_size)], the tail using the last. Gives codes [rows,
/// cols].
Result<Matrix> quant_weight_w_scale(WeightView weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp = std::nullopt,
                                    long long group_size = -1, std::string_view dtype = "int",
                                    Compute compute = Compute::Float32);

/// The same with the format and the group size of any specification.
Result<Matrix> quant_weight_w_scale(WeightView weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, const QuantSpec& spec);

/// The same for a tensor, by whose dtype Compute::Stored goes.
Result<Matrix> quant_weight_w_scale(const WeightTensor& weight, const Matrix& scale,
                                    const std::optional<Matrix>& zp, const QuantSpec& spec);

}  // namespace quantoscope
