// A library to be preloaded into a program: it tells what the program does to files, so that a test
// can say what a power cut at any moment would leave.
//
// POWER_CUT_LOG names the file to which lines are added, numbers being inodes:
//   W FILE            its content changed (written, cut, emptied)
//   S FILE            its content was flushed to the disk
//   L FOLDER FILE NAME        the name is the file's from now on (created, linked)
//   R FOLDER FILE OLD NAME    the file's name changed
//   U FOLDER NAME     the name is gone
//   D FOLDER          the folder was flushed to the disk
// With POWER_CUT_FORGETS=1 flushes are left out: what a program looks like that forgets them.
//
// It sees the calls of the C library that the programs and HDF5 make, no memory that is mapped for
// writing, and it takes the system at its word: a disk that lies about flushing is not simulated.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

int g_log = -1;
bool g_forgets = false;

__attribute__((constructor)) void begin() {
  const char* path = std::getenv("POWER_CUT_LOG");
  if (path == nullptr) return;
  g_log = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  g_forgets = std::getenv("POWER_CUT_FORGETS") != nullptr;
}

template <typename... Values>
void tell(const char* format, Values... values) {
  if (g_log < 0) return;
  const int kept = errno;
  char line[1024];
  const int length = std::snprintf(line, sizeof(line), format, values...);
  if (length > 0) syscall(SYS_write, g_log, line, static_cast<std::size_t>(length));
  errno = kept;
}

struct stat statusOf(int file) {
  const int kept = errno;
  struct stat status = {};
  fstat(file, &status);
  errno = kept;
  return status;
}

unsigned long inodeAt(int folder, const char* path, int flags) {
  const int kept = errno;
  struct stat status = {};
  const bool there = fstatat(folder, path, &status, flags) == 0;
  errno = kept;
  return there ? status.st_ino : 0;
}

/// The inode of the folder that a path leads into, and the name in it.
unsigned long folderOf(int folder, const char* path, const char*& name) {
  const char* slash = std::strrchr(path, '/');
  name = slash == nullptr ? path : slash + 1;
  if (slash == nullptr) {
    return folder == AT_FDCWD ? inodeAt(AT_FDCWD, ".", 0) : statusOf(folder).st_ino;
  }
  char before[4096] = {};
  const auto length = static_cast<std::size_t>(slash - path) + 1;
  if (length >= sizeof(before)) return 0;
  std::memcpy(before, path, length);
  return inodeAt(folder, before, 0);
}

void changed(int file) {
  const struct stat status = statusOf(file);
  if (file != g_log && S_ISREG(status.st_mode)) tell("W %lu\n", status.st_ino);
}

void flushed(int file) {
  if (g_forgets) return;
  const struct stat status = statusOf(file);
  if (S_ISREG(status.st_mode)) tell("S %lu\n", status.st_ino);
  if (S_ISDIR(status.st_mode)) tell("D %lu\n", status.st_ino);
}

int openedAt(int folder, const char* path, int flags, mode_t mode) {
  const bool was = inodeAt(folder, path, 0) != 0;
  const int file = static_cast<int>(syscall(SYS_openat, folder, path, flags, mode));
  if (file < 0 || g_log < 0) return file;
  const struct stat status = statusOf(file);
  const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
  if (!S_ISREG(status.st_mode) || (flags & O_ACCMODE) == O_RDONLY) return file;
  if ((flags & O_CREAT) != 0 && !nameless && !was) {
    const char* name = nullptr;
    const unsigned long in = folderOf(folder, path, name);
    tell("L %lu %lu %s\n", in, status.st_ino, name);
  }
  if ((flags & O_TRUNC) != 0) tell("W %lu\n", status.st_ino);
  return file;
}

int renamedAt(int from, const char* old, int to, const char* path, unsigned flags) {
  const unsigned long file = inodeAt(from, old, AT_SYMLINK_NOFOLLOW);
  const auto result = static_cast<int>(syscall(SYS_renameat2, from, old, to, path, flags));
  if (result != 0) return result;
  const char* oldName = nullptr;
  const char* name = nullptr;
  folderOf(from, old, oldName);
  const unsigned long in = folderOf(to, path, name);
  tell("R %lu %lu %s %s\n", in, file, oldName, name);
  return result;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return openedAt(AT_FDCWD, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return openedAt(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return openedAt(folder, path, flags, mode);
}

int openat64(int folder, const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  return openedAt(folder, path, flags | O_LARGEFILE, mode);
}

ssize_t write(int file, const void* bytes, size_t count) {
  const ssize_t done = syscall(SYS_write, file, bytes, count);
  if (done > 0) changed(file);
  return done;
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t at) {
  const ssize_t done = syscall(SYS_pwrite64, file, bytes, count, at);
  if (done > 0) changed(file);
  return done;
}

ssize_t pwrite64(int file, const void* bytes, size_t count, off64_t at) {
  const ssize_t done = syscall(SYS_pwrite64, file, bytes, count, at);
  if (done > 0) changed(file);
  return done;
}

int ftruncate(int file, off_t size) noexcept {
  const int result = static_cast<int>(syscall(SYS_ftruncate, file, size));
  if (result == 0) changed(file);
  return result;
}

int ftruncate64(int file, off64_t size) noexcept {
  const int result = static_cast<int>(syscall(SYS_ftruncate, file, size));
  if (result == 0) changed(file);
  return result;
}

int fsync(int file) {
  const int result = static_cast<int>(syscall(SYS_fsync, file));
  if (result == 0) flushed(file);
  return result;
}

int fdatasync(int file) {
  const int result = static_cast<int>(syscall(SYS_fdatasync, file));
  if (result == 0) flushed(file);
  return result;
}

int linkat(int from, const char* old, int to, const char* path, int flags) noexcept {
  const auto result = static_cast<int>(syscall(SYS_linkat, from, old, to, path, flags));
  if (result != 0) return result;
  const char* name = nullptr;
  const unsigned long in = folderOf(to, path, name);
  tell("L %lu %lu %s\n", in, inodeAt(to, path, AT_SYMLINK_NOFOLLOW), name);
  return result;
}

int rename(const char* old, const char* path) noexcept {
  return renamedAt(AT_FDCWD, old, AT_FDCWD, path, 0);
}

int renameat(int from, const char* old, int to, const char* path) noexcept {
  return renamedAt(from, old, to, path, 0);
}

int renameat2(int from, const char* old, int to, const char* path, unsigned flags) noexcept {
  return renamedAt(from, old, to, path, flags);
}

int unlinkat(int folder, const char* path, int flags) noexcept {
  const auto result = static_cast<int>(syscall(SYS_unlinkat, folder, path, flags));
  if (result != 0) return result;
  const char* name = nullptr;
  const unsigned long in = folderOf(folder, path, name);
  tell("U %lu %s\n", in, name);
  return result;
}

int unlink(const char* path) noexcept {
  return unlinkat(AT_FDCWD, path, 0);
}
}
