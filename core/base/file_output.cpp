#include "core/base/file_output.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace quantoscope {

namespace {

Error failure(const std::string& path, const std::string& what, int code) {
  return {ErrorCode::OutputFailed, path + ": " + what + ": " + std::strerror(code)};
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd_(::open(path.c_str(), flags, 0666)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status writeAll(const Descriptor& file, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const ssize_t written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return failure(path, "writing failed", errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

/// Where a symbolic link leads; the path itself where it is none.
std::string resolved(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_symlink(path, ignored)) return path;
  const auto target = std::filesystem::weakly_canonical(path, ignored);
  return ignored ? path : target.string();
}

}  // namespace

PendingFile::PendingFile(std::string path)
    : path_(resolved(path)), temporary_(path_ + ".part" + std::to_string(::getpid())) {
  // A limit on the size of files is then an error like a full disk, not the end of the process.
  static const auto ignored = ::signal(SIGXFSZ, SIG_IGN);
  (void)ignored;
}

Status PendingFile::create() {
  std::error_code ignored;
  if (std::filesystem::exists(path_, ignored) &&
      !std::filesystem::is_regular_file(path_, ignored)) {
    return Error{ErrorCode::OutputFailed, path_ + ": is not a regular file; it cannot be replaced"};
  }
  const Descriptor file(temporary_, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (file.get() < 0) return failure(path_, "cannot be created", errno);
  return ok();
}

PendingFile::~PendingFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

Status PendingFile::write(std::string_view content) {
  const Descriptor file(temporary_, O_WRONLY | O_CLOEXEC);
  if (file.get() < 0) return failure(path_, "cannot be created", errno);
  return writeAll(file, path_, content);
}

Status PendingFile::reserve(std::uint64_t bytes) {
  const Descriptor file(temporary_, O_WRONLY | O_CLOEXEC);
  if (file.get() < 0) return failure(path_, "cannot be written", errno);
  // Space behind the end of a file may be set aside past the user's limit on its size.
  rlimit limit;
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && bytes > limit.rlim_cur) {
    return failure(path_, "writing failed", EFBIG);
  }
  if (::fallocate(file.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(bytes)) == 0) return ok();
  const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG;
  return full ? Status(failure(path_, "writing failed", errno)) : ok();
}

Status PendingFile::commit() {
  {
    const Descriptor file(temporary_, O_RDWR | O_CLOEXEC);
    struct stat status;
    // Cutting the file at its own end gives back what was reserved behind it.
    if (file.get() < 0 || ::fstat(file.get(), &status) != 0 ||
        ::ftruncate(file.get(), status.st_size) != 0 || ::fsync(file.get()) != 0) {
      return failure(path_, "flushing to disk failed", errno);
    }
  }
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return failure(path_, "renaming the finished file failed", errno);
  }
  committed_ = true;
  return ok();
}

Status writeFile(const std::string& path, std::string_view content) {
  PendingFile pending(path);
  if (auto status = pending.create(); !status) return status;
  if (auto status = pending.write(content); !status) return status;
  return pending.commit();
}

}  // namespace quantoscope
