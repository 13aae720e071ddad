#include "core/base/folder_output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <optional>
#include <set>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/input_file.h"
#include "core/base/temporary_name.h"
#include "core/base/text.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kMostListBytes = std::uint64_t{16} << 20;
constexpr unsigned kAnybody = 0777;  // less the umask
constexpr unsigned kPermissions = 0777;

/// The names in an opened folder; nothing where it cannot be read.
std::optional<std::vector<std::string>> namesIn(int folder) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(copy < 0 ? nullptr : ::fdopendir(copy),
                                                 ::closedir);
  if (!list) {
    if (copy >= 0) ::close(copy);
    return std::nullopt;
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(list.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  return names;
}

/// Removes a folder and the files in it; a folder in it stops that.
void removeFlat(int parent, const std::string& name, int folder) {
  for (const std::string& file : namesIn(folder).value_or(std::vector<std::string>())) {
    ::unlinkat(folder, file.c_str(), 0);
  }
  ::unlinkat(parent, name.c_str(), AT_REMOVEDIR);
}

Descriptor openFolder(int parent, const std::string& name) {
  return Descriptor(
      ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/// Removes what processes of this user left that were killed while they wrote.
void removeStale(int parent) {
  for (const std::string& name : namesIn(parent).value_or(std::vector<std::string>())) {
    if (!isTemporaryName(name)) continue;
    const Descriptor folder = openFolder(parent, name);
    struct stat status = {};
    if (!folder || ::fstat(folder.get(), &status) != 0 || status.st_uid != ::geteuid()) continue;
    if (::flock(folder.get(), LOCK_EX | LOCK_NB) == 0) removeFlat(parent, name, folder.get());
  }
}

/// The first thing in a folder that its own list does not name; nothing where all are listed, or
/// there is none.
std::optional<std::string> strangerIn(int folder, const std::string& path) {
  const auto names = namesIn(folder);
  if (!names) return "what cannot be listed";
  if (names->empty()) return std::nullopt;
  const auto text = readWholeFile(path + "/" + kFolderList, kMostListBytes);
  std::set<std::string> listed;
  if (text) {
    for (std::size_t begin = 0; begin < text->size();) {
      const std::size_t end = std::min(text->find('\n', begin), text->size());
      listed.insert(text->substr(begin, end - begin));
      begin = end + 1;
    }
  }
  for (const std::string& name : *names) {
    struct stat status = {};
    const bool isFile = ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                        S_ISREG(status.st_mode);
    if (!isFile || !listed.contains(name)) return name;
  }
  return std::nullopt;
}

}  // namespace

PendingFolder::PendingFolder(OutputPath path) : path_(path.path), existing_(path.existing) {
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
  const std::size_t slash = path_.rfind('/');
  parentPath_ = slash == std::string::npos ? "./" : path_.substr(0, slash + 1);
  name_ = slash == std::string::npos ? path_ : path_.substr(slash + 1);
}

PendingFolder::~PendingFolder() {
  if (!temporaryName_.empty()) removeFlat(parent_.get(), temporaryName_, folder_.get());
}

Error PendingFolder::failure(const std::string& what, int code) const {
  return {ErrorCode::OutputFailed, path_ + ": " + what + ": " + std::strerror(code)};
}

std::string PendingFolder::temporaryPath() const {
  return temporaryName_.empty() ? "" : parentPath_ + temporaryName_;
}

Status PendingFolder::create() {
  if (name_.empty() || name_ == "." || name_ == "..") {
    return Error{ErrorCode::OutputFailed, path_ + ": cannot be replaced; allowed is a new folder"};
  }
  parent_ = Descriptor(::open(parentPath_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent_) return failure("cannot be created", errno);
  struct stat there = {};
  unsigned mode = kAnybody;
  if (::fstatat(parent_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISDIR(there.st_mode)) {
      return Error{ErrorCode::OutputFailed, path_ + ": is not a folder; it cannot be replaced"};
    }
    if (existing_ == Existing::Kept) {
      return Error{ErrorCode::OutputFailed, path_ + ": already exists; it was left as it is"};
    }
    const Descriptor old = openFolder(parent_.get(), name_);
    if (!old) return failure("cannot be replaced", errno);
    if (const auto stranger = strangerIn(old.get(), path_)) {
      return Error{ErrorCode::OutputFailed, path_ + ": holds " + *stranger +
                                                ", which no export wrote; it cannot be replaced"};
    }
    mode = there.st_mode & kPermissions;
  } else if (errno != ENOENT) {
    return failure("cannot be created", errno);
  }
  removeStale(parent_.get());
  std::string name = newTemporaryName();
  if (::mkdirat(parent_.get(), name.c_str(), mode) != 0) {
    return failure("cannot be created", errno);
  }
  temporaryName_ = std::move(name);
  folder_ = openFolder(parent_.get(), temporaryName_);
  if (!folder_) return failure("cannot be created", errno);
  ::flock(folder_.get(), LOCK_EX | LOCK_NB);  // a file system without locks has no stale ones
  return ok();
}

Status PendingFolder::takeName() {
  const int parent = parent_.get();
  const char* from = temporaryName_.c_str();
  if (::renameat2(parent, from, parent, name_.c_str(), RENAME_NOREPLACE) == 0) {
    temporaryName_.clear();
    return ok();
  }
  int code = errno;
  // A folder never replaces one that holds anything, so the plain call is as good here.
  if ((code == EINVAL || code == ENOSYS) && ::renameat(parent, from, parent, name_.c_str()) == 0) {
    temporaryName_.clear();
    return ok();
  }
  if (code == EINVAL || code == ENOSYS) code = errno;
  if (code != EEXIST && code != ENOTEMPTY)
    return failure("naming the finished folder failed", code);
  if (existing_ == Existing::Kept) {
    return Error{ErrorCode::OutputFailed, path_ + ": already exists; it was left as it is"};
  }
  const Descriptor old = openFolder(parent, name_);
  if (!old) return failure("cannot be replaced", errno);
  if (const auto stranger = strangerIn(old.get(), path_)) {
    return Error{ErrorCode::OutputFailed,
                 path_ + ": holds " + *stranger + ", which no export wrote; it cannot be replaced"};
  }
  if (::renameat2(parent, from, parent, name_.c_str(), RENAME_EXCHANGE) != 0) {
    return failure("this file system cannot exchange folders; remove the old one first", errno);
  }
  ::fsync(parent);
  removeFlat(parent, temporaryName_, old.get());
  temporaryName_.clear();
  return ok();
}

Status PendingFolder::commit(const std::vector<std::string>& names) {
  std::vector<std::string> listed = names;
  listed.emplace_back(kFolderList);
  std::sort(listed.begin(), listed.end());
  if (auto status = writeFile(pathOf(kFolderList), join(listed, "\n") + "\n"); !status) {
    return failure("writing failed", EIO);
  }
  if (::fsync(folder_.get()) != 0 && errno != EINVAL) {
    return failure("flushing to disk failed", errno);
  }
  if (auto status = takeName(); !status) return status;
  if (::fsync(parent_.get()) != 0 && errno != EINVAL) {
    return failure("flushing its folder to disk failed", errno);
  }
  return ok();
}

}  // namespace quantoscope
