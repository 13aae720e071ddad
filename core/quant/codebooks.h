// Tables of levels: how they are made, and a user's own. number_formats.cpp has the known ones.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/kernels/codec.h"

namespace quantoscope {

/// Where a scaled weight in the middle of two levels goes.
enum class Ties { Down, Up };

/// Levels with their codes; midpoints are computed in double and compared as float32. `levels`
/// ascend strictly, `codes` has one each.
Codebook makeCodebook(const std::vector<double>& levels, std::vector<int> codes,
                      Ties ties = Ties::Down);

/// A floating-point format with a sign bit, subnormals and no special values up to
/// `largestPattern`.
struct SmallFloat {
  int exponentBits;
  int mantissaBits;
  int largestPattern;  ///< of a positive finite number
};

/// Its numbers: they round to nearest, ties to the even bit pattern, and saturate. Codes are the
/// bit patterns. A negative weight that rounds to zero gets the pattern of +0: -0 is never used.
Codebook smallFloatCodebook(const SmallFloat& format);

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
