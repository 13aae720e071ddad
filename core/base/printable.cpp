#include "core/base/printable.h"

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

/// Line and paragraph separators, marks and overrides of direction, the byte-order mark.
bool isTreacherous(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
         (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
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
  std::string text = code < 0x100 ? "\\x" : "\\u";
  appendHex(text, code, code < 0x100 ? 2 : 4);
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

bool isUtf8(std::string_view text) {
  while (!text.empty()) {
    const auto character = firstOf(text);
    if (!character) return false;
    text.remove_prefix(character->bytes);
  }
  return true;
}

}  // namespace quantoscope
