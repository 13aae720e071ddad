// The tables of levels: published ones, small floating-point formats, and a user's own.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/kernels/codec.h"

namespace quantoscope {

/// NormalFloat4: quantiles of the normal distribution. Sources: Dettmers et al. 2023, "QLoRA",
/// arXiv:2305.14314, appendix E; bitsandbytes, functional.py; codes: neural-compressor, utility.py.
const Codebook& nf4Codebook();

/// "fp4" and "fp4_e2m1_bnb": bitsandbytes' 4-bit float, scaled to -12..12. Sources: bitsandbytes,
/// csrc/kernels.cu; neural-compressor, utility.py.
const Codebook& fp4Codebook();

/// "fp4_e2m1" as neural-compressor has it: bitsandbytes' values scaled to -1..1. This is not the
/// OCP e2m1 format. Source: neural-compressor, utility.py.
const Codebook& fp4E2m1Codebook();

// The small floats round to nearest, ties to the even bit pattern, and saturate. Codes are the bit
// patterns. A negative weight that rounds to zero gets the pattern of +0: -0 is never used.

/// OCP e2m1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, patterns 0..7 and 9..15 (sign bit 8).
/// Source: OCP Microscaling Formats (MX) Specification 1.0, section 5.3.3.
const Codebook& e2m1Codebook();

/// fp8 e4m3 without infinity (OCP 8-bit Floating Point Specification (OFP8) 1.0; "e4m3fn" of
/// ml_dtypes and torch): bias 7, largest 448, pattern S.1111.111 is NaN and never used; 253 levels.
const Codebook& fp8E4m3fnCodebook();

/// fp8 e5m2 (the same specification): bias 15, largest finite 57344, exponent 11111 holds infinity
/// and NaN and is never used; 247 levels.
const Codebook& fp8E5m2Codebook();

/// A user's own table of levels.
struct NamedCodebook {
  static constexpr std::size_t kMinLevels = 2;
  static constexpr std::size_t kMaxLevels = 256;

  std::string name;
  std::shared_ptr<const Codebook> book;  ///< null: none
  /// The file it came from, for a command line; no part of what it is.
  std::string source;

  /// Bits that one code needs: ceil(log2(levels)).
  int bits() const;
  /// By name and content.
  bool operator==(const NamedCodebook& other) const;
};

/// A codebook of 2 to 256 levels, strictly ascending and finite as float32, at least one of them
/// not 0. Thresholds are the midpoints, a tie goes down. `codes`, one a level and all different,
/// lie in -128..127 for up to 16 levels and in 0..255 above; empty: 0, 1, 2, ... An error begins
/// with `name`.
Result<NamedCodebook> makeNamedCodebook(const std::string& name, const std::vector<double>& levels,
                                        std::vector<int> codes = {});

/// The same from {"name": "...", "levels": [...], "codes": [...]}; codes may be absent.
Result<NamedCodebook> codebookFromJson(const Json& json, const std::string& name);
/// The same from JSON text; `name` (a file, say) begins the message of an error.
Result<NamedCodebook> codebookFromText(std::string_view text, const std::string& name);
Json toJson(const NamedCodebook& codebook);

}  // namespace quantoscope
