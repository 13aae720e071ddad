// Files that appear whole or not at all.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace quantoscope {

/// A temporary name beside the final one, to be renamed by commit(). Removed when it is destroyed
/// without a commit. A final path that is a symbolic link is followed.
class PendingFile {
 public:
  explicit PendingFile(std::string path);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Creates the temporary file, empty. OutputFailed names the final path and the reason: a folder
  /// that is missing or read-only, a final path that is no regular file.
  Status create();

  /// Writes all of `content` to the temporary file, which create() made.
  Status write(std::string_view content);

  /// Sets disk space for `bytes` of the temporary file aside, so that a full disk is told before
  /// anything is written. OutputFailed where there is not as much; a file system that cannot set
  /// space aside is no error.
  Status reserve(std::uint64_t bytes);

  const std::string& path() const { return path_; }
  const std::string& temporaryPath() const { return temporary_; }

  /// Flushes the temporary file to the disk and gives it its final name, replacing what is there.
  Status commit();

 private:
  std::string path_;
  std::string temporary_;
  bool committed_ = false;
};

/// Writes `content` through a PendingFile. OutputFailed names the path and the system's reason.
Status writeFile(const std::string& path, std::string_view content);

}  // namespace quantoscope
