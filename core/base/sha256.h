// Fingerprints of files and of what is written to them.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// The SHA-256 of a file's bytes as 64 lower-case hexadecimal digits. Reads the file in blocks;
/// `cancelled` is asked between them (may be empty). Thread-safe.
Result<std::string> sha256OfFile(const std::string& path,
                                 const std::function<bool()>& cancelled = {});

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
