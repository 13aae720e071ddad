// The directory of a zip archive.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"

namespace quantoscope {

/// One file in an archive.
struct ZipMember {
  std::string name;
  std::uint64_t offset = 0;       ///< of its bytes in the archive
  std::uint64_t storedBytes = 0;  ///< that it takes there
  std::uint64_t bytes = 0;        ///< decompressed
  std::uint32_t crc32 = 0;        ///< of the decompressed bytes
  bool deflated = false;          ///< else stored as it is
  bool utf8 = false;              ///< how its name is written
};

/// The members of an archive, in the order of its directory (PKWARE's APPNOTE 6.3.10, sections
/// 4.3.7 to 4.3.16, ZIP64 included). Archives in parts, encrypted members and other methods than
/// "stored" and "deflate" are refused; so are directories that contradict themselves or the size of
/// the archive, names that occur twice, and members that overlap. Errors do not name the file.
Result<std::vector<ZipMember>> readZipDirectory(const ByteSource& archive);

/// The checksum of a stored member, which is not compared before all of it has been read.
StoredCheck checkOf(const ZipMember& member);

/// Refuses a member that claims more than deflate can make of its bytes, 1032 times as many.
Status checkZipMember(const ZipMember& member);

/// A deflated member decompressed and held against its checksum, after checkZipMember().
Result<std::vector<std::byte>> inflateZipMember(const ByteSource& archive, const ZipMember& member);

/// The bytes of a member: a part of the archive where it is stored, else decompressed into memory.
Result<SharedByteSource> openZipMember(const SharedByteSource& archive, const ZipMember& member);

}  // namespace quantoscope
