// Text helpers that never depend on the user's locale.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quantoscope {

/// The shortest decimal text that reads back as the same double; "inf", "-inf" or "nan" otherwise.
std::string formatNumber(double value);

/// `value` with `digits` significant digits, for people ("0.0123", "4.56e-09").
std::string formatRounded(double value, int digits = 4);

/// A byte count for people: "832 B", "1.2 MB" (powers of 1000).
std::string formatBytes(double bytes);

/// The whole text as a number in the C locale; nothing if it is anything else or out of range.
std::optional<double> parseNumber(std::string_view text);
std::optional<long long> parseInteger(std::string_view text);

/// The parts between separators; "a//b" gives an empty middle part, "" gives one empty part.
std::vector<std::string> split(std::string_view text, char separator);

/// The parts in one string with `separator` between them.
std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// `text` as one word of a POSIX shell's command line: in single quotes where it needs them.
std::string shellQuoted(std::string_view text);

/// Whether a stands before b when runs of digits compare as numbers: layer2 before layer10.
bool naturalLess(std::string_view a, std::string_view b);

/// Whether `text` matches a pattern in which `*` stands for any text (a '/' too) and `?` for one
/// character; everything else stands for itself.
bool matchesGlob(std::string_view pattern, std::string_view text);

}  // namespace quantoscope
