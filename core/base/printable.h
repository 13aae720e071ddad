// Text of unknown origin on one line of a terminal.
#pragma once

#include <string>
#include <string_view>

namespace quantoscope {

/// `text` as it can be shown on one line and changes nothing around it: control characters, bytes
/// that are no UTF-8, and invisible characters (all format characters of Unicode, which turn the
/// direction of writing or make two names look alike, and what breaks lines) are written as "\n",
/// "\t", "\r", "\x1b", "\u202e" or "\U000e0001". All else, a backslash too, stays as it is, so
/// ordinary text is returned unchanged.
std::string printable(std::string_view text);

/// `text` with at most `most` bytes, which are no fewer than 16: the middle of a longer one becomes
/// an ellipsis, since the end of a path tells most. No character of UTF-8 is cut.
std::string shortened(std::string_view text, std::size_t most);

/// Whether `text` is UTF-8 (the shortest forms only, no surrogates).
bool isUtf8(std::string_view text);

}  // namespace quantoscope
