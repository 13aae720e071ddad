// Which state of which file was read.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// Which state of which file a path led to at one moment. Whoever changes the file's contents, or
/// puts another file in its place, changes this: a time of modification can be set back, the one
/// of the last change of its entry cannot. It also changes where the file is only renamed, linked
/// or given other permissions.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t modifiedNs = 0;  ///< time of the last change of its contents, since 1970
  std::int64_t changedNs = 0;   ///< the same of contents, name, owner or permissions

  bool operator==(const FileIdentity&) const = default;
};

/// UnreadableFile names the path; only regular files have an identity.
Result<FileIdentity> identityOf(const std::string& path);

/// The same of an open file; `path` is for the error.
Result<FileIdentity> identityOf(int descriptor, const std::string& path);

/// The same before a file is read for the first time. The clock of file times ticks slowly (every 1
/// to 10 ms), so that two changes within one tick cannot be told apart; where the last change was
/// only just now, this waits for the tick to pass, at most 50 ms.
Result<FileIdentity> settledIdentityOf(const std::string& path);

/// The error for a file that is no longer what it was: UnreadableFile, "SUBJECT: was changed while
/// it was in use; open it again". `subject` names the file and, where there is one, the tensor.
Error changedWhileInUse(const std::string& subject);

/// ok() while `path` still leads to the file in this state; else changedWhileInUse(subject).
Status checkUnchanged(const std::string& path, const FileIdentity& expected,
                      const std::string& subject);

}  // namespace quantoscope
