// The files behind a source: in which state they were opened, and what proves that they are whole.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/file_identity.h"
#include "core/base/sha256.h"
#include "core/io/container/stored_file.h"
#include "core/io/tensor_source.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// The opened file and those that it names, each as it was opened. Thread-safe.
class SourceFiles {
 public:
  /// `identity` is that of the file at `path`; `contents` tells the others, beside it.
  SourceFiles(const std::string& path, const FileIdentity& identity, const StoredFile& contents);

  /// The opened file first.
  std::vector<std::string> paths() const;

  /// As it was opened; null for a file that is none of these, or was missing.
  const FileIdentity* identityOf(const std::string& path) const;

  /// ok() while the opened file and the one that an array lies in (StoredArray::part) are as they
  /// were opened; else changedWhileInUse(), which names file and array.
  Status checkPart(std::uint64_t part, const std::string& array) const;

  /// See TensorSource.
  Status intact() const;
  Result<SourceDigest> digest(const CancelToken& cancel) const;
  Integrity integrity() const;
  std::uint64_t bytesToVerify() const;
  Status verify(const TaskControl& control) const;

 private:
  struct File {
    std::string path;
    std::optional<FileIdentity> identity;  ///< nothing where it is missing
  };

  Status checkFile(const File& file, const std::string& subject) const;
  Status compare(const StoredCheck& check, std::uint64_t done, const TaskControl& control) const;
  Status compareAll(const TaskControl& control) const;

  std::vector<File> files_;
  std::vector<StoredCheck> checks_;
  mutable std::mutex verifying_;
  mutable std::atomic<Integrity> integrity_;
  mutable std::optional<Error> damage_;
};

}  // namespace quantoscope
