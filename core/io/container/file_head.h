// The first bytes of a file, by which its format is told.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"

namespace quantoscope {

/// What a format is recognized by.
struct FileHead {
  std::string start;       ///< the first bytes, at most kFileHeadBytes
  SharedByteSource bytes;  ///< all of them
};

/// Enough for the names of the first members of a zip archive.
inline constexpr std::size_t kFileHeadBytes = 4096;

/// Looks into a file. A path that leads to no regular file, to an empty one or to one that may not
/// be read is an UnreadableFile error that names it.
Result<FileHead> readFileHead(const std::string& path);

/// Whether a zip archive begins here.
bool beginsZip(const FileHead& head);

/// Whether a zip archive begins here and this text, a member's name say, stands among the first
/// bytes.
bool beginsZipWith(const FileHead& head, std::string_view text);

/// Whether a JSON object begins here.
bool beginsJson(const FileHead& head);

}  // namespace quantoscope
