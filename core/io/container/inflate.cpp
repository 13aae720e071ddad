#include "core/io/container/inflate.h"

#include <algorithm>
#include <libdeflate.h>
#include <memory>

namespace quantoscope {

namespace {

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* decompressor) const {
    libdeflate_free_decompressor(decompressor);
  }
};

libdeflate_decompressor* decompressor() {
  thread_local const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> own(
      libdeflate_alloc_decompressor());
  return own.get();
}

}  // namespace

std::optional<std::size_t> inflateZlib(std::span<const std::byte> from, std::span<std::byte> to) {
  libdeflate_decompressor* own = decompressor();
  if (!own) return std::nullopt;
  std::size_t size = 0;
  const auto result =
      libdeflate_zlib_decompress(own, from.data(), from.size(), to.data(), to.size(), &size);
  if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
  return size;
}

std::optional<std::size_t> inflateDeflate(std::span<const std::byte> from,
                                          std::span<std::byte> to) {
  libdeflate_decompressor* own = decompressor();
  if (!own) return std::nullopt;
  std::size_t size = 0;
  const auto result =
      libdeflate_deflate_decompress(own, from.data(), from.size(), to.data(), to.size(), &size);
  if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
  return size;
}

std::uint32_t crc32Of(std::span<const std::byte> bytes, std::uint32_t before) {
  return libdeflate_crc32(before, bytes.data(), bytes.size());
}

std::optional<std::size_t> inflateLzf(std::span<const std::byte> from, std::span<std::byte> to) {
  std::size_t in = 0;
  std::size_t out = 0;
  const auto next = [&] { return std::to_integer<std::size_t>(from[in++]); };
  while (in < from.size()) {
    const std::size_t control = next();
    if (control < 32) {
      const std::size_t literals = control + 1;
      if (literals > from.size() - in || literals > to.size() - out) return std::nullopt;
      std::copy_n(from.data() + in, literals, to.data() + out);
      in += literals;
      out += literals;
      continue;
    }
    std::size_t length = control >> 5;
    if (length == 7) {
      if (in == from.size()) return std::nullopt;
      length += next();
    }
    if (in == from.size()) return std::nullopt;
    const std::size_t distance = ((control & 31) << 8) + next() + 1;
    length += 2;
    if (distance > out || length > to.size() - out) return std::nullopt;
    // Byte by byte: a copy may overlap what it writes, which is how runs are stored.
    for (std::size_t i = 0; i < length; ++i) to[out + i] = to[out + i - distance];
    out += length;
  }
  return out;
}

}  // namespace quantoscope
