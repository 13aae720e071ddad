// Text of unknown origin on one line of a terminal.
#pragma once

#include <string>
#include <string_view>

namespace quantoscope {

/// `text` as it can be shown on one line and changes nothing around it: control characters, bytes
/// that are no UTF-8, and invisible characters that break lines or turn the direction of writing
/// are written as "\n", "\t", "\r", "\x1b" or "\u202e". All else, a backslash too, stays as it is,
/// so ordinary text is returned unchanged.
std::string printable(std::string_view text);

/// Whether `text` is UTF-8 (the shortest forms only, no surrogates).
bool isUtf8(std::string_view text);

}  // namespace quantoscope
