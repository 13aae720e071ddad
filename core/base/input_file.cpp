#include "core/base/input_file.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace quantoscope {

namespace {

Error unreadable(const std::string& path, const std::string& why) {
  return {ErrorCode::UnreadableFile, path + ": " + why};
}

/// Why a file of this kind is not read; nullptr for a regular one.
const char* refusalOf(mode_t mode) {
  if (S_ISREG(mode)) return nullptr;
  if (S_ISDIR(mode)) return "a directory, not a file";
  if (S_ISFIFO(mode)) return "not a regular file but a named pipe";
  if (S_ISSOCK(mode)) return "not a regular file but a socket";
  return "not a regular file but a device";
}

Error systemError(const std::string& path) {
  return unreadable(path,
                    errno == ENOENT ? "no such file" : std::generic_category().message(errno));
}

}  // namespace

Result<Descriptor> openRegularFile(const std::string& path) {
  if (path.find('\0') != std::string::npos) {
    return unreadable(path, "a path with a zero byte; allowed are paths without");
  }
  // Asked before it is opened, since opening a device may do something; and asked of what was
  // opened, since another file may lie there by now.
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return systemError(path);
  if (const char* why = refusalOf(status.st_mode)) return unreadable(path, why);
  // Without O_NONBLOCK, opening a pipe would wait for a writer.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!file || ::fstat(file.get(), &status) != 0) return systemError(path);
  if (const char* why = refusalOf(status.st_mode)) return unreadable(path, why);
  return file;
}

Result<std::string> readWholeFile(const std::string& path, std::uint64_t most) {
  auto file = openRegularFile(path);
  if (!file) return file.error();
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  std::string text;
  while (true) {
    const std::size_t before = text.size();
    // One byte more than allowed tells a file that is too large, even one that grows meanwhile.
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(kBlock, most + 1 - before));
    text.resize(before + room);
    ssize_t got = -1;
    do {
      got = ::read(file->get(), text.data() + before, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return systemError(path);
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0) return text;
    if (text.size() > most) {
      return unreadable(path, "too large; allowed are at most " + std::to_string(most) + " bytes");
    }
  }
}

}  // namespace quantoscope
