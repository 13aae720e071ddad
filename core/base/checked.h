// Arithmetic on numbers that a file or another process tells: nothing where the result does not
// fit.
#pragma once

#include <cstdint>
#include <optional>

namespace quantoscope {

constexpr std::optional<std::uint64_t> checkedProduct(std::uint64_t a, std::uint64_t b) {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

constexpr std::optional<std::uint64_t> checkedSum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

/// Whether [offset, offset + bytes) lies within the first `size` bytes.
constexpr bool liesWithin(std::uint64_t offset, std::uint64_t bytes, std::uint64_t size) {
  const auto end = checkedSum(offset, bytes);
  return end && *end <= size;
}

/// What an array of these sides has, counted in parts of `each` (the bytes of an element, say). An
/// array with a side of 0 has nothing, whatever the other sides claim.
template <typename Sides>
constexpr std::optional<std::uint64_t> checkedVolume(const Sides& sides, std::uint64_t each = 1) {
  for (const std::uint64_t side : sides) {
    if (side == 0) return 0;
  }
  std::optional<std::uint64_t> volume = each;
  for (const std::uint64_t side : sides) {
    if (volume) volume = checkedProduct(*volume, side);
  }
  return volume;
}

}  // namespace quantoscope
