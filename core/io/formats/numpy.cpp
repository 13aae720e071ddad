#include "core/io/formats/numpy.h"

#include <array>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "core/io/container/dense_container.h"
#include "core/io/container/lazy_member.h"
#include "core/io/container/zip_archive.h"

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

constexpr auto kMagic = "\x93NUMPY"sv;
constexpr auto kMemberEnding = ".npy"sv;
constexpr std::size_t kPreambleBytes = 12;  // magic, version and length, the longer of two forms
constexpr std::uint64_t kLongestHeader = 1'000'000;

/// NumPy knows no bfloat16; where a package adds it, it is saved as two bytes of an unknown kind.
constexpr std::array<std::pair<std::string_view, ElementType>, 13> kTypes = {
    {{"f8", ElementType::Float64},
     {"f4", ElementType::Float32},
     {"f2", ElementType::Float16},
     {"i8", ElementType::Int64},
     {"i4", ElementType::Int32},
     {"i2", ElementType::Int16},
     {"i1", ElementType::Int8},
     {"u8", ElementType::UInt64},
     {"u4", ElementType::UInt32},
     {"u2", ElementType::UInt16},
     {"V2", ElementType::UInt16},
     {"u1", ElementType::UInt8},
     {"b1", ElementType::Bool}}};

Error damaged(const std::string& why) {
  return {ErrorCode::UnreadableFile, "the NumPy header is damaged: " + why};
}

/// The Python dictionary of a header, of which only three keys with literals are allowed.
struct Header {
  std::string descr;
  bool columnMajor = false;
  std::vector<std::uint64_t> shape;
  std::uint64_t dataOffset = 0;
};

/// Reads Python literals from the front of a text.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view text) : text_(text) {}

  bool take(std::string_view token) {
    skipBlanks();
    if (!text_.starts_with(token)) return false;
    text_.remove_prefix(token.size());
    return true;
  }
  std::optional<std::string> text() {
    skipBlanks();
    if (text_.empty() || (text_[0] != '\'' && text_[0] != '"')) return std::nullopt;
    const std::size_t end = text_.find(text_[0], 1);
    if (end == std::string_view::npos) return std::nullopt;
    std::string found(text_.substr(1, end - 1));
    text_.remove_prefix(end + 1);
    return found;
  }
  std::optional<std::uint64_t> number() {
    skipBlanks();
    std::uint64_t value = 0;
    const auto [end, code] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (code != std::errc()) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    take("L");  // Python 2 wrote long integers so
    return value;
  }
  bool atEnd() {
    skipBlanks();
    return text_.empty();
  }
  /// Everything up to the bracket that closes the one just taken, for values that are not read.
  void skipToClosing() {
    for (int depth = 1; !text_.empty() && depth > 0; text_.remove_prefix(1)) {
      if (text_[0] == '[' || text_[0] == '(') ++depth;
      if (text_[0] == ']' || text_[0] == ')') --depth;
    }
  }

 private:
  void skipBlanks() {
    const std::size_t first = text_.find_first_not_of(" \t\r\n"sv);
    text_.remove_prefix(first == std::string_view::npos ? text_.size() : first);
  }

  std::string_view text_;
};

std::optional<std::vector<std::uint64_t>> readShape(LiteralReader& reader) {
  if (!reader.take("(")) return std::nullopt;
  std::vector<std::uint64_t> shape;
  while (!reader.take(")")) {
    const auto extent = reader.number();
    if (!extent) return std::nullopt;
    shape.push_back(*extent);
    if (!reader.take(",")) {
      if (!reader.take(")")) return std::nullopt;
      break;
    }
  }
  return shape;
}

Result<Header> readDictionary(std::string_view text) {
  LiteralReader reader(text);
  Header header;
  bool descr = false;
  bool order = false;
  bool shape = false;
  if (!reader.take("{")) return damaged("no dictionary");
  while (!reader.take("}")) {
    const auto key = reader.text();
    if (!key || !reader.take(":")) return damaged("no dictionary");
    if (*key == "descr") {
      descr = true;
      if (auto value = reader.text()) {
        header.descr = *value;
      } else if (reader.take("[")) {  // a record of several fields
        header.descr = "record";
        reader.skipToClosing();
      } else {
        return damaged("descr is no dtype");
      }
    } else if (*key == "fortran_order") {
      order = true;
      header.columnMajor = reader.take("True");
      if (!header.columnMajor && !reader.take("False")) {
        return damaged("fortran_order is neither True nor False");
      }
    } else if (*key == "shape") {
      const auto extents = readShape(reader);
      if (!extents) return damaged("shape is no tuple of whole numbers");
      shape = true;
      header.shape = *extents;
    } else {
      return damaged("the key '" + *key + "'; allowed are descr, fortran_order and shape");
    }
    reader.take(",");
    if (reader.atEnd()) return damaged("it has no end");
  }
  if (!descr || !order || !shape || !reader.atEnd()) {
    return damaged("descr, fortran_order and shape are needed, and nothing behind them");
  }
  return header;
}

Result<Header> readHeader(const ByteSource& bytes) {
  const auto preamble = readText(bytes, 0, kPreambleBytes);
  if (!preamble) return damaged("it is cut off");
  if (!preamble->starts_with(kMagic)) return damaged("it does not begin with \\x93NUMPY");
  const int major = static_cast<unsigned char>((*preamble)[6]);
  if (major < 1 || major > 3) {
    return Error{ErrorCode::UnreadableFile,
                 "NumPy format " + std::to_string(major) + "; allowed are 1, 2 and 3"};
  }
  const std::size_t lengthBytes = major == 1 ? 2 : 4;
  std::uint64_t length = 0;
  for (std::size_t i = lengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>((*preamble)[8 + i]);
  }
  if (length > kLongestHeader) return damaged("it claims " + std::to_string(length) + " bytes");
  const auto text = readText(bytes, 8 + lengthBytes, static_cast<std::size_t>(length));
  if (!text) return damaged("it is cut off");
  auto header = readDictionary(*text);
  if (header) header->dataOffset = 8 + lengthBytes + length;
  return header;
}

/// Adds the array to the container, readable or with its obstacle.
Status addArray(const SharedByteSource& bytes, const std::string& path, DenseContainer& container) {
  const auto header = readHeader(*bytes);
  if (!header) return header.error();
  const char order = header->descr.empty() ? '\0' : header->descr[0];
  const bool ordered = order == '<' || order == '>' || order == '|' || order == '=';
  std::optional<ElementType> type;
  for (const auto& [name, known] : kTypes) {
    if (ordered && std::string_view(header->descr).substr(1) == name) type = known;
  }
  std::string obstacle;
  if (!type) {
    obstacle = "the dtype " + shortTypeName(header->descr) + ", which is not read";
  } else {
    const auto wanted = denseBytes(header->shape, storedBytesOf(*type));
    const std::uint64_t present = bytes->size() - header->dataOffset;
    if (!wanted) return damaged("a shape beyond all sizes");
    if (*wanted > present) {
      obstacle =
          "the file is cut off: " + std::to_string(*wanted - present) + " of its bytes are missing";
    }
  }
  if (obstacle.empty()) {
    DenseArray array{path, *type, header->shape, bytes, header->dataOffset};
    array.bigEndian = order == '>';
    array.columnMajor = header->columnMajor;
    container.add(std::move(array));
  } else {
    StoredArray array;
    array.path = path;
    array.shape = header->shape;
    array.dtype = type ? elementOfType(*type).name : header->descr;
    array.elementBytes = type ? storedBytesOf(*type) : 0;
    array.incomplete = type.has_value();
    array.obstacle = std::move(obstacle);
    container.addUnreadable(std::move(array));
  }
  return ok();
}

Likeness sniff(const FileHead& head) {
  const bool array = head.start.starts_with(kMagic);
  return array || beginsZipWith(head, kMemberEnding) ? Likeness::Strong : Likeness::None;
}

Result<SharedContainer> open(const std::string& path, const OpenOptions&, const PartOpener&) {
  const auto head = readFileHead(path);
  if (!head) return head.error();
  return beginsZip(*head) ? openNpz(head->bytes, path) : openNpy(head->bytes, path);
}

constexpr const char* kSuffixes[] = {".npy", ".npz"};
constexpr const char* kMimeTypes[] = {"application/x-npy", "application/x-npz"};

}  // namespace

constinit const ContainerFormat kNumpyFormat = {
    .name = "NumPy",
    .description = "a NumPy file",
    .suffixes = kSuffixes,
    .mimeTypes = kMimeTypes,
    .sniff = sniff,
    .open = open,
};

Result<SharedContainer> openNpy(const SharedByteSource& bytes, const std::string& name) {
  auto container = std::make_shared<DenseContainer>(name, "NumPy");
  const Status status = addArray(bytes, std::filesystem::path(name).stem().string(), *container);
  if (!status) return about(name, status.error());
  return SharedContainer(std::move(container));
}

Result<SharedContainer> openNpz(const SharedByteSource& bytes, const std::string& name) {
  const auto members = readZipDirectory(*bytes);
  if (!members) return about(name, members.error());
  auto container = std::make_shared<DenseContainer>(name, "NumPy archive");
  const auto room = std::make_shared<InflatedRoom>();
  for (const ZipMember& member : *members) {
    if (!member.name.ends_with(kMemberEnding)) continue;
    const std::string path = member.name.substr(0, member.name.size() - kMemberEnding.size());
    const auto content = openZipMemberLazily(bytes, member, room);
    if (!member.deflated) container->addCheck(checkOf(member));
    const Status status = content ? addArray(*content, path, *container) : content.error();
    if (status) continue;
    StoredArray array;
    array.path = path;
    array.obstacle = status.error().message;
    array.incomplete = true;
    container->addUnreadable(std::move(array));
  }
  container->keepOrder();
  room->headersOnly = false;
  return SharedContainer(std::move(container));
}

}  // namespace quantoscope
