#include "core/io/hdf5/hdf5_chunks.h"

#include <H5Cpp.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <exception>

#include "core/io/hdf5/hdf5_border.h"

namespace quantoscope {

namespace {

/// Larger chunks are no case for several threads, each with room for two of them.
constexpr std::size_t kLargestChunk = std::size_t{128} << 20;

/// What a compressed chunk may at most take in the file.
constexpr std::size_t mostStored(std::size_t chunkBytes) {
  return chunkBytes + chunkBytes / 8 + 4096;
}

/// The filters of an array; empty where they are not all known here, or none compresses.
std::vector<ChunkStep> stepsOf(const H5::DSetCreatPropList& properties) {
  std::vector<ChunkStep> steps;
  bool compressed = false;
  for (int i = 0; i < properties.getNfilters(); ++i) {
    unsigned flags = 0;
    unsigned config = 0;
    std::array<unsigned, 8> values{};
    std::size_t count = values.size();
    const auto id = properties.getFilter(i, flags, count, values.data(), 0, nullptr, config);
    ChunkStep step;
    step.filter = static_cast<ChunkFilter>(id);
    switch (step.filter) {
      case ChunkFilter::Deflate:
      case ChunkFilter::Lzf:
        compressed = true;
        break;
      case ChunkFilter::Shuffle:
        if (count < 1 || values[0] == 0) return {};
        step.elementBytes = values[0];
        break;
      case ChunkFilter::Fletcher32:
        break;
      default:
        return {};
    }
    steps.push_back(step);
  }
  if (!compressed || steps.size() > 8) return {};
  return steps;
}

/// The chunks that a box touches, as the index of the first and the number along each axis.
Box chunksOf(const Box& box, const std::vector<std::size_t>& chunk) {
  Box chunks = box;
  for (std::size_t a = 0; a < chunk.size(); ++a) {
    const std::size_t last = (box.start[a] + box.count[a] - 1) / chunk[a];
    chunks.start[a] = box.start[a] / chunk[a];
    chunks.count[a] = last - chunks.start[a] + 1;
  }
  return chunks;
}

/// Where the n-th of some chunks, in row-major order, begins in the array.
std::vector<std::size_t> firstOf(const Box& chunks, const std::vector<std::size_t>& chunk,
                                 std::size_t n) {
  std::vector<std::size_t> first(chunk.size());
  for (std::size_t a = chunk.size(); a-- > 0;) {
    first[a] = (chunks.start[a] + n % chunks.count[a]) * chunk[a];
    n /= chunks.count[a];
  }
  return first;
}

/// Copies what a box and a chunk that begins at `first` share. Both are row-major.
void copyShared(const DecodedChunk& from, const std::vector<std::size_t>& first,
                const std::vector<std::size_t>& chunk, std::size_t elementBytes, const Box& box,
                std::byte* to) {
  const std::size_t rank = chunk.size();
  Box shared = box;
  for (std::size_t a = 0; a < rank; ++a) {
    shared.start[a] = std::max(box.start[a], first[a]);
    const std::size_t end = std::min(box.start[a] + box.count[a], first[a] + chunk[a]);
    shared.count[a] = end - shared.start[a];
  }
  const std::size_t run = shared.count[rank - 1];
  const std::size_t runs = shared.elements() / shared.count[rank - 1];
  std::vector<std::size_t> at = shared.start;
  for (std::size_t r = 0; r < runs; ++r) {
    std::size_t source = 0;
    std::size_t target = 0;
    for (std::size_t a = 0; a < rank; ++a) {
      source = source * chunk[a] + (at[a] - first[a]);
      target = target * box.count[a] + (at[a] - box.start[a]);
    }
    takeElements(from, elementBytes, source, run, to + target * elementBytes);
    for (std::size_t a = rank - 1; a-- > 0;) {
      if (++at[a] < shared.start[a] + shared.count[a]) break;
      at[a] = shared.start[a];
    }
  }
}

}  // namespace

std::optional<Hdf5ChunkReader> Hdf5ChunkReader::of(const H5::DataSet& array,
                                                   const std::vector<std::size_t>& shape,
                                                   const std::vector<std::size_t>& chunk,
                                                   std::size_t elementBytes) {
  const H5::DSetCreatPropList properties = array.getCreatePlist();
  if (properties.getLayout() != H5D_CHUNKED || shape.empty() || elementBytes == 0) return {};
  unsigned options = 0;
  if (H5Pget_chunk_opts(properties.getId(), &options) < 0 || options != 0) return {};
  Hdf5ChunkReader reader;
  reader.array_ = &array;
  reader.chunk_ = chunk;
  reader.elementBytes_ = elementBytes;
  reader.chunkBytes_ = elementBytes;
  for (const std::size_t side : chunk) {
    if (side > kLargestChunk / reader.chunkBytes_) return {};
    reader.chunkBytes_ *= side;
  }
  reader.steps_ = stepsOf(properties);
  if (reader.steps_.empty()) return {};
  return reader;
}

Result<bool> Hdf5ChunkReader::read(const Box& box, std::byte* to, const Executor& executor,
                                   const TaskControl& control) const {
  if (box.elements() == 0) return true;
  const Box chunks = chunksOf(box, chunk_);
  const std::size_t count = chunks.elements();
  const std::uint64_t total = box.elements() * elementBytes_;
  TaskControl scaled = control;
  if (control.progress) {
    scaled.progress = [&](std::uint64_t done, std::uint64_t all) {
      control.progress(total * done / all, total);
    };
  }
  std::atomic<bool> usual{true};
  const Status status = executor.forEachBlock(
      count,
      [&](std::size_t n) {
        if (!usual.load(std::memory_order_relaxed)) return;
        WorkerPool<ChunkScratch>::Lease lease(*pool_);
        if (!readChunk(box, firstOf(chunks, chunk_, n), *lease, to)) {
          usual.store(false, std::memory_order_relaxed);
        }
      },
      scaled);
  if (!status) return status.error();
  return usual.load();
}

bool Hdf5ChunkReader::readChunk(const Box& box, const std::vector<std::size_t>& first,
                                ChunkScratch& scratch, std::byte* to) const {
  // Must not throw on a worker; running out of memory is left to the plain way as well.
  try {
    std::uint32_t skipped = 0;
    if (!fetch(first, scratch, skipped)) return false;
    const auto bytes = decodeChunk(steps_, skipped, chunkBytes_, scratch);
    if (!bytes) return false;
    copyShared(*bytes, first, chunk_, elementBytes_, box, to);
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

bool Hdf5ChunkReader::fetch(const std::vector<std::size_t>& first, ChunkScratch& scratch,
                            std::uint32_t& skipped) const {
  const std::vector<hsize_t> offset(first.begin(), first.end());
  const Hdf5Lock lock;
  hsize_t stored = 0;
  if (H5Dget_chunk_storage_size(array_->getId(), offset.data(), &stored) < 0) return false;
  if (stored == 0 || stored > mostStored(chunkBytes_)) return false;
  scratch.raw.resize(stored);
  return H5Dread_chunk(array_->getId(), H5P_DEFAULT, offset.data(), &skipped, scratch.raw.data()) >=
         0;
}

}  // namespace quantoscope
