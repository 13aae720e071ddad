// Compressed HDF5 arrays, decompressed on several threads.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/array_box.h"
#include "core/io/hdf5/chunk_codec.h"
#include "core/parallel/executor.h"
#include "core/parallel/worker_pool.h"

namespace H5 {
class DataSet;
}  // namespace H5

namespace quantoscope {

/// Reads chunks as they are stored, one at a time under the library's lock, and undoes their
/// filters outside of it. HDF5 itself does one after the other, with a slower inflate.
class Hdf5ChunkReader {
 public:
  /// Nothing where the array is not stored in chunks, is not compressed, or has filters that are
  /// not undone here. `array` must live as long as the reader. Needs the Hdf5Lock; throws.
  static std::optional<Hdf5ChunkReader> of(const H5::DataSet& array,
                                           const std::vector<std::size_t>& shape,
                                           const std::vector<std::size_t>& chunk,
                                           std::size_t elementBytes);

  /// Fills `to` with the row-major elements of a box as they are stored. False where a chunk is
  /// missing, damaged or otherwise unusual: H5Dread then fills, converts or complains. An error
  /// only when cancelled. Must not be called under the Hdf5Lock.
  Result<bool> read(const Box& box, std::byte* to, const Executor& executor,
                    const TaskControl& control) const;

 private:
  Hdf5ChunkReader() = default;
  bool readChunk(const Box& box, const std::vector<std::size_t>& first, ChunkScratch& scratch,
                 std::byte* to) const;
  bool fetch(const std::vector<std::size_t>& first, ChunkScratch& scratch,
             std::uint32_t& skipped) const;

  const H5::DataSet* array_ = nullptr;
  std::vector<std::size_t> chunk_;
  std::size_t elementBytes_ = 0;
  std::size_t chunkBytes_ = 0;
  std::vector<ChunkStep> steps_;
  /// Kept from box to box.
  std::shared_ptr<WorkerPool<ChunkScratch>> pool_ = std::make_shared<WorkerPool<ChunkScratch>>();
};

}  // namespace quantoscope
