// Parts of files in memory, safe against files that shrink meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/base/file_identity.h"
#include "core/base/result.h"

namespace quantoscope {

/// A part of a file, mapped for reading. Reading beyond the end of a file that has been truncated
/// since would normally end the process (SIGBUS); here it reads zeros, and intact() tells. The
/// first mapping installs a handler of that signal, which passes on whatever is not about a
/// mapping. Immutable; thread-safe.
class FileMapping {
 public:
  /// Maps `bytes` bytes at `offset` of a regular file that is still in the state `expected`.
  /// UnreadableFile: not there, another file by now, or too short. Errors, those of intact() too,
  /// begin with the path and, where there is one, `part`, the name of what lies there.
  static Result<std::shared_ptr<const FileMapping>> map(const std::string& path,
                                                        const FileIdentity& expected,
                                                        std::uint64_t offset, std::uint64_t bytes,
                                                        const std::string& part = {});
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
  /// UnreadableFile error: changed (truncated, too) or a device that fails. To be asked after
  /// reading.
  Status intact() const;

 private:
  FileMapping() = default;

  std::string subject_;
  FileIdentity identity_;
  int descriptor_ = -1;
  std::size_t slot_ = 0;
  void* mapped_ = nullptr;  ///< whole pages
  std::size_t mappedBytes_ = 0;
  const std::byte* data_ = nullptr;
};

}  // namespace quantoscope
