#include "core/exporting/zip_writer.h"

#include <algorithm>
#include <utility>

namespace quantoscope {

namespace {

constexpr std::uint64_t kMost32 = 0xffffffff;
constexpr std::uint64_t kMost16 = 0xffff;
constexpr unsigned kVersion = 20;    // deflate
constexpr unsigned kVersion64 = 45;  // ZIP64
constexpr unsigned kUnix = 3U << 8U;
constexpr unsigned kUtf8 = 1U << 11U;
constexpr unsigned kDeflate = 8;
constexpr unsigned kDate = (1U << 5U) | 1U;  // 1980-01-01
constexpr std::uint64_t kPermissions = std::uint64_t{0600} << 16U;
constexpr unsigned kExtra64 = 1;
constexpr unsigned kExtraAlignment = 0xd935;  // as Android's zipalign pads
constexpr std::size_t kExtraHeader = 4;
constexpr std::size_t kEnd64Rest = 44;  // of its record, behind the field that says so

void put(std::string& text, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
}

/// In the field of 32 bits, where the number may stand in the ZIP64 extra field.
void put32(std::string& text, std::uint64_t value) {
  put(text, std::min(value, kMost32), 4);
}

bool isLarge(const ZipEntry& entry) {
  return entry.bytes >= kMost32 || entry.storedBytes >= kMost32;
}

/// Fields from the version that is needed to the sizes, which local headers and the directory
/// share.
void putCommon(std::string& text, const ZipEntry& entry, bool is64) {
  put(text, is64 ? kVersion64 : kVersion, 2);
  put(text, entry.isUtf8 ? kUtf8 : 0, 2);
  put(text, entry.isDeflated ? kDeflate : 0, 2);
  put(text, 0, 2);
  put(text, kDate, 2);
  put(text, entry.crc32, 4);
}

std::string localExtra64(const ZipEntry& entry) {
  std::string extra;
  if (!isLarge(entry)) return extra;
  put(extra, kExtra64, 2);
  put(extra, 16, 2);
  put(extra, entry.bytes, 8);
  put(extra, entry.storedBytes, 8);
  return extra;
}

/// The local header with `padding` bytes of an extra field at its end.
std::string localHeaderOf(const ZipEntry& entry, std::uint64_t padding) {
  const std::string extra64 = localExtra64(entry);
  std::string text = "PK\x03\x04";
  putCommon(text, entry, isLarge(entry));
  put32(text, isLarge(entry) ? kMost32 : entry.storedBytes);
  put32(text, isLarge(entry) ? kMost32 : entry.bytes);
  put(text, entry.name.size(), 2);
  put(text, extra64.size() + padding, 2);
  text += entry.name + extra64;
  if (padding != 0) {
    put(text, kExtraAlignment, 2);
    put(text, padding - kExtraHeader, 2);
    text.append(padding - kExtraHeader, '\0');
  }
  return text;
}

std::uint64_t paddingFor(std::uint64_t end, std::uint64_t alignment) {
  if (alignment <= 1 || end % alignment == 0) return 0;
  std::uint64_t padding = alignment - end % alignment;
  while (padding < kExtraHeader) padding += alignment;
  return padding;
}

std::string directoryEntry(const ZipEntry& entry, std::uint64_t at) {
  std::string extra;
  for (const std::uint64_t value : {entry.bytes, entry.storedBytes, at}) {
    if (value >= kMost32) put(extra, value, 8);
  }
  if (!extra.empty()) {
    std::string head;
    put(head, kExtra64, 2);
    put(head, extra.size(), 2);
    extra = head + extra;
  }
  std::string text = "PK\x01\x02";
  put(text, kUnix | (extra.empty() ? kVersion : kVersion64), 2);
  putCommon(text, entry, !extra.empty());
  put32(text, entry.storedBytes);
  put32(text, entry.bytes);
  put(text, entry.name.size(), 2);
  put(text, extra.size(), 2);
  put(text, 0, 6);  // no comment, on the first disk, no text
  put(text, kPermissions, 4);
  put32(text, at);
  return text + entry.name + extra;
}

}  // namespace

ZipLayout::ZipLayout(std::vector<ZipEntry> entries) : entries_(std::move(entries)) {
  for (const ZipEntry& entry : entries_) {
    Place place{directoryAt_, 0};
    const std::uint64_t end = place.header + localHeaderOf(entry, 0).size();
    place.data = end + paddingFor(end, entry.aligned);
    directoryAt_ = place.data + entry.storedBytes;
    places_.push_back(place);
  }
}

std::string ZipLayout::localHeader(std::size_t entry) const {
  const Place& place = places_[entry];
  const std::uint64_t end = place.header + localHeaderOf(entries_[entry], 0).size();
  return localHeaderOf(entries_[entry], place.data - end);
}

std::string ZipLayout::directory() const {
  std::string text;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    text += directoryEntry(entries_[i], places_[i].header);
  }
  const std::uint64_t bytes = text.size();
  const std::uint64_t count = entries_.size();
  if (count >= kMost16 || bytes >= kMost32 || directoryAt_ >= kMost32) {
    const std::uint64_t end64At = directoryAt_ + bytes;
    text += "PK\x06\x06";
    put(text, kEnd64Rest, 8);
    put(text, kUnix | kVersion64, 2);
    put(text, kVersion64, 2);
    put(text, 0, 8);  // the first disk, twice
    put(text, count, 8);
    put(text, count, 8);
    put(text, bytes, 8);
    put(text, directoryAt_, 8);
    text += "PK\x06\x07";
    put(text, 0, 4);
    put(text, end64At, 8);
    put(text, 1, 4);
  }
  text += "PK\x05\x06";
  put(text, 0, 4);
  put(text, std::min(count, kMost16), 2);
  put(text, std::min(count, kMost16), 2);
  put32(text, bytes);
  put32(text, directoryAt_);
  put(text, 0, 2);
  return text;
}

}  // namespace quantoscope
