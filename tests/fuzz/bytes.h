// A fuzzer's input as what parsers take.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/io/container/byte_source.h"

namespace quantoscope::fuzz {

inline std::string_view textOf(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline SharedByteSource bytesOf(std::string_view text) {
  return bytesInMemory(std::string(text));
}

}  // namespace quantoscope::fuzz
