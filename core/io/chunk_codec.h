// Taking back what HDF5's filters did to a chunk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace quantoscope {

/// The filters that are undone here; the numbers are HDF5's.
enum class ChunkFilter { Deflate = 1, Shuffle = 2, Fletcher32 = 3, Lzf = 32000 };

struct ChunkStep {
  ChunkFilter filter = ChunkFilter::Deflate;
  std::size_t elementBytes = 1;  ///< of Shuffle
};

/// Room that is used again from chunk to chunk.
struct ChunkScratch {
  std::vector<std::byte> raw;
  std::vector<std::byte> first;
  std::vector<std::byte> second;
};

/// The `bytes` bytes of a chunk, in scratch memory, out of `scratch.raw`. `steps` are the filters
/// in the order in which they were applied; those whose bit is set in `skipped` were not. Nothing
/// for a chunk that is damaged or does not give exactly so much. Thread-safe, each thread with its
/// own scratch.
std::optional<std::span<const std::byte>> decodeChunk(const std::vector<ChunkStep>& steps,
                                                      std::uint32_t skipped, std::size_t bytes,
                                                      ChunkScratch& scratch);

/// Puts the bytes of each element together again: `from` has all first bytes, then all second ones,
/// ...; what is left over at the end stays as it is. Sizes are equal.
void unshuffle(std::span<const std::byte> from, std::size_t elementBytes, std::span<std::byte> to);

/// HDF5's checksum of a chunk.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace quantoscope
