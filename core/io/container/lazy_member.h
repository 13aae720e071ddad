// Members of zip archives that are decompressed only when somebody reads them.
#pragma once

#include <memory>
#include <vector>

#include "core/io/container/zip_archive.h"

namespace quantoscope {

/// Holds the member of an archive that was decompressed last, for all of its members.
struct InflatedRoom {
  std::vector<std::byte> bytes;
  std::uint64_t offset = 0;  ///< of the member in the archive
  bool used = false;
  bool headersOnly = true;  ///< while an archive is opened: what is at the front may go unchecked
};

/// The bytes of a member, as openZipMember() gives them, but a deflated one costs nothing until it
/// is read. While the room is for headers only, a few bytes at the front are decompressed without
/// the rest and, since a checksum is over all, unchecked; whatever else is read takes the whole, in
/// `room`, and is checked. So an archive of many
/// members never takes more memory than its largest. Errors do not name the file.
Result<SharedByteSource> openZipMemberLazily(const SharedByteSource& archive,
                                             const ZipMember& member,
                                             std::shared_ptr<InflatedRoom> room);

}  // namespace quantoscope
