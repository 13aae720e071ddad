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

/// A chunk without what compressed it.
struct DecodedChunk {
  std::span<const std::byte> bytes;
  /// Not 0: the bytes of elements of this size still lie apart, which takeElements() undoes on the
  /// way to where they are wanted. A pass over memory is saved so.
  std::size_t shuffledBytes = 0;
};

/// The `bytes` bytes of a chunk, in scratch memory, out of `scratch.raw`. `steps` are the filters
/// in the order in which they were applied; those whose bit is set in `skipped` were not. Nothing
/// for a chunk that is damaged or does not give exactly so much. Thread-safe, each thread with its
/// own scratch.
std::optional<DecodedChunk> decodeChunk(const std::vector<ChunkStep>& steps, std::uint32_t skipped,
                                        std::size_t bytes, ChunkScratch& scratch);

/// Writes `count` elements of `elementBytes` bytes from the `first` of a chunk on to `to`.
void takeElements(const DecodedChunk& chunk, std::size_t elementBytes, std::size_t first,
                  std::size_t count, std::byte* to);

/// HDF5's checksum of a chunk.
std::uint32_t fletcher32(std::span<const std::byte> bytes);

}  // namespace quantoscope
