#include "core/base/file_identity.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <sys/stat.h>
#include <system_error>
#include <thread>

namespace quantoscope {

namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;

/// Longer than the clock of file times rests: it ticks 100 to 1000 times a second.
constexpr std::int64_t kTickNs = 12'000'000;

constexpr int kMostWaits = 4;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNsPerSecond + time.tv_nsec;
}

Result<FileIdentity> identityFrom(const struct stat& status, const std::string& path) {
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::UnreadableFile, path + ": not a regular file"};
  }
  return FileIdentity{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                      nanoseconds(status.st_mtim), nanoseconds(status.st_ctim)};
}

Error systemError(const std::string& path) {
  return {ErrorCode::UnreadableFile, path + ": " + std::generic_category().message(errno)};
}

}  // namespace

Result<FileIdentity> identityOf(const std::string& path) {
  struct stat status = {};
  if (stat(path.c_str(), &status) != 0) return systemError(path);
  return identityFrom(status, path);
}

Result<FileIdentity> identityOf(int descriptor, const std::string& path) {
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) return systemError(path);
  return identityFrom(status, path);
}

Result<FileIdentity> settledIdentityOf(const std::string& path) {
  auto identity = identityOf(path);
  for (int waits = 0; identity && waits < kMostWaits; ++waits) {
    timespec now = {};
    clock_gettime(CLOCK_REALTIME, &now);
    const std::int64_t age = nanoseconds(now) - identity->changedNs;
    // A time in the future is another machine's clock, which tells nothing about this one's.
    if (age < 0 || age >= kTickNs) break;
    std::this_thread::sleep_for(std::chrono::nanoseconds(kTickNs - age));
    identity = identityOf(path);
  }
  return identity;
}

Error changedWhileInUse(const std::string& subject) {
  return {ErrorCode::UnreadableFile, subject + ": was changed while it was in use; open it again"};
}

Status checkUnchanged(const std::string& path, const FileIdentity& expected,
                      const std::string& subject) {
  const auto now = identityOf(path);
  return now && *now == expected ? ok() : Status(changedWhileInUse(subject));
}

}  // namespace quantoscope
