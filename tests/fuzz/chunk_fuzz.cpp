// Any bytes as a compressed chunk of an HDF5 dataset. The first tell the filters: how many, then a
// kind and the bytes of an element for each; then which are skipped, and the chunk's size in units
// of 16 bytes. Format: HDF5
#include <array>
#include <cstdlib>

#include "core/io/hdf5/chunk_codec.h"
#include "core/io/reader/wire.h"
#include "tests/fuzz/bytes.h"

using namespace quantoscope;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::array kFilters = {ChunkFilter::Deflate, ChunkFilter::Shuffle,
                                   ChunkFilter::Fletcher32, ChunkFilter::Lzf};
  WireReader reader(fuzz::textOf(data, size));
  std::vector<ChunkStep> steps(reader.number<std::uint8_t>() % 5);
  for (ChunkStep& step : steps) {
    step.filter = kFilters[reader.number<std::uint8_t>() % kFilters.size()];
    step.elementBytes = 1 + reader.number<std::uint8_t>() % 16;
  }
  const auto skipped = reader.number<std::uint8_t>();
  const std::size_t bytes = 16 * std::size_t{reader.number<std::uint16_t>() % 512u};
  if (reader.failed()) return 0;
  const std::size_t taken = 1 + 2 * steps.size() + 1 + 2;
  const auto* chunk = reinterpret_cast<const std::byte*>(data);
  ChunkScratch scratch;
  scratch.raw.assign(chunk + taken, chunk + size);
  const auto decoded = decodeChunk(steps, skipped, bytes, scratch);
  if (!decoded) return 0;
  if (decoded->bytes.size() != bytes) std::abort();
  // Taken in two parts, the elements are those that are taken at once.
  for (const std::size_t elementBytes : {1, 2, 4, 8}) {
    const std::size_t count = bytes / elementBytes;
    std::vector<std::byte> whole(bytes);
    std::vector<std::byte> parts(bytes);
    takeElements(*decoded, elementBytes, 0, count, whole.data());
    takeElements(*decoded, elementBytes, 0, count / 3, parts.data());
    takeElements(*decoded, elementBytes, count / 3, count - count / 3,
                 parts.data() + count / 3 * elementBytes);
    if (whole != parts) std::abort();
  }
  return 0;
}
