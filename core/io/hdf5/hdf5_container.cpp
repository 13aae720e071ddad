#include "core/io/hdf5/hdf5_container.h"

#include <H5Cpp.h>
#include <algorithm>
#include <bit>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/io/container/element_type.h"
#include "core/io/container/inflate.h"
#include "core/io/container/zip_archive.h"
#include "core/io/hdf5/hdf5_array.h"
#include "core/io/hdf5/hdf5_border.h"
#include "core/io/hdf5/hdf5_chunks.h"
#include "core/io/hdf5/hdf5_file.h"
#include "core/io/hdf5/hdf5_walk.h"
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
  /// `base`: where in the file at `path` the HDF5 file begins; nothing where it is in memory.
  Hdf5Container(std::string path, std::shared_ptr<const H5::H5File> file,
                std::optional<std::uint64_t> base, bool allowOutside, StoredFile contents)
      : path_(std::move(path)),
        file_(std::move(file)),
        base_(base),
        allowOutside_(allowOutside),
        contents_(std::move(contents)) {}

  const StoredFile& contents() const override { return contents_; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    const Hdf5Element& element = (*reader)->element();
    if (element.narrow) return elementOfType(*element.narrow);
    return StoredElement{element.name, element.bytes, element.integer, element.floatType};
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    const std::optional<std::uint64_t> offset = (*reader)->offset();
    if (!base_ || !offset || isSwapped((*reader)->element())) return std::optional<FileExtent>{};
    const Box whole{{}, (*reader)->shape()};
    return std::optional<FileExtent>(
        {path_, *base_ + *offset, whole.elements() * (*reader)->element().bytes});
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    const auto reader = opened(path);
    if (!reader) return reader.error();
    return withErrorsAbout(subject(path), [&] {
      auto* to = static_cast<std::byte*>(bytes);
      const auto& narrow = (*reader)->element().narrow;
      if (!narrow) return readBox(**reader, box, to, control);
      const std::size_t count = box.elements();
      const std::size_t before = count * (elementOfType(*narrow).bytes - storedBytesOf(*narrow));
      Status status = readBox(**reader, box, to + before, control);
      if (status) widen(*narrow, bytes, count);
      return status;
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
  std::optional<std::uint64_t> base_;
  bool allowOutside_ = false;
  StoredFile contents_;
  Executor executor_;
  mutable std::string readerPath_;
  mutable std::shared_ptr<const Hdf5ArrayReader> reader_;
};

}  // namespace

namespace {

/// What an archive tells about the HDF5 file in it.
struct ArchiveFacts {
  std::string format;
  Result<std::string> config = std::string();  ///< see StoredFile::modelConfig
  std::vector<StoredCheck> checks = {};
  std::vector<StoredMember> members = {};
};

/// Walks the file that `open` opens, under the lock.
Result<SharedContainer> containerOf(const std::string& path, std::optional<std::uint64_t> base,
                                    const std::function<H5::H5File()>& open,
                                    const OpenOptions& options, const ArchiveFacts& archive = {}) {
  return atHdf5Border(path, [&]() -> Result<SharedContainer> {
    const std::shared_ptr<const H5::H5File> file(new H5::H5File(open()),
                                                 [](const H5::H5File* closed) {
                                                   const Hdf5Lock lock;
                                                   delete closed;
                                                 });
    StoredFile contents = walkHdf5(*file, options);
    if (!archive.config) contents.configProblem = archive.config.error().message;
    if (contents.modelConfig.empty() && archive.config) contents.modelConfig = *archive.config;
    if (contents.format.empty()) contents.format = archive.format;
    contents.checks = archive.checks;
    contents.members = archive.members;
    return SharedContainer(std::make_shared<Hdf5Container>(path, file, base, options.allowOutside,
                                                           std::move(contents)));
  });
}

constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);

constexpr std::uint64_t kLongestConfig = 100'000'000;

const ZipMember* memberNamed(const std::vector<ZipMember>& members, const std::string& name) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const ZipMember& member) { return member.name == name; });
  return found == members.end() ? nullptr : &*found;
}

/// The configuration; empty where there is none. Where it cannot be read, names and axes are less
/// certain, which is no reason to refuse the weights; that it is damaged is noted among the checks.
void takeConfig(const SharedByteSource& archive, const std::vector<ZipMember>& members,
                ArchiveFacts& facts) {
  const ZipMember* member = memberNamed(members, "config.json");
  if (member == nullptr) return;
  if (member->bytes > kLongestConfig) {
    facts.config = Error{ErrorCode::UnreadableFile, "longer than a configuration may be"};
    return;
  }
  const auto bytes = openZipMember(archive, *member);
  auto text = bytes ? readText(**bytes, 0, static_cast<std::size_t>(member->bytes)) : bytes.error();
  if (text && crc32Of(std::as_bytes(std::span(*text))) == member->crc32) {
    facts.config = *std::move(text);
    return;
  }
  facts.config = text ? Error{ErrorCode::UnreadableFile, "its CRC-32 is another"} : text.error();
  facts.checks.push_back(checkOf(*member));
  facts.checks.back().isDamaged = true;
}

/// A user block before the signature doubles from 512 bytes on; HDF5 itself looks no further than
/// the file's end.
Likeness sniffHdf5(const FileHead& head) {
  const std::uint64_t size = head.bytes->size();
  for (std::uint64_t at = 0; at < size; at = at == 0 ? 512 : 2 * at) {
    const auto text = readText(*head.bytes, at, kSignature.size());
    if (text && *text == kSignature) return Likeness::Strong;
  }
  return Likeness::None;
}

Likeness sniffKeras(const FileHead& head) {
  const bool keras = beginsZipWith(head, ".weights.h5") || beginsZipWith(head, "metadata.json");
  return keras ? Likeness::Strong : Likeness::None;
}

constexpr const char* kHdf5Suffixes[] = {".h5", ".hdf5"};
constexpr const char* kHdf5MimeTypes[] = {"application/x-hdf5", "application/x-hdf"};
constexpr const char* kKerasSuffixes[] = {".keras"};
constexpr const char* kKerasMimeTypes[] = {"application/x-keras"};

}  // namespace

constinit const ContainerFormat kHdf5Format = {
    .name = "HDF5",
    .description = "an HDF5 file",
    .suffixes = kHdf5Suffixes,
    .mimeTypes = kHdf5MimeTypes,
    .sniff = sniffHdf5,
    .open = [](const std::string& path, const OpenOptions& options,
               const PartOpener&) { return openHdf5Container(path, options); },
};

constinit const ContainerFormat kKerasFormat = {
    .name = "Keras archive",
    .description = "a .keras archive",
    .suffixes = kKerasSuffixes,
    .mimeTypes = kKerasMimeTypes,
    .sniff = sniffKeras,
    .open = [](const std::string& path, const OpenOptions& options,
               const PartOpener&) { return openKerasArchive(path, options); },
};

Result<SharedContainer> openHdf5Container(const std::string& path, const OpenOptions& options) {
  return containerOf(
      path, 0, [&] { return openHdf5ReadOnly(path); }, options);
}

Result<SharedContainer> openKerasArchive(const std::string& path, const OpenOptions& options) {
  constexpr auto kWeights = "model.weights.h5";
  const auto archive = openFileBytes(path);
  if (!archive) return archive.error();
  const auto members = readZipDirectory(**archive);
  if (!members) return about(path, members.error());
  const ZipMember* weights = memberNamed(*members, kWeights);
  if (weights == nullptr) {
    return Error{ErrorCode::UnreadableFile, path + ": a .keras archive without " + kWeights};
  }
  ArchiveFacts facts;
  facts.format = "keras";
  takeConfig(*archive, *members, facts);
  if (!weights->deflated) facts.checks.push_back(checkOf(*weights));
  for (const ZipMember& member : *members) {
    facts.members.push_back({member.name, member.offset, member.storedBytes, member.bytes,
                             member.crc32, member.deflated, member.utf8});
  }
  const auto image = openZipMember(*archive, *weights);
  if (!image) return about(path, image.error());
  const auto signature = readText(**image, 0, std::min((*image)->size(), kSignature.size()));
  if (!signature || *signature != kSignature) {
    return Error{ErrorCode::UnreadableFile, path + ": " + kWeights + " in it is no HDF5 file"};
  }
  // Stored as it is, a tensor's place in the member is one in the file, too.
  const auto base = weights->deflated ? std::nullopt : std::optional(weights->offset);
  const auto open = [&] { return openHdf5ReadOnly(path + ": " + kWeights, *image); };
  return containerOf(path, base, open, options, facts);
}

}  // namespace quantoscope
