// safetensors files byte by byte, as their specification has them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quantoscope::test {

/// A header with its length, and the data behind it.
inline std::string safetensorsBytes(std::string_view header, std::string_view data) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(std::uint64_t{header.size()} >> (8 * i));
  return bytes.append(header).append(data);
}

/// The bytes of values as they lie in memory.
template <typename T, std::size_t N>
std::string bytesOf(const T (&values)[N]) {
  return {reinterpret_cast<const char*>(values), sizeof values};
}

}  // namespace quantoscope::test
