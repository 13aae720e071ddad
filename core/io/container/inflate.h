// Decompression.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace quantoscope {

/// Decompresses a zlib stream into `to`: how many bytes it gives. Nothing where it is damaged or
/// gives more than there is room for. Thread-safe.
std::optional<std::size_t> inflateZlib(std::span<const std::byte> from, std::span<std::byte> to);

/// The same for a bare deflate stream, as zip archives have it.
std::optional<std::size_t> inflateDeflate(std::span<const std::byte> from, std::span<std::byte> to);

/// The CRC-32 of zip archives; `before` is that of the bytes before these.
std::uint32_t crc32Of(std::span<const std::byte> bytes, std::uint32_t before = 0);

/// The same for LZF, as h5py's filter writes it: a control byte below 32 announces that many
/// literals and one more; any other is a copy, its upper three bits the length (7: another byte
/// adds to it) and the lower five, with the byte that follows, the distance less 1.
std::optional<std::size_t> inflateLzf(std::span<const std::byte> from, std::span<std::byte> to);

}  // namespace quantoscope
