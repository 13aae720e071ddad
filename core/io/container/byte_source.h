// Bytes to parse, wherever they lie: a file, a part of one, or memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/descriptor.h"
#include "core/base/result.h"
#include "core/io/container/container.h"

namespace quantoscope {

/// A fixed number of bytes that are read by offset. Parsers read blocks instead of mapping, so a
/// file that shrinks meanwhile is an error and no signal.
class ByteSource {
 public:
  virtual ~ByteSource() = default;

  virtual std::uint64_t size() const = 0;

  /// Copies `count` bytes from `offset`. UnreadableFile, without a file's name in the message,
  /// where they are not all there. Thread-safe for files, memory, and parts of them; not for
  /// members that are decompressed on the way.
  virtual Status read(std::uint64_t offset, void* to, std::size_t count) const = 0;

  /// Where the bytes lie in a file as they are; nothing where they are in memory or decompressed.
  virtual std::optional<FileExtent> extent() const { return std::nullopt; }
};

using SharedByteSource = std::shared_ptr<const ByteSource>;

/// Of the error for a file beside a model's that is a link and not followed; where to comes behind
/// it. OpenOptions::allowOutside allows it.
inline constexpr std::string_view kLeadsOut = "a link that leads out of the model's folder";

/// How openFileBytes() gets at the file of a path.
using FileOpener = std::function<Result<Descriptor>(const std::string& path)>;

/// Lets openFileBytes() ask `opener` from now on, in a process that may open no file by its path.
/// To be called before there are threads.
void openFilesBy(FileOpener opener);

/// Opens a regular file read-only, without a lock on it. The error names the file.
Result<SharedByteSource> openFileBytes(const std::string& path);

/// Bytes in memory.
SharedByteSource bytesInMemory(std::vector<std::byte> bytes);
SharedByteSource bytesInMemory(const std::string& text);

/// `count` bytes of `whole` from `offset`; reading behind the end of `whole` fails.
SharedByteSource partOf(SharedByteSource whole, std::uint64_t offset, std::uint64_t count);

/// `count` bytes from `offset` as a text; UnreadableFile where they are not all there.
Result<std::string> readText(const ByteSource& source, std::uint64_t offset, std::size_t count);

/// "SUBJECT: MESSAGE", with the same code.
Error about(const std::string& subject, const Error& error);

}  // namespace quantoscope
