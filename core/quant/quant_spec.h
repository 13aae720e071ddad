// How a tensor is to be quantized: the choices a user makes.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/kernels/codec.h"
#include "core/quant/number_formats.h"
#include "core/tensor/group_layout.h"
#include "core/tensor/tensor_info.h"

namespace quantoscope {

enum class Scheme { Asym, Sym };

/// In which arithmetic 16-bit weights are quantized. The same for all others.
enum class Compute {
  Float32,  ///< they are converted, exactly, and all is float32
  /// As the reference does when it is handed a tensor of their type: each operation is rounded to
  /// it (core/quant/README.md). Only with what the published functions have.
  Stored,
};

/// The clip ratios that a search tries: from + (to - from) * i / (count - 1), and for the default
/// exactly 1 - i / 200, in double.
struct RatioGrid {
  double from = 1.0;
  double to = 0.805;
  int count = 40;

  std::vector<double> ratios() const;
  /// FROM:TO:COUNT.
  static Result<RatioGrid> parse(std::string_view text);
  std::string text() const;
  bool operator==(const RatioGrid&) const = default;
};

/// How the clip ratio of each group is chosen. (The reference's functions call it `quantile`.)
struct ClipPolicy {
  enum class Kind {
    None,          ///< ratio 1
    Ratio,         ///< the given ratio
    SearchTensor,  ///< one ratio, the best of the grid for the whole tensor
    SearchRows,    ///< the best of the grid for each row
    SearchGroups,  ///< the best of the grid for each group
    Optimal,       ///< no grid: the scale (and zero point) of each group with the smallest error
  };

  Kind kind = Kind::None;
  double ratio = 1.0;  ///< Kind::Ratio only

  /// Whether the ratios of the grid are tried.
  bool searches() const {
    return kind == Kind::SearchTensor || kind == Kind::SearchRows || kind == Kind::SearchGroups;
  }
  /// "none", a ratio, "search", "search-rows", "search-groups" or "optimal".
  static Result<ClipPolicy> parse(std::string_view text);
  std::string text() const;
  static ClipPolicy fixed(double value) { return {Kind::Ratio, value}; }
  bool operator==(const ClipPolicy&) const = default;
};

/// Quantization of the scales themselves. The defaults are the reference's.
struct DoubleQuant {
  Dtype dtype = Dtype::Int;
  int bits = 8;
  Scheme scheme = Scheme::Asym;  ///< asym subtracts the mean of the scales first
  long long groupSize = 256;
  bool operator==(const DoubleQuant&) const = default;
};

struct QuantSpec {
  Dtype dtype = Dtype::Int;
  int bits = 4;
  long long groupSize = 32;  ///< -1 or more than a row has: one group a row
  Scheme scheme = Scheme::Asym;
  bool fullRange = false;  ///< scheme sym: the scale is amax / 2^(bits-1), signed
  /// Scheme sym: it is amax / ((2^bits - 1) / 2), amax / 7.5 for 4 bits; not with fullRange.
  /// Source: compressed-tensors, quantization/utils/helpers.py (calculate_qparams), and GPTQModel,
  /// quantization/quantizer.py.
  bool halfRange = false;
  ClipPolicy clip;
  RatioGrid grid;  ///< of a clip search
  std::optional<DoubleQuant> doubleQuant;
  NamedCodebook codebook;  ///< dtype Codebook only
  Compute compute = Compute::Float32;

  /// Whether weights get a level of a table rather than an integer.
  bool isFloat() const { return formatOf(dtype).levels != FormatLevels::Steps; }

  /// This spec with another number format: bits and group size become what that format prescribes,
  /// where it does, and the choices that it does not have are dropped.
  QuantSpec withDtype(Dtype other, NamedCodebook levels = {}) const;

  /// This spec without clip policy and with the default grid: all that a clip curve depends on.
  QuantSpec withoutClip() const;

  /// Whether the choices make sense together; the error names the field, its value and what is
  /// allowed. All functions of core that take a spec expect a valid one.
  Status validate() const;

  bool operator==(const QuantSpec&) const = default;
};

/// Whether groups can have this size: -1, a whole row, or 1 and up; the error begins with `field`.
Status validateGroupSize(const std::string& field, long long size);

const char* nameOf(Scheme scheme);
Result<Scheme> parseScheme(std::string_view text);

/// "float32" or "stored".
const char* nameOf(Compute compute);
Result<Compute> parseCompute(std::string_view text);

/// The number format of a valid spec. What belongs to one tensor, the `tensorScale` of
/// ScaleFormat::E4m3 and the arithmetic, is still 1 and Float32: codingOf in coding.h sets it. A
/// user's own levels stay the spec's: the codec must not outlive every copy of the spec.
Codec codecOf(const QuantSpec& spec);
/// The number format of a valid double quantization: always symmetric.
Codec codecOf(const DoubleQuant& doubleQuant);

GroupLayout layoutOf(const QuantSpec& spec, std::size_t rows, std::size_t cols);

/// One line for people: "int4 g128 asym, clip search".
std::string describe(const QuantSpec& spec);

/// The options of the command line that give this spec: "--bits 4 --group-size 128 ...", fit for a
/// shell. A codebook of one's own is named by its file.
std::string commandLineOptions(const QuantSpec& spec);

/// A spec as flat JSON keys named like the options of the command line.
Json toJson(const QuantSpec& spec);
/// Reads such an object; absent keys keep their defaults, unknown ones are an error, the result is
/// validated. `name` begins the message of an error.
Result<QuantSpec> specFromJson(const Json& json, const std::string& name);

}  // namespace quantoscope
