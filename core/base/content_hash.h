// Whether two runs of values are the same, without keeping them. No protection against malice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace quantoscope {

/// 128 bits: XXH3.
using ContentDigest = std::array<std::uint64_t, 2>;

/// The hash of bytes that are added piece by piece. One thread at a time.
class ContentHash {
 public:
  ContentHash();
  ~ContentHash();
  ContentHash(ContentHash&&) noexcept;
  ContentHash& operator=(ContentHash&&) noexcept;

  void add(const void* data, std::size_t size);
  ContentDigest digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace quantoscope
