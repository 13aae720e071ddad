#include "core/io/container/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/base/input_file.h"

namespace quantoscope {

namespace {

Error unreadable(const std::string& why) {
  return {ErrorCode::UnreadableFile, why};
}

std::string systemMessage() {
  return std::generic_category().message(errno);
}

/// Fails where a range leaves `size` bytes.
Status within(std::uint64_t offset, std::size_t count, std::uint64_t size) {
  if (offset <= size && count <= size - offset) return ok();
  return unreadable("cut off: " + std::to_string(count) + " bytes are missing at byte " +
                    std::to_string(offset) + " of " + std::to_string(size));
}

class FileBytes : public ByteSource {
 public:
  FileBytes(std::string path, Descriptor descriptor, std::uint64_t size)
      : path_(std::move(path)), descriptor_(std::move(descriptor)), size_(size) {}

  std::uint64_t size() const override { return size_; }

  Status read(std::uint64_t offset, void* to, std::size_t count) const override {
    if (Status status = within(offset, count, size_); !status) return status;
    auto* at = static_cast<char*>(to);
    while (count > 0) {
      const ssize_t got = ::pread(descriptor_.get(), at, count, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return unreadable(systemMessage());
      if (got == 0) return unreadable("the file was cut off while it was open");
      at += got;
      offset += static_cast<std::uint64_t>(got);
      count -= static_cast<std::size_t>(got);
    }
    return ok();
  }

  std::optional<FileExtent> extent() const override { return FileExtent{path_, 0, size_}; }

 private:
  std::string path_;
  Descriptor descriptor_;
  std::uint64_t size_;
};

class MemoryBytes : public ByteSource {
 public:
  explicit MemoryBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::uint64_t size() const override { return bytes_.size(); }

  Status read(std::uint64_t offset, void* to, std::size_t count) const override {
    if (Status status = within(offset, count, bytes_.size()); !status) return status;
    if (count > 0) std::memcpy(to, bytes_.data() + offset, count);
    return ok();
  }

 private:
  std::vector<std::byte> bytes_;
};

class PartBytes : public ByteSource {
 public:
  PartBytes(SharedByteSource whole, std::uint64_t offset, std::uint64_t count)
      : whole_(std::move(whole)), offset_(offset), count_(count) {}

  std::uint64_t size() const override { return count_; }

  Status read(std::uint64_t offset, void* to, std::size_t count) const override {
    if (Status status = within(offset, count, count_); !status) return status;
    return whole_->read(offset_ + offset, to, count);
  }

  std::optional<FileExtent> extent() const override {
    std::optional<FileExtent> whole = whole_->extent();
    if (whole) *whole = {whole->file, whole->offset + offset_, count_};
    return whole;
  }

 private:
  SharedByteSource whole_;
  std::uint64_t offset_;
  std::uint64_t count_;
};

FileOpener& fileOpener() {
  static FileOpener opener = [](const std::string& path) { return openRegularFile(path); };
  return opener;
}

}  // namespace

void openFilesBy(FileOpener opener) {
  fileOpener() = std::move(opener);
}

Result<SharedByteSource> openFileBytes(const std::string& path) {
  auto file = fileOpener()(path);
  if (!file) return file.error();
  struct stat status {};
  if (::fstat(file->get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return unreadable(path + ": not a regular file");
  }
  return SharedByteSource(std::make_shared<FileBytes>(path, *std::move(file),
                                                      static_cast<std::uint64_t>(status.st_size)));
}

SharedByteSource bytesInMemory(std::vector<std::byte> bytes) {
  return std::make_shared<MemoryBytes>(std::move(bytes));
}

SharedByteSource bytesInMemory(const std::string& text) {
  std::vector<std::byte> bytes(text.size());
  std::transform(text.begin(), text.end(), bytes.begin(),
                 [](char c) { return static_cast<std::byte>(c); });
  return bytesInMemory(std::move(bytes));
}

SharedByteSource partOf(SharedByteSource whole, std::uint64_t offset, std::uint64_t count) {
  return std::make_shared<PartBytes>(std::move(whole), offset, count);
}

Result<std::string> readText(const ByteSource& source, std::uint64_t offset, std::size_t count) {
  // Asked before the memory is: a length in a damaged file may be anything.
  if (Status status = within(offset, count, source.size()); !status) return status.error();
  std::string text(count, '\0');
  if (Status status = source.read(offset, text.data(), count); !status) return status.error();
  return text;
}

Error about(const std::string& subject, const Error& error) {
  return {error.code, subject + ": " + error.message};
}

}  // namespace quantoscope
