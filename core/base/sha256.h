// Fingerprints of source files.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "core/base/result.h"

namespace quantoscope {

/// The SHA-256 of a file's bytes as 64 lower-case hexadecimal digits. Reads the file in blocks;
/// `cancelled` is asked between them (may be empty). Thread-safe.
Result<std::string> sha256OfFile(const std::string& path,
                                 const std::function<bool()>& cancelled = {});

/// The same of bytes in memory.
std::string sha256OfBytes(const void* data, std::size_t size);

}  // namespace quantoscope
