// The recipe of a quantized tensor, told from its codes, its scales and the original weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/audit_pass.h"
#include "core/quant/quant_spec.h"

namespace quantoscope {

/// How scales follow from weights, a row each in kConventions.
enum class Convention {
  Unknown,
  RestrictedMax,  ///< amax / (2^(b-1) - 1)
  HalfRange,      ///< amax / ((2^b - 1) / 2)
  FullRange,      ///< amax / 2^(b-1), signed: the largest magnitude has the lowest code
  MinMaxZero,     ///< (max - min) / (2^b - 1), 0 counting as one of them
  MinMax,         ///< the same of the weights alone
  LargestLevel,   ///< amax / the largest level
  FloorExponent,  ///< 2^(floor(log2 amax) - emax), emax that of the largest level (OCP MX)
  EvenExponent,   ///< the same after amax is rounded to two binary digits (compressed-tensors)
  CeilExponent,   ///< the least power of two with which nothing is clipped
};

struct ConventionRow {
  Convention convention;
  const char* key;   ///< in JSON
  const char* text;  ///< for people
};
inline constexpr ConventionRow kConventions[] = {
    {Convention::Unknown, "unknown", "convention cannot be told"},
    {Convention::RestrictedMax, "restricted_max", "restricted max, amax / (2^(b-1) - 1)"},
    {Convention::HalfRange, "half_range", "half range, amax / ((2^b - 1) / 2)"},
    {Convention::FullRange, "full_range", "full range, signed amax / 2^(b-1)"},
    {Convention::MinMaxZero, "min_max_with_zero", "(max - min) / (2^b - 1), 0 included"},
    {Convention::MinMax, "min_max", "(max - min) / (2^b - 1) of the weights alone"},
    {Convention::LargestLevel, "largest_level", "amax / largest level"},
    {Convention::FloorExponent, "floor_exponent", "exponent floor(log2 amax) - emax"},
    {Convention::EvenExponent, "even_exponent", "exponent of amax rounded to two binary digits"},
    {Convention::CeilExponent, "ceil_exponent", "exponent rounded up, nothing clipped"},
};
const ConventionRow& rowOf(Convention convention);

/// How clip ratios were chosen.
enum class Clipping { Unknown, None, OneRatio, PerRow, PerGroup };
/// "unknown", "none", "one_ratio", "per_row", "per_group".
const char* nameOf(Clipping clipping);

/// How codes follow from weights and scales.
enum class Rounding { Unknown, Nearest, NearlyNearest, Calibrated };
/// "unknown", "nearest", "nearly_nearest", "calibrated".
const char* nameOf(Rounding rounding);

/// What can be told of a tensor's recipe. Without the original nearly all of it is unknown.
struct Recipe {
  /// Sym: no zero points, or all in the middle. Offset: real offsets in place of zero points.
  enum class Scheme { Sym, Asym, Offset, Levels };
  Scheme scheme = Scheme::Sym;
  Convention convention = Convention::Unknown;
  /// Others that explain the scales as well; then `convention` is unknown, and these are all.
  std::vector<Convention> candidates;
  Clipping clipping = Clipping::Unknown;
  /// Under `convention` or, where it is unknown, the first of kConventions that the scheme has.
  std::optional<double> ratio;  ///< the one ratio; else the median
  std::optional<double> leastRatio;
  std::optional<double> greatestRatio;
  Rounding rounding = Rounding::Unknown;
  std::optional<double> differingCodes;   ///< share of codes that are not the nearest
  std::optional<double> zerosThatFollow;  ///< share of zero points that the minimum rounds to
  /// Formats with one more scale a tensor: what that is times the tensor's largest magnitude over
  /// the largest level; 448 and 256 are known ones.
  std::optional<double> globalNumerator;
  bool actOrder = false;  ///< groups do not follow the order of the inputs
  /// Scales were rounded toward 0 where rounding to nearest was possible.
  bool truncatedScales = false;
  double truncation = 0;  ///< mean relative error of scales then

  /// One line: "half range, amax / ((2^b - 1) / 2); clip ratio 0.93; codes rounded to nearest".
  std::string line() const;
};
/// "sym", "asym", "offset" or "levels".
const char* nameOf(Recipe::Scheme scheme);

/// From what a pass with or without an original found.
Recipe recipeOf(const AuditedParameters& parameters, const PackedInfo& info,
                const AuditTally& tally, bool hasOriginal);

/// The specification of the same format, bits and groups, which is still to be clipped; nothing
/// where none of ours is the same.
std::optional<QuantSpec> specLike(const AuditedParameters& parameters, const PackedInfo& info,
                                  const Recipe& recipe);

}  // namespace quantoscope
