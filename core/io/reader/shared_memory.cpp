#include "core/io/reader/shared_memory.h"

#include <cerrno>
#include <fcntl.h>
#include <string>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include "core/base/text.h"

namespace quantoscope {

namespace {

std::uint64_t machineBytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Error noMemory(std::uint64_t bytes, const std::string& why) {
  return {ErrorCode::UnreadableFile, "not enough memory to read it: it takes " +
                                         formatBytes(static_cast<double>(bytes)) + " (" + why +
                                         ")"};
}

std::byte* mapAll(int descriptor, std::uint64_t bytes) {
  void* mapped = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  return mapped == MAP_FAILED ? nullptr : static_cast<std::byte*>(mapped);
}

}  // namespace

Result<std::shared_ptr<SharedMemory>> SharedMemory::create(std::uint64_t bytes) {
  // The memory is only taken as it is filled, so a claim beyond all there is must be told here.
  if (bytes > machineBytes()) {
    return noMemory(bytes, "the machine has " + formatBytes(static_cast<double>(machineBytes())));
  }
  Descriptor descriptor(memfd_create("quantoscope", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto failed = [bytes] { return noMemory(bytes, std::generic_category().message(errno)); };
  if (!descriptor || ftruncate(descriptor.get(), static_cast<off_t>(bytes)) != 0) return failed();
  if (fcntl(descriptor.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
    return failed();
  }
  std::byte* data = mapAll(descriptor.get(), bytes);
  if (!data) return failed();
  return std::shared_ptr<SharedMemory>(new SharedMemory(std::move(descriptor), data, bytes));
}

std::shared_ptr<SharedMemory> SharedMemory::map(Descriptor descriptor) {
  struct stat status = {};
  if (!descriptor || fstat(descriptor.get(), &status) != 0 || status.st_size <= 0) return nullptr;
  const auto bytes = static_cast<std::uint64_t>(status.st_size);
  std::byte* data = mapAll(descriptor.get(), bytes);
  if (!data) return nullptr;
  return std::shared_ptr<SharedMemory>(new SharedMemory(std::move(descriptor), data, bytes));
}

bool SharedMemory::isBehind(int descriptor) const {
  struct stat own = {};
  struct stat other = {};
  return fstat(descriptor_.get(), &own) == 0 && fstat(descriptor, &other) == 0 &&
         own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

SharedMemory::~SharedMemory() {
  munmap(data_, bytes_);
}

}  // namespace quantoscope
