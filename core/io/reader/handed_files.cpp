#include "core/io/reader/handed_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <system_error>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/stored_file.h"

namespace quantoscope {

namespace {

namespace fs = std::filesystem;

/// Without O_NONBLOCK, opening a pipe would wait for a writer.
constexpr int kReading = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

Error unreadable(const std::string& path, const std::string& why) {
  return {ErrorCode::UnreadableFile, path + ": " + why};
}

Error cannotOpen(const std::string& path, int number) {
  if (number == ENOENT) return unreadable(path, "no such file");
  return unreadable(path, std::generic_category().message(number));
}

/// A path in which no part is a link any more; should one have become a link since, it fails.
Descriptor openWithoutLinks(const std::string& path) {
  open_how how = {};
  how.flags = kReading;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const long file = syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof(how));
  if (file >= 0 || errno != ENOSYS) return Descriptor(static_cast<int>(file));
  return Descriptor(open(path.c_str(), kReading | O_NOFOLLOW));  // before Linux 5.6
}

bool isBelow(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first ==
         folder.end();
}

}  // namespace

std::string HandedFiles::pathBeside(const std::string& name) const {
  return fs::path(path_).replace_filename(name).string();
}

Result<Descriptor> HandedFiles::model() {
  Descriptor file(open(path_.c_str(), kReading));
  if (!file) return cannotOpen(path_, errno);
  return handed(std::move(file), path_);
}

Result<Descriptor> HandedFiles::beside(const std::string& name) {
  const std::string path = pathBeside(name);
  if (!isPlainName(name)) return unreadable(path, "no plain file name");
  const auto state = settledIdentityOf(path);
  Descriptor file(open(path.c_str(), kReading | O_NOFOLLOW));
  if (!file && errno == ELOOP) {
    auto linked = openLinked(path);
    if (!linked) return linked.error();
    file = *std::move(linked);
  }
  if (!file) return cannotOpen(path, errno);
  auto result = handed(std::move(file), path);
  if (!result) return result;
  const auto opened = identityOf(result->get(), path);
  if (!state || !opened || *state != *opened) return changedWhileInUse(path);
  given_.insert_or_assign(name, *opened);
  return result;
}

Result<Descriptor> HandedFiles::openLinked(const std::string& path) const {
  std::error_code code;
  const fs::path target = fs::canonical(path, code);
  if (code.value() == ENOENT) {
    return unreadable(
        path, "a link to " + fs::read_symlink(path, code).string() + ", where there is no file");
  }
  if (code) return cannotOpen(path, code.value());
  const std::array folders = {fs::canonical(fs::absolute(path_).parent_path(), code),
                              fs::canonical(path_, code).parent_path()};
  const bool inside = std::any_of(folders.begin(), folders.end(), [&](const fs::path& folder) {
    return !folder.empty() && isBelow(target, folder);
  });
  if (!inside) {
    return unreadable(path, std::string(kLeadsOut) + ", to " + target.string());
  }
  Descriptor file = openWithoutLinks(target.string());
  if (!file) return cannotOpen(path, errno);
  return file;
}

Result<Descriptor> HandedFiles::handed(Descriptor file, const std::string& path) {
  struct stat status = {};
  if (fstat(file.get(), &status) != 0) return cannotOpen(path, errno);
  if (S_ISDIR(status.st_mode)) return unreadable(path, "a directory, not a file");
  if (!S_ISREG(status.st_mode)) return unreadable(path, "not a regular file");
  bytes_ = checkedSum(bytes_, static_cast<std::uint64_t>(status.st_size)).value_or(UINT64_MAX);
  return file;
}

}  // namespace quantoscope
