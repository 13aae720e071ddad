// Zip archives whose layout is known before their contents are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace quantoscope {

/// A member as it will be stored.
struct ZipEntry {
  std::string name;
  std::uint64_t bytes = 0;        ///< decompressed
  std::uint64_t storedBytes = 0;  ///< the same where it is not deflated
  bool isDeflated = false;
  bool isUtf8 = false;        ///< how its name is written
  std::uint32_t crc32 = 0;    ///< of the decompressed bytes; may come later
  std::uint64_t aligned = 1;  ///< its bytes begin at a multiple of this, at most 16384
};

/// An archive (PKWARE's APPNOTE 6.3.10; ZIP64 where sizes or places need it). Equal entries make
/// equal bytes: every member has the date 1980-01-01 and the permissions of a private file.
class ZipLayout {
 public:
  explicit ZipLayout(std::vector<ZipEntry> entries);

  /// Of the whole archive.
  std::uint64_t bytes() const { return directoryAt_ + directory().size(); }
  /// Where the bytes of a member lie.
  std::uint64_t dataAt(std::size_t entry) const { return places_[entry].data; }

  /// What stands before the bytes of a member, and where.
  std::string localHeader(std::size_t entry) const;
  std::uint64_t localHeaderAt(std::size_t entry) const { return places_[entry].header; }

  void setCrc32(std::size_t entry, std::uint32_t crc32) { entries_[entry].crc32 = crc32; }

  /// What stands behind all members, and where. Its length does not depend on checksums.
  std::string directory() const;
  std::uint64_t directoryAt() const { return directoryAt_; }

 private:
  struct Place {
    std::uint64_t header = 0;
    std::uint64_t data = 0;
  };

  std::vector<ZipEntry> entries_;
  std::vector<Place> places_;
  std::uint64_t directoryAt_ = 0;
};

}  // namespace quantoscope
