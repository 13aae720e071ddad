#include "core/io/container/zip_archive.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <string_view>

#include "core/io/container/inflate.h"

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kEnd64LocatorBytes = 20;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kEntryBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kLongestComment = 0xffff;
constexpr std::uint64_t kLongestDirectory = 100'000'000;
constexpr std::uint64_t kMostInflation = 1032;
constexpr std::uint32_t kIn64 = 0xffffffff;  // the number stands in the ZIP64 extra field
constexpr std::uint16_t kExtra64 = 1;
constexpr unsigned kEncrypted = 1;
constexpr unsigned kUtf8 = 1U << 11U;

Error damaged(const std::string& why) {
  return {ErrorCode::UnreadableFile, "the zip archive is damaged: " + why};
}

std::uint64_t numberAt(std::string_view text, std::size_t at, std::size_t bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes; i-- > 0;) {
    number = number << 8 | static_cast<unsigned char>(text[at + i]);
  }
  return number;
}

/// Where the directory is and how long.
struct Directory {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;
};

Result<Directory> findDirectory(const ByteSource& archive) {
  const std::uint64_t size = archive.size();
  if (size < kEndBytes) return damaged("too short");
  const auto tailBytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(size, kEndBytes + kLongestComment));
  const auto tail = readText(archive, size - tailBytes, tailBytes);
  if (!tail) return tail.error();
  std::size_t end = tail->rfind("PK\x05\x06"sv, tail->size() - kEndBytes);
  // A comment may hold the same four bytes: the right ones are those whose comment fits.
  while (end != std::string::npos &&
         end + kEndBytes + numberAt(*tail, end + 20, 2) != tail->size()) {
    end = end == 0 ? std::string::npos : tail->rfind("PK\x05\x06"sv, end - 1);
  }
  if (end == std::string::npos) return damaged("its end is missing");
  if (numberAt(*tail, end + 4, 2) != numberAt(*tail, end + 6, 2)) {
    return Error{ErrorCode::UnreadableFile, "a part of a zip archive in several files"};
  }
  Directory found{numberAt(*tail, end + 10, 2), numberAt(*tail, end + 12, 4),
                  numberAt(*tail, end + 16, 4)};
  const std::uint64_t endOffset = size - tailBytes + end;
  if (endOffset < kEnd64LocatorBytes) return found;
  const auto locator = readText(archive, endOffset - kEnd64LocatorBytes, kEnd64LocatorBytes);
  if (!locator) return locator.error();
  if (!locator->starts_with("PK\x06\x07"sv)) return found;
  const auto end64 = readText(archive, numberAt(*locator, 8, 8), kEnd64Bytes);
  if (!end64 || !end64->starts_with("PK\x06\x06"sv)) return damaged("its ZIP64 end is missing");
  return Directory{numberAt(*end64, 32, 8), numberAt(*end64, 40, 8), numberAt(*end64, 48, 8)};
}

/// Sizes and offset that do not fit into 32 bits, in the order in which they are left out.
Status readExtra64(std::string_view extra, ZipMember& member) {
  const std::array<std::uint64_t*, 3> fields = {&member.bytes, &member.storedBytes, &member.offset};
  const bool needed = std::any_of(fields.begin(), fields.end(),
                                  [](const std::uint64_t* field) { return *field == kIn64; });
  if (!needed) return ok();
  while (extra.size() >= 4) {
    const std::uint64_t id = numberAt(extra, 0, 2);
    const std::uint64_t length = numberAt(extra, 2, 2);
    if (length > extra.size() - 4) break;
    if (id == kExtra64) {
      std::string_view values = extra.substr(4, static_cast<std::size_t>(length));
      for (std::uint64_t* field : fields) {
        if (*field != kIn64) continue;
        if (values.size() < 8) return damaged("a size of " + member.name + " is missing");
        *field = numberAt(values, 0, 8);
        values.remove_prefix(8);
      }
      return ok();
    }
    extra.remove_prefix(static_cast<std::size_t>(4 + length));
  }
  return damaged("a size of " + member.name + " is missing");
}

/// Reads the entry at the front of `text` and takes it away; its offset is still that of the
/// local header.
Result<ZipMember> readEntry(std::string_view& text) {
  if (text.size() < kEntryBytes || !text.starts_with("PK\x01\x02"sv)) {
    return damaged("its directory is cut off");
  }
  const auto nameBytes = static_cast<std::size_t>(numberAt(text, 28, 2));
  const auto extraBytes = static_cast<std::size_t>(numberAt(text, 30, 2));
  const auto commentBytes = static_cast<std::size_t>(numberAt(text, 32, 2));
  if (nameBytes + extraBytes + commentBytes > text.size() - kEntryBytes) {
    return damaged("its directory is cut off");
  }
  ZipMember member;
  member.name = text.substr(kEntryBytes, nameBytes);
  member.crc32 = static_cast<std::uint32_t>(numberAt(text, 16, 4));
  member.storedBytes = numberAt(text, 20, 4);
  member.bytes = numberAt(text, 24, 4);
  member.offset = numberAt(text, 42, 4);
  const Status extra = readExtra64(text.substr(kEntryBytes + nameBytes, extraBytes), member);
  if (!extra) return extra.error();
  member.utf8 = (numberAt(text, 8, 2) & kUtf8) != 0;
  if (numberAt(text, 8, 2) & kEncrypted) {
    return Error{ErrorCode::UnreadableFile, member.name + " in the zip archive is encrypted"};
  }
  const std::uint64_t method = numberAt(text, 10, 2);
  if (method != 0 && method != 8) {
    return Error{ErrorCode::UnreadableFile,
                 member.name + " in the zip archive is compressed by method " +
                     std::to_string(method) + "; allowed are stored (0) and deflate (8)"};
  }
  member.deflated = method == 8;
  if (!member.deflated && member.bytes != member.storedBytes) {
    return damaged(member.name + " has two different sizes");
  }
  text.remove_prefix(kEntryBytes + nameBytes + extraBytes + commentBytes);
  return member;
}

/// From the local header's offset to that of the bytes behind it.
Status findBytes(const ByteSource& archive, std::uint64_t end, ZipMember& member) {
  const auto header = readText(archive, member.offset, kLocalBytes);
  if (!header || !header->starts_with("PK\x03\x04"sv)) {
    return damaged(member.name + " is not where the directory says");
  }
  const std::uint64_t before = kLocalBytes + numberAt(*header, 26, 2) + numberAt(*header, 28, 2);
  const bool fits = before <= end && member.offset <= end - before &&
                    member.storedBytes <= end - before - member.offset;
  if (!fits) return damaged(member.name + " reaches beyond its end");
  member.offset += before;
  return ok();
}

Status checkMembers(const std::vector<ZipMember>& members) {
  std::set<std::string_view> names;
  std::vector<const ZipMember*> byOffset;
  for (const ZipMember& member : members) {
    if (!names.insert(member.name).second) return damaged(member.name + " is there twice");
    byOffset.push_back(&member);
  }
  std::sort(byOffset.begin(), byOffset.end(),
            [](const ZipMember* a, const ZipMember* b) { return a->offset < b->offset; });
  for (std::size_t i = 1; i < byOffset.size(); ++i) {
    if (byOffset[i - 1]->offset + byOffset[i - 1]->storedBytes > byOffset[i]->offset) {
      return damaged(byOffset[i - 1]->name + " and " + byOffset[i]->name + " overlap");
    }
  }
  return ok();
}

}  // namespace

Result<std::vector<ZipMember>> readZipDirectory(const ByteSource& archive) {
  const auto directory = findDirectory(archive);
  if (!directory) return directory.error();
  const bool fits = directory->offset <= archive.size() &&
                    directory->bytes <= archive.size() - directory->offset &&
                    directory->bytes <= kLongestDirectory;
  if (!fits) return damaged("its directory does not fit into it");
  const auto text =
      readText(archive, directory->offset, static_cast<std::size_t>(directory->bytes));
  if (!text) return text.error();
  std::vector<ZipMember> members;
  for (std::string_view rest = *text; !rest.empty();) {
    auto member = readEntry(rest);
    if (!member) return member.error();
    const Status found = findBytes(archive, directory->offset, *member);
    if (!found) return found.error();
    members.push_back(*std::move(member));
  }
  if (members.size() != directory->entries) return damaged("its directory has gaps");
  if (Status status = checkMembers(members); !status) return status.error();
  return members;
}

StoredCheck checkOf(const ZipMember& member) {
  return {member.name, member.offset, member.storedBytes, member.crc32};
}

Status checkZipMember(const ZipMember& member) {
  if (!member.deflated || member.bytes / kMostInflation <= member.storedBytes) return ok();
  return Error{ErrorCode::UnreadableFile, member.name + " claims " + std::to_string(member.bytes) +
                                              " bytes from " + std::to_string(member.storedBytes) +
                                              " compressed ones; deflate makes at most " +
                                              std::to_string(kMostInflation) + " times as many"};
}

Result<std::vector<std::byte>> inflateZipMember(const ByteSource& archive,
                                                const ZipMember& member) {
  if (Status status = checkZipMember(member); !status) return status.error();
  const auto stored =
      readText(archive, member.offset, static_cast<std::size_t>(member.storedBytes));
  if (!stored) return stored.error();
  std::vector<std::byte> bytes(static_cast<std::size_t>(member.bytes));
  const auto size = inflateDeflate(std::as_bytes(std::span(*stored)), bytes);
  if (size != bytes.size() || crc32Of(bytes) != member.crc32) {
    return damaged(member.name + " cannot be decompressed");
  }
  return bytes;
}

Result<SharedByteSource> openZipMember(const SharedByteSource& archive, const ZipMember& member) {
  if (!member.deflated) return partOf(archive, member.offset, member.storedBytes);
  auto bytes = inflateZipMember(*archive, member);
  if (!bytes) return bytes.error();
  return bytesInMemory(*std::move(bytes));
}

}  // namespace quantoscope
