#include "core/base/file_output.h"

#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <optional>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/temporary_name.h"

namespace quantoscope {

namespace {

constexpr unsigned kAnybody = 0666;  // less the umask
constexpr unsigned kOwner = 0600;
constexpr unsigned kPermissions = 0777;

/// Where a symbolic link leads; the path itself where it is none.
std::string resolved(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? path : target.string();
}

std::optional<struct stat> statusAt(int folder, const std::string& name) {
  struct stat status = {};
  if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return std::nullopt;
  return status;
}

/// Whether a name still is that of an opened file.
bool isNameOf(int folder, const std::string& name, int file) {
  struct stat opened = {};
  if (::fstat(file, &opened) != 0) return false;
  const auto named = statusAt(folder, name);
  return named && named->st_dev == opened.st_dev && named->st_ino == opened.st_ino;
}

/// Of the open file, not of the process: other descriptors of ours, such as a library's, do not end
/// it when they are closed, and the file of a dead process has none.
int lock(int file) {
  struct flock whole = {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return ::fcntl(file, F_OFD_SETLK, &whole) == 0 ? 0 : errno;
}

void removeIfStale(int folder, const std::string& name) {
  const Descriptor file(
      ::openat(folder, name.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status = {};
  if (!file || ::fstat(file.get(), &status) != 0) return;
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || lock(file.get()) != 0) return;
  if (isNameOf(folder, name, file.get())) ::unlinkat(folder, name.c_str(), 0);
}

/// Removes what processes of this user left that were killed while they wrote.
void removeStale(int folder) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, int (*)(DIR*)> list(copy < 0 ? nullptr : ::fdopendir(copy),
                                                 ::closedir);
  if (!list) {
    if (copy >= 0) ::close(copy);
    return;
  }
  while (const dirent* entry = ::readdir(list.get())) {
    if (isTemporaryName(entry->d_name)) removeIfStale(folder, entry->d_name);
  }
}

/// What the system calls an opened file that has no name.
std::string pathOf(const Descriptor& file) {
  return "/proc/self/fd/" + std::to_string(file.get());
}

}  // namespace

PendingFile::PendingFile(OutputPath path) : path_(resolved(path.path)), existing_(path.existing) {
  const std::size_t slash = path_.rfind('/');
  folderPath_ = slash == std::string::npos ? "./" : path_.substr(0, slash + 1);
  name_ = slash == std::string::npos ? path_ : path_.substr(slash + 1);
  // A limit on the size of files is then an error like a full disk, not the end of the process.
  static const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  (void)ignored;
}

PendingFile::~PendingFile() {
  if (!temporaryName_.empty()) ::unlinkat(folder_.get(), temporaryName_.c_str(), 0);
}

Error PendingFile::failure(const std::string& what, int code) const {
  return {ErrorCode::OutputFailed, path_ + ": " + what + ": " + std::strerror(code)};
}

Error PendingFile::exists() const {
  return {ErrorCode::OutputFailed, path_ + ": already exists; it was left as it is"};
}

std::string PendingFile::temporaryPath() const {
  return temporaryName_.empty() ? "" : folderPath_ + temporaryName_;
}

Status PendingFile::create(Temporary kind) {
  folder_ = Descriptor(::open(folderPath_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_ && errno == EACCES) {  // one may write into a folder that one may not list
    folder_ = Descriptor(::open(folderPath_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  if (!folder_) return failure("cannot be created", errno);
  const auto there = statusAt(folder_.get(), name_.empty() ? "." : name_);
  if (!there && errno != ENOENT) return failure("cannot be created", errno);
  if (there && !S_ISREG(there->st_mode)) {
    return Error{ErrorCode::OutputFailed, path_ + ": is not a regular file; it cannot be replaced"};
  }
  if (there && existing_ == Existing::Kept) return exists();
  removeStale(folder_.get());
  // Until the permissions of what is replaced are its own, nobody else reads it.
  const unsigned mode = there ? kOwner : kAnybody;
  if (kind == Temporary::Nameless) {
    Descriptor file(::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode));
    // It gets its name through /proc.
    if (file && ::access(pathOf(file).c_str(), F_OK) == 0) {
      file_ = std::move(file);
      lock(file_.get());  // for the time when it has a temporary one
      return ok();
    }
  }
  return createNamed(mode);
}

Status PendingFile::createNamed(unsigned mode) {
  constexpr int kTries = 16;
  for (int i = 0; i < kTries; ++i) {
    temporaryName_ = newTemporaryName();
    file_ = Descriptor(::openat(folder_.get(), temporaryName_.c_str(),
                                O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
    if (!file_) {
      const int code = errno;
      temporaryName_.clear();
      if (code == EEXIST) continue;
      return failure("cannot be created", code);
    }
    const int refused = lock(file_.get());
    // Another process may have taken it for a stale one before it was locked. A file system
    // without locks has no stale ones for anybody.
    const bool taken = refused == EAGAIN || refused == EACCES;
    if (!taken && isNameOf(folder_.get(), temporaryName_, file_.get())) return ok();
    temporaryName_.clear();
  }
  return failure("cannot be created", EEXIST);
}

Status PendingFile::write(std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file_.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("writing failed", errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

Status PendingFile::writeAt(std::uint64_t offset, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written =
        ::pwrite(file_.get(), content.data(), content.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure("writing failed", errno);
    content.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return ok();
}

Status PendingFile::reserve(std::uint64_t bytes) {
  // Space behind the end of a file may be set aside past the user's limit on its size.
  rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur) {
    return failure("writing failed", EFBIG);
  }
  if (::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0) return ok();
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return full ? Status(failure("writing failed", errno)) : ok();
}

/// All that the file will be, on the disk.
Status PendingFile::finishContent() {
  struct stat status = {};
  // Cutting the file at its own end gives back what was reserved behind it.
  if (::fstat(file_.get(), &status) != 0 || ::ftruncate(file_.get(), status.st_size) != 0) {
    return failure("writing failed", errno);
  }
  if (const auto there = statusAt(folder_.get(), name_)) {
    if (!S_ISREG(there->st_mode)) return failure("cannot be replaced", EEXIST);
    if (::fchmod(file_.get(), there->st_mode & kPermissions) != 0) {
      return failure("its permissions cannot be kept", errno);
    }
  }
  if (::fsync(file_.get()) != 0) return failure("flushing to disk failed", errno);
  return ok();
}

/// For a file that has no name yet: a link, which never replaces anything.
Status PendingFile::takeNameFromNothing() {
  const std::string opened = pathOf(file_);
  const auto link = [&](const std::string& name) {
    const int failed =
        ::linkat(AT_FDCWD, opened.c_str(), folder_.get(), name.c_str(), AT_SYMLINK_FOLLOW);
    return failed == 0 ? 0 : errno;
  };
  int code = link(name_);
  if (code == 0) return ok();
  if (code != EEXIST) return failure("naming the finished file failed", code);
  if (existing_ == Existing::Kept) return exists();
  while (code == EEXIST) {
    temporaryName_ = newTemporaryName();
    code = link(temporaryName_);
  }
  if (code != 0) {
    temporaryName_.clear();
    return failure("naming the finished file failed", code);
  }
  return takeName();
}

/// For a file that has its temporary name.
Status PendingFile::takeName() {
  const char* from = temporaryName_.c_str();
  if (!isNameOf(folder_.get(), temporaryName_, file_.get())) {
    return failure("the temporary file is gone", ENOENT);
  }
  if (existing_ == Existing::Replaced) {
    if (::renameat(folder_.get(), from, folder_.get(), name_.c_str()) != 0) {
      return failure("renaming the finished file failed", errno);
    }
    temporaryName_.clear();
    return ok();
  }
  if (::renameat2(folder_.get(), from, folder_.get(), name_.c_str(), RENAME_NOREPLACE) == 0) {
    temporaryName_.clear();
    return ok();
  }
  if (errno == EEXIST) return exists();
  if (errno != EINVAL && errno != ENOSYS) {
    return failure("renaming the finished file failed", errno);
  }
  // File systems that rename in one way only may know links; the temporary one then goes with us.
  if (::linkat(folder_.get(), from, folder_.get(), name_.c_str(), 0) == 0) return ok();
  if (errno == EEXIST) return exists();
  return failure("this file system cannot name a file without replacing another", errno);
}

Status PendingFile::commit() {
  if (auto status = finishContent(); !status) return status;
  if (auto status = temporaryName_.empty() ? takeNameFromNothing() : takeName(); !status) {
    return status;
  }
  // A folder that may not be listed, and some file systems, cannot be flushed.
  if (::fsync(folder_.get()) != 0 && errno != EBADF && errno != EINVAL) {
    return failure("flushing its folder to disk failed", errno);
  }
  return ok();
}

Status writeFile(const OutputPath& path, std::string_view content) {
  PendingFile pending(path);
  if (auto status = pending.create(PendingFile::Temporary::Nameless); !status) return status;
  if (auto status = pending.write(content); !status) return status;
  return pending.commit();
}

}  // namespace quantoscope
