// Fingerprints of files and of what is written to them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/file_identity.h"
#include "core/base/result.h"

namespace quantoscope {

/// The SHA-256 of a file's bytes as 64 lower-case hexadecimal digits. Reads the file in blocks;
/// `cancelled` is asked between them (may be empty). The digest is that of one state of the file,
/// of `expected` where that is given; else changedWhileInUse() names the file. Thread-safe.
Result<std::string> sha256OfFile(const std::string& path,
                                 const std::function<bool()>& cancelled = {},
                                 const FileIdentity* expected = nullptr);

/// One file of a model and its SHA-256.
struct FileDigest {
  std::string file;    ///< its name, without a folder
  std::string sha256;  ///< empty where the file is missing

  bool operator==(const FileDigest&) const = default;
};

/// What a model was read from.
struct SourceDigest {
  std::string sha256;             ///< of the file, or of linesOf(files)
  std::vector<FileDigest> files;  ///< the index, then all that it names; empty for one file

  /// Whether `digest` was taken of this source; of an index alone, too, as it was done once.
  bool isTold(const std::string& digest) const {
    return digest == sha256 || (!files.empty() && digest == files.front().sha256);
  }
};

/// A line for each file, "DIGEST  NAME" as sha256sum writes it, "missing  NAME" for those that are
/// not there. Its SHA-256 is the one digest for all of them.
std::string linesOf(const std::vector<FileDigest>& files);

/// The SHA-256 of bytes that are added piece by piece. One thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(const void* data, std::size_t size);
  /// Of all that was added; empty if the library failed. To be called once, at the end.
  std::string text();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The same of bytes in memory.
std::string sha256OfBytes(const void* data, std::size_t size);

}  // namespace quantoscope
