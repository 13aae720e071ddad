#include "core/io/hdf5_container.h"

#include <H5Cpp.h>
#include <algorithm>
#include <bit>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/io/hdf5_array.h"
#include "core/io/hdf5_border.h"
#include "core/io/hdf5_chunks.h"
#include "core/io/hdf5_file.h"
#include "core/io/hdf5_walk.h"
#include "core/parallel/executor.h"

namespace quantoscope {

namespace {

/// What is read at once: large against the cost of a call, small against patience and the cache.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

/// Reverses the bytes of each element.
void swapBytes(std::byte* bytes, std::size_t count, std::size_t elementBytes) {
  for (std::byte* at = bytes; at != bytes + count; at += elementBytes) {
    std::reverse(at, at + elementBytes);
  }
}

bool isSwapped(const Hdf5Element& element) {
  return element.bigEndian != (std::endian::native == std::endian::big);
}

/// Whether a part of `whole` is one run of its row-major elements.
bool isOneRun(const Box& part, const Box& whole) {
  std::size_t a = 0;
  while (a < whole.count.size() && part.count[a] == 1) ++a;
  for (++a; a < whole.count.size(); ++a) {
    if (part.count[a] != whole.count[a]) return false;
  }
  return true;
}

/// The index of a part's first element among the row-major ones of `whole`.
std::size_t firstIndex(const Box& part, const Box& whole) {
  std::size_t index = 0;
  for (std::size_t a = 0; a < whole.count.size(); ++a) {
    index = index * whole.count[a] + (part.start[a] - whole.start[a]);
  }
  return index;
}

/// Writes the elements of a piece of `whole` to their place among the row-major ones of `whole`.
void placePiece(const std::vector<std::byte>& piece, const Box& box, const Box& whole,
                std::size_t elementBytes, std::byte* to) {
  const std::size_t rank = box.count.size();
  const std::size_t run = rank == 0 ? 1 : box.count[rank - 1];
  std::vector<std::size_t> index(rank, 0);
  for (std::size_t from = 0; from < piece.size(); from += run * elementBytes) {
    std::size_t at = 0;
    for (std::size_t a = 0; a < rank; ++a) {
      at = at * whole.count[a] + (box.start[a] - whole.start[a] + index[a]);
    }
    std::copy_n(piece.data() + from, run * elementBytes, to + at * elementBytes);
    for (std::size_t a = rank - (rank > 0); a-- > 0;) {
      if (++index[a] < box.count[a]) break;
      index[a] = 0;
    }
  }
}

class Hdf5Container : public Container {
 public:
  Hdf5Container(std::string path, std::shared_ptr<const H5::H5File> file, bool allowOutside,
                StoredFile contents)
      : path_(std::move(path)),
        file_(std::move(file)),
        allowOutside_(allowOutside),
        contents_(std::move(contents)) {}

  const StoredFile& contents() const override { return contents_; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    const Hdf5Element& element = (*reader)->element();
    return StoredElement{element.name, element.bytes, element.integer, element.floatType};
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    const std::optional<std::uint64_t> offset = (*reader)->offset();
    if (!offset || isSwapped((*reader)->element())) return std::optional<FileExtent>{};
    const Box whole{{}, (*reader)->shape()};
    return std::optional<FileExtent>(
        {path_, *offset, whole.elements() * (*reader)->element().bytes});
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    return withErrorsAbout(subject(path), [&] {
      return readBox(**reader, box, static_cast<std::byte*>(bytes), control);
    });
  }

  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    return (*reader)->readAsFloat(box, values);
  }

  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    const auto reader = opened(path);
    if (!reader) return {};
    return (*reader)->chunk();
  }

 private:
  std::string subject(const std::string& path) const { return path_ + ": " + path; }

  /// The array of the last call stays open: several questions are asked about each.
  Result<std::shared_ptr<const Hdf5ArrayReader>> opened(const std::string& path) const {
    if (reader_ && path == readerPath_) return reader_;
    auto reader = Hdf5ArrayReader::open(file_, path, subject(path), allowOutside_);
    if (!reader) return reader.error();
    readerPath_ = path;
    reader_ = std::make_shared<const Hdf5ArrayReader>(*std::move(reader));
    return reader_;
  }

  /// On several threads where that is possible, else piece by piece.
  Status readBox(const Hdf5ArrayReader& reader, const Box& box, std::byte* to,
                 const TaskControl& control) const {
    if (const Hdf5ChunkReader* chunks = reader.chunks()) {
      const auto done = chunks->read(box, to, executor_, control);
      if (!done) return done.error();
      const std::size_t elementBytes = reader.element().bytes;
      if (*done && isSwapped(reader.element())) {
        swapBytes(to, box.elements() * elementBytes, elementBytes);
      }
      if (*done) return ok();
    }
    return readPieces(reader, box, to, control);
  }

  static Status readPieces(const Hdf5ArrayReader& reader, const Box& whole, std::byte* to,
                           const TaskControl& control) {
    const Hdf5Element& element = reader.element();
    const std::uint64_t total = whole.elements() * element.bytes;
    std::uint64_t done = 0;
    std::vector<std::byte> bytes;
    for (const Box& box : cutIntoBoxes(whole, reader.chunk(), kPieceBytes / element.bytes)) {
      if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      const std::size_t size = box.elements() * element.bytes;
      const bool inPlace = isOneRun(box, whole);
      if (!inPlace) bytes.resize(size);
      std::byte* piece = inPlace ? to + firstIndex(box, whole) * element.bytes : bytes.data();
      if (Status status = reader.readStored(box, piece); !status) return status;
      if (isSwapped(element)) swapBytes(piece, size, element.bytes);
      if (!inPlace) placePiece(bytes, box, whole, element.bytes, to);
      done += size;
      if (control.progress) control.progress(done, total);
    }
    return ok();
  }

  std::string path_;
  std::shared_ptr<const H5::H5File> file_;
  bool allowOutside_ = false;
  StoredFile contents_;
  Executor executor_;
  mutable std::string readerPath_;
  mutable std::shared_ptr<const Hdf5ArrayReader> reader_;
};

}  // namespace

Result<SharedContainer> openHdf5Container(const std::string& path, const OpenOptions& options) {
  return atHdf5Border(path, [&]() -> Result<SharedContainer> {
    const std::shared_ptr<const H5::H5File> file(new H5::H5File(openHdf5ReadOnly(path)),
                                                 [](const H5::H5File* closed) {
                                                   const Hdf5Lock lock;
                                                   delete closed;
                                                 });
    return SharedContainer(std::make_shared<Hdf5Container>(path, file, options.allowOutside,
                                                           walkHdf5(*file, options)));
  });
}

}  // namespace quantoscope
