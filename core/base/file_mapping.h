// Parts of files in memory, safe against files that shrink meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// Which state of which file a path led to at one moment.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t bytes = 0;
  std::int64_t changedNs = 0;  ///< time of the last change of its contents, since 1970

  bool operator==(const FileIdentity&) const = default;
};

/// UnreadableFile names the path; only regular files have an identity.
Result<FileIdentity> identityOf(const std::string& path);

/// A part of a file, mapped for reading. Reading beyond the end of a file that has been truncated
/// since would normally end the process (SIGBUS); here it reads zeros, and intact() tells. The
/// first mapping installs a handler of that signal, which passes on whatever is not about a
/// mapping. Immutable; thread-safe.
class FileMapping {
 public:
  /// Maps `bytes` bytes at `offset` of a regular file that is still in the state `expected`.
  /// UnreadableFile names the file: not there, another file by now, or too short.
  static Result<std::shared_ptr<const FileMapping>> map(const std::string& path,
                                                        const FileIdentity& expected,
                                                        std::uint64_t offset, std::uint64_t bytes);
  ~FileMapping();
  FileMapping(const FileMapping&) = delete;
  FileMapping& operator=(const FileMapping&) = delete;

  const std::byte* data() const { return data_; }

  /// Takes the first `bytes` bytes out of this process' memory, once they have been read and used;
  /// whoever reads them again gets them from the file again. A hint: nothing else changes.
  void forgetFirst(std::uint64_t bytes) const { forget(0, bytes); }
  /// The same of a part, but for the pages at its ends that it shares with others.
  void forget(std::uint64_t first, std::uint64_t bytes) const;

  /// Whether all that has been read so far was the file as it was when it was mapped; else an
  /// UnreadableFile error: truncated, changed, or a device that fails. To be asked after reading.
  Status intact() const;

 private:
  FileMapping() = default;

  std::string path_;
  FileIdentity identity_;
  int descriptor_ = -1;
  std::size_t slot_ = 0;
  void* mapped_ = nullptr;  ///< whole pages
  std::size_t mappedBytes_ = 0;
  const std::byte* data_ = nullptr;
};

}  // namespace quantoscope
