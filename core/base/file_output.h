// Files that appear whole or not at all: the one way in which the programs write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/result.h"

namespace quantoscope {

/// What becomes of a file that has the name already.
enum class Existing {
  Replaced,
  Kept,  ///< writing fails; of several who write at the same time exactly one succeeds
};

/// Where a result goes. A path alone replaces what is there.
struct OutputPath {
  OutputPath(std::string at, Existing there = Existing::Replaced)
      : path(std::move(at)), existing(there) {}
  OutputPath(const char* at) : path(at) {}

  std::string path;
  Existing existing = Existing::Replaced;
};

/// A file that gets its name in commit(), when its content is on the disk: whatever happens before,
/// a full disk, a signal or a power cut included, leaves what had the name as it was. A final path
/// that is a symbolic link is followed. Not thread-safe.
///
/// Until then the file has no name at all, where the file system can do that, so that nothing is
/// left even of a process that is killed. Else it has a name of its own in the same folder, holds a
/// lock on it, and whoever writes there next removes what nobody holds.
class PendingFile {
 public:
  /// Whether others must open the file before it is committed.
  enum class Temporary {
    Nameless,  ///< where the file system can
    Named,     ///< for libraries and processes that open by name
  };

  explicit PendingFile(OutputPath path);
  ~PendingFile();
  PendingFile(const PendingFile&) = delete;
  PendingFile& operator=(const PendingFile&) = delete;

  /// Creates the temporary file, empty. OutputFailed names the final path and the reason: a folder
  /// that is missing or read-only, a final path that is no regular file, or exists and is kept.
  Status create(Temporary kind = Temporary::Named);

  /// Adds `content` to the end of the temporary file, which create() made.
  Status write(std::string_view content);

  /// Writes `content` at a place in the temporary file, behind what is there or over it.
  Status writeAt(std::uint64_t offset, std::string_view content);

  /// Sets disk space for `bytes` of the temporary file aside, so that a full disk is told before
  /// anything is written. OutputFailed where there is not as much; a file system that cannot set
  /// space aside is no error.
  Status reserve(std::uint64_t bytes);

  const std::string& path() const { return path_; }
  /// Where the temporary file is, if it was created as Temporary::Named; else "".
  std::string temporaryPath() const;

  /// Flushes the temporary file to the disk, gives it its final name and flushes the folder. The
  /// permissions of a file that is replaced are kept. OutputFailed as for create().
  Status commit();

 private:
  Status createNamed(unsigned mode);
  Status finishContent();
  Status takeName();
  Status takeNameFromNothing();
  Error failure(const std::string& what, int code) const;
  Error exists() const;

  std::string path_;
  Existing existing_;
  std::string folderPath_;
  std::string name_;           ///< of the final path in its folder
  std::string temporaryName_;  ///< in the folder; empty while the file has none
  Descriptor folder_;
  Descriptor file_;
};

/// Writes `content` through a PendingFile. OutputFailed names the path and the system's reason.
Status writeFile(const OutputPath& path, std::string_view content);

}  // namespace quantoscope
