#include "core/io/hdf5/chunk_codec.h"

#include <algorithm>
#include <utility>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "core/io/container/inflate.h"

namespace quantoscope {

namespace {

constexpr std::size_t kChecksumBytes = 4;

/// How many elements of `Bytes` bytes a vector loop has done; the rest is for the plain loop. The
/// b-th bytes of elements lie `planeBytes` bytes behind the ones before.
template <std::size_t Bytes>
std::size_t unshuffleVectors(const std::byte* from, std::size_t planeBytes, std::size_t count,
                             std::byte* to) {
  std::size_t done = 0;
#ifdef __SSE2__
  const auto plane = [&](std::size_t b) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + b * planeBytes + done));
  };
  const auto store = [&](std::size_t part, __m128i value) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + done * Bytes) + part, value);
  };
  for (; done + 16 <= count; done += 16) {
    const __m128i low = _mm_unpacklo_epi8(plane(0), plane(1));
    const __m128i high = _mm_unpackhi_epi8(plane(0), plane(1));
    if constexpr (Bytes == 2) {
      store(0, low);
      store(1, high);
    } else {
      const __m128i upperLow = _mm_unpacklo_epi8(plane(2), plane(3));
      const __m128i upperHigh = _mm_unpackhi_epi8(plane(2), plane(3));
      store(0, _mm_unpacklo_epi16(low, upperLow));
      store(1, _mm_unpackhi_epi16(low, upperLow));
      store(2, _mm_unpacklo_epi16(high, upperHigh));
      store(3, _mm_unpackhi_epi16(high, upperHigh));
    }
  }
#endif
  return done;
}

/// Puts the bytes of `count` elements together again.
void unshuffleElements(const std::byte* from, std::size_t planeBytes, std::size_t elementBytes,
                       std::size_t count, std::byte* to) {
  std::size_t done = 0;
  if (elementBytes == 2) done = unshuffleVectors<2>(from, planeBytes, count, to);
  if (elementBytes == 4) done = unshuffleVectors<4>(from, planeBytes, count, to);
  for (; done < count; ++done) {
    for (std::size_t b = 0; b < elementBytes; ++b) {
      to[done * elementBytes + b] = from[b * planeBytes + done];
    }
  }
}

/// A whole chunk: all first bytes, then all second ones, ...; what is left over at the end stays as
/// it is. Sizes are equal.
void unshuffle(std::span<const std::byte> from, std::size_t elementBytes, std::span<std::byte> to) {
  const std::size_t count = from.size() / elementBytes;
  unshuffleElements(from.data(), count, elementBytes, count, to.data());
  const std::size_t whole = count * elementBytes;
  std::copy(from.begin() + static_cast<std::ptrdiff_t>(whole), from.end(),
            to.begin() + static_cast<std::ptrdiff_t>(whole));
}

std::uint32_t folded(std::uint32_t sum) {
  return (sum & 0xffff) + (sum >> 16);
}

/// The bytes without the checksum behind them; nothing where it does not match.
std::optional<std::span<const std::byte>> checked(std::span<const std::byte> bytes) {
  if (bytes.size() < kChecksumBytes) return std::nullopt;
  const auto content = bytes.first(bytes.size() - kChecksumBytes);
  std::uint32_t stored = 0;
  for (std::size_t i = kChecksumBytes; i-- > 0;) {
    stored = stored << 8 | std::to_integer<std::uint32_t>(bytes[content.size() + i]);
  }
  if (stored != fletcher32(content)) return std::nullopt;
  return content;
}

}  // namespace

std::uint32_t fletcher32(std::span<const std::byte> bytes) {
  constexpr std::size_t kWordsBeforeOverflow = 360;
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  const auto byteAt = [&](std::size_t i) { return std::to_integer<std::uint32_t>(bytes[i]); };
  const std::size_t words = bytes.size() / 2;
  for (std::size_t begin = 0; begin < words; begin += kWordsBeforeOverflow) {
    const std::size_t end = std::min(words, begin + kWordsBeforeOverflow);
    for (std::size_t i = begin; i < end; ++i) {
      first += byteAt(2 * i) << 8 | byteAt(2 * i + 1);
      second += first;
    }
    first = folded(first);
    second = folded(second);
  }
  if (bytes.size() % 2 != 0) {
    first += byteAt(bytes.size() - 1) << 8;
    second += first;
    first = folded(first);
    second = folded(second);
  }
  return folded(second) << 16 | folded(first);
}

std::optional<DecodedChunk> decodeChunk(const std::vector<ChunkStep>& steps, std::uint32_t skipped,
                                        std::size_t bytes, ChunkScratch& scratch) {
  std::span<const std::byte> data = scratch.raw;
  std::vector<std::byte>* free = &scratch.first;
  std::vector<std::byte>* other = &scratch.second;
  const std::size_t room = bytes + kChecksumBytes * steps.size();
  for (std::size_t i = steps.size(); i-- > 0;) {
    if ((skipped >> i & 1) != 0) continue;
    const bool last = (skipped & ((1u << i) - 1)) == (1u << i) - 1;
    if (last && steps[i].filter == ChunkFilter::Shuffle && data.size() == bytes &&
        bytes % steps[i].elementBytes == 0) {
      return DecodedChunk{data, steps[i].elementBytes};
    }
    if (steps[i].filter == ChunkFilter::Fletcher32) {
      const auto content = checked(data);
      if (!content) return std::nullopt;
      data = *content;
      continue;
    }
    if (data.size() > room && steps[i].filter == ChunkFilter::Shuffle) return std::nullopt;
    free->resize(room);
    std::optional<std::size_t> size = data.size();
    if (steps[i].filter == ChunkFilter::Shuffle) {
      unshuffle(data, steps[i].elementBytes, std::span(*free).first(data.size()));
    } else {
      size = steps[i].filter == ChunkFilter::Deflate ? inflateZlib(data, *free)
                                                     : inflateLzf(data, *free);
    }
    if (!size) return std::nullopt;
    data = std::span(*free).first(*size);
    std::swap(free, other);
  }
  if (data.size() != bytes) return std::nullopt;
  return DecodedChunk{data, 0};
}

void takeElements(const DecodedChunk& chunk, std::size_t elementBytes, std::size_t first,
                  std::size_t count, std::byte* to) {
  if (chunk.shuffledBytes == 0) {
    std::copy_n(chunk.bytes.data() + first * elementBytes, count * elementBytes, to);
    return;
  }
  // A file may have shuffled in other units than its elements.
  const std::size_t plane = chunk.bytes.size() / chunk.shuffledBytes;
  if (chunk.shuffledBytes == elementBytes) {
    unshuffleElements(chunk.bytes.data() + first, plane, elementBytes, count, to);
    return;
  }
  for (std::size_t i = 0; i < count * elementBytes; ++i) {
    const std::size_t at = first * elementBytes + i;
    to[i] = chunk.bytes[at % chunk.shuffledBytes * plane + at / chunk.shuffledBytes];
  }
}

}  // namespace quantoscope
