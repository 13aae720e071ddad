#include "core/base/printable.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace quantoscope {

namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 0;
};

/// The character at the front of `text`, which is not empty; nothing where its bytes are no UTF-8.
std::optional<Character> firstOf(std::string_view text) {
  const auto byteAt = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned first = byteAt(0);
  if (first < 0x80) return Character{first, 1};
  const std::size_t bytes = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || bytes > text.size()) return std::nullopt;
  std::uint32_t code = first & (0xffu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byteAt(i) & 0xc0u) != 0x80u) return std::nullopt;
    code = code << 6 | (byteAt(i) & 0x3fu);
  }
  constexpr std::array<std::uint32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (code < kLeast[bytes] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
    return std::nullopt;
  }
  return Character{code, bytes};
}

struct Range {
  std::uint32_t first;
  std::uint32_t last;
};

/// Control characters (Cc), format characters (Cf), line and paragraph separators (Zl, Zp) and the
/// fillers that show nothing, in ascending order.
constexpr std::array kTreacherous = {
    Range{0x0, 0x1f},        Range{0x7f, 0x9f},       Range{0xad, 0xad},
    Range{0x34f, 0x34f},     Range{0x600, 0x605},     Range{0x61c, 0x61c},
    Range{0x6dd, 0x6dd},     Range{0x70f, 0x70f},     Range{0x890, 0x891},
    Range{0x8e2, 0x8e2},     Range{0x115f, 0x1160},   Range{0x180e, 0x180e},
    Range{0x200b, 0x200f},   Range{0x2028, 0x202e},   Range{0x2060, 0x206f},
    Range{0x3164, 0x3164},   Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},
    Range{0xfff9, 0xfffb},   Range{0x110bd, 0x110bd}, Range{0x110cd, 0x110cd},
    Range{0x13430, 0x13438}, Range{0x1bca0, 0x1bca3}, Range{0x1d173, 0x1d17a},
    Range{0xe0001, 0xe0001}, Range{0xe0020, 0xe007f},
};

bool isTreacherous(std::uint32_t code) {
  if (code >= 0x20 && code < 0x7f) return false;  // most characters by far
  return std::any_of(kTreacherous.begin(), kTreacherous.end(), [code](const Range& range) {
    return range.first <= code && code <= range.last;
  });
}

void appendHex(std::string& text, std::uint32_t code, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    text += "0123456789abcdef"[code >> shift & 0xf];
  }
}

std::string escaped(std::uint32_t code) {
  if (code == '\n') return "\\n";
  if (code == '\t') return "\\t";
  if (code == '\r') return "\\r";
  std::string text = code < 0x100 ? "\\x" : code < 0x10000 ? "\\u" : "\\U";
  appendHex(text, code, code < 0x100 ? 2 : code < 0x10000 ? 4 : 8);
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const auto character = firstOf(text);
    const std::size_t bytes = character ? character->bytes : 1;
    if (!character) {
      result += escaped(static_cast<unsigned char>(text[0]));
    } else if (isTreacherous(character->code)) {
      result += escaped(character->code);
    } else {
      result += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return result;
}

std::string shortened(std::string_view text, std::size_t most) {
  constexpr std::string_view kEllipsis = "\xe2\x80\xa6";
  if (text.size() <= most) return std::string(text);
  const auto continues = [&](std::size_t i) {
    return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0u) == 0x80u;
  };
  // A character has at most three continuing bytes; where more follow it is no UTF-8 anyway.
  std::size_t front = (most - kEllipsis.size()) / 3;
  for (int step = 0; step < 3 && front > 0 && continues(front); ++step) --front;
  std::size_t back = text.size() - (most - kEllipsis.size() - front);
  for (int step = 0; step < 3 && continues(back); ++step) ++back;
  return std::string(text.substr(0, front)) + std::string(kEllipsis) +
         std::string(text.substr(back));
}

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = firstOf(text);
    if (!character) return false;
    text.remove_prefix(character->bytes);
  }
  return true;
}

}  // namespace quantoscope
