// Conversions between float32 and the 16-bit storage formats.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quantoscope {

/// IEEE 754 binary16 bits to float32; exact, NaN payloads kept.
float floatFromHalf(std::uint16_t bits);

/// bfloat16 bits (the upper half of a float32) to float32; exact.
float floatFromBfloat16(std::uint16_t bits);

/// float32 to binary16 bits, round half to even; overflow gives infinity, NaN stays NaN.
std::uint16_t halfFromFloat(float value);

/// float32 to bfloat16 bits, round half to even; NaN stays NaN.
std::uint16_t bfloat16FromFloat(float value);

/// `count` binary16 values to float32. The spans must not overlap; no alignment is needed. Uses the
/// CPU's conversion instruction where there is one; same bits either way. Thread-safe.
void floatsFromHalfs(const std::uint16_t* from, std::size_t count, float* to);

/// `count` bfloat16 values to float32, under the same conditions.
void floatsFromBfloat16s(const std::uint16_t* from, std::size_t count, float* to);

}  // namespace quantoscope
