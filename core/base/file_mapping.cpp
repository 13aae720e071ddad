#include "core/base/file_mapping.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <optional>
#include <sys/mman.h>
#include <system_error>
#include <unistd.h>

#include "core/base/bus_guard.h"

namespace quantoscope {

namespace {

Error unreadable(const std::string& subject, const std::string& why) {
  return {ErrorCode::UnreadableFile, subject + ": " + why};
}

std::string reasonOf(int number) {
  return std::generic_category().message(number);
}

}  // namespace

Result<std::shared_ptr<const FileMapping>> FileMapping::map(const std::string& path,
                                                            const FileIdentity& expected,
                                                            std::uint64_t offset,
                                                            std::uint64_t bytes,
                                                            const std::string& part) {
  const std::shared_ptr<FileMapping> mapping(new FileMapping);
  const std::string subject = part.empty() ? path : path + ": " + part;
  mapping->subject_ = subject;
  mapping->identity_ = expected;
  // Without waiting for a writer, should the path lead to a pipe by now.
  mapping->descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (mapping->descriptor_ < 0) return unreadable(subject, reasonOf(errno));
  const auto identity = identityOf(mapping->descriptor_, path);
  if (!identity || *identity != expected) return changedWhileInUse(subject);
  if (bytes == 0 || offset > expected.bytes || bytes > expected.bytes - offset) {
    return unreadable(subject, "is too short for what it claims to hold");
  }
  const auto pageBytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const std::uint64_t before = offset % pageBytes;
  mapping->mappedBytes_ = (before + bytes + pageBytes - 1) / pageBytes * pageBytes;
  void* mapped = mmap(nullptr, mapping->mappedBytes_, PROT_READ, MAP_SHARED, mapping->descriptor_,
                      static_cast<off_t>(offset - before));
  if (mapped == MAP_FAILED) return unreadable(subject, "cannot be mapped: " + reasonOf(errno));
  const std::optional<std::size_t> slot = bus_guard::add(mapped, mapping->mappedBytes_);
  if (!slot) {
    munmap(mapped, mapping->mappedBytes_);
    return unreadable(
        subject, "too many tensors are open: allowed are " + std::to_string(bus_guard::kRegions));
  }
  mapping->mapped_ = mapped;
  mapping->slot_ = *slot;
  mapping->data_ = static_cast<const std::byte*>(mapped) + before;
  return std::shared_ptr<const FileMapping>(mapping);
}

FileMapping::~FileMapping() {
  if (mapped_) {
    bus_guard::remove(slot_);
    munmap(mapped_, mappedBytes_);
  }
  if (descriptor_ >= 0) close(descriptor_);
}

void FileMapping::forget(std::uint64_t first, std::uint64_t bytes) const {
  const auto pageBytes = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  const auto before = static_cast<std::uint64_t>(data_ - static_cast<const std::byte*>(mapped_));
  const std::uint64_t begin = first == 0 ? 0 : (before + first + pageBytes - 1) / pageBytes;
  const std::uint64_t end =
      std::min(before + first + bytes, std::uint64_t{mappedBytes_}) / pageBytes;
  if (begin >= end) return;
  madvise(static_cast<std::byte*>(mapped_) + begin * pageBytes, (end - begin) * pageBytes,
          MADV_DONTNEED);
}

Status FileMapping::intact() const {
  const auto now = identityOf(descriptor_, subject_);
  if (!now || *now != identity_) return changedWhileInUse(subject_);
  if (bus_guard::isDamaged(slot_)) return unreadable(subject_, "its data can no longer be read");
  return ok();
}

}  // namespace quantoscope
