// Folders that appear whole or not at all.
#pragma once

#include <string>
#include <vector>

#include "core/base/descriptor.h"
#include "core/base/file_output.h"
#include "core/base/result.h"

namespace quantoscope {

/// A folder of files that gets its name in commit(). Until then it has a hidden name beside the
/// final one and a lock; what a killed process left is removed by whoever writes there next.
/// Not thread-safe.
///
/// A folder that is there already is replaced as one step, where `existing` allows it, and only if
/// all that it holds are files that its own list names (kFolderList): a folder with anything of
/// somebody else's is never touched.
class PendingFolder {
 public:
  explicit PendingFolder(OutputPath path);
  ~PendingFolder();
  PendingFolder(const PendingFolder&) = delete;
  PendingFolder& operator=(const PendingFolder&) = delete;

  /// Creates the temporary folder, empty. OutputFailed names the final path and the reason.
  Status create();

  const std::string& path() const { return path_; }
  std::string temporaryPath() const;
  /// Where the file of this name is written: by a PendingFile, which is to be committed.
  std::string pathOf(const std::string& name) const { return temporaryPath() + "/" + name; }

  /// Writes the list of `names`, then gives the folder its name and flushes the folder that holds
  /// it. OutputFailed as for create().
  Status commit(const std::vector<std::string>& names);

 private:
  Status takeName();
  Error failure(const std::string& what, int code) const;

  std::string path_;  ///< without a slash at its end
  Existing existing_;
  std::string parentPath_;  ///< with a slash at its end
  std::string name_;
  std::string temporaryName_;  ///< empty while there is none
  Descriptor parent_;
  Descriptor folder_;
};

/// The file in a folder that lists what an export wrote there, a name a line, itself included.
inline constexpr const char* kFolderList = ".quantoscope-files";

}  // namespace quantoscope
