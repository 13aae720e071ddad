// What the program and its reader process say to each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/io/container/array_box.h"
#include "core/io/container/container.h"
#include "core/io/container/stored_file.h"
#include "core/io/reader/sandbox.h"

namespace quantoscope {

/// Both ends are built together; the version only tells programs of two installations apart.
///
/// | request  | answers                                            |
/// |----------|----------------------------------------------------|
/// | Open     | Progress and Names..., ContentsPart..., then Opened or Failed |
/// | Describe | Description or Failed                              |
/// | Read     | Progress..., then Done or Failed; comes with the shared memory to fill |
/// | Confine  | Confined; an Open of which nothing but the sandbox is wanted, in place of it |
///
/// Open comes with a descriptor of the file. While a request is answered, the reader may ask for
/// files beside it (FileWanted); each is answered by HandFile, which comes with a descriptor, or by
/// RefuseFile, which says why not.
///
/// One request at a time. All parts of the contents but the last are kMostPayload long. Decoding
/// takes any bytes: what is not exactly a message is nothing.
namespace protocol {

inline constexpr std::uint32_t kMagic = 0x31525351;  ///< "QSR1"
inline constexpr std::size_t kMostPayload = std::size_t{1} << 20;
inline constexpr std::size_t kMostContents = std::size_t{512} << 20;
inline constexpr std::size_t kMostArrays = std::size_t{1} << 20;

enum class Type : std::uint16_t {
  Open = 1,
  Describe,
  Read,
  Confine,
  HandFile,
  RefuseFile,
  Progress = 100,
  ContentsPart,
  Opened,
  Description,
  Done,
  Failed,
  Names,
  Confined,
  FileWanted,
};

/// What stands before every payload.
struct Header {
  std::uint32_t magic = kMagic;
  std::uint16_t type = 0;
  std::uint16_t unused = 0;
  std::uint32_t bytes = 0;  ///< of the payload
};
static_assert(sizeof(Header) == 12);

/// Nothing where it is no header of a message that is allowed.
std::optional<Type> typeOf(const Header& header);

struct Open {
  std::string path;
  bool allowOutside = false;
  std::uint64_t memoryBytes = 0;  ///< the reader's own limit; 0: none
  bool wordsAreBFloat16 = false;
  bool asStored = false;
};

struct Describe {
  std::string path;
};

/// A plain name beside the opened file.
struct FileWanted {
  std::string name;
};

struct Read {
  std::string path;
  Box box;
  bool asFloat = false;
};

struct Progress {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

/// Of one array.
struct Description {
  StoredElement element;
  std::optional<FileExtent> extent;  ///< its file: "" is the opened one, else a name beside it
  std::vector<std::size_t> chunk;
};

std::string encode(const Open& message);
std::string encode(const Describe& message);
std::string encode(const Read& message);
std::string encode(const FileWanted& message);
std::string encode(const Progress& message);
std::string encode(const Description& message);
std::string encode(const Error& message);
std::string encode(const StoredFile& contents);
std::string encode(const SandboxReport& message);
/// As many messages as it takes.
std::vector<std::string> encodeNames(const std::vector<std::string>& names);

std::optional<Open> decodeOpen(std::string_view payload);
std::optional<Describe> decodeDescribe(std::string_view payload);
std::optional<Read> decodeRead(std::string_view payload);
std::optional<FileWanted> decodeFileWanted(std::string_view payload);
std::optional<Progress> decodeProgress(std::string_view payload);
std::optional<Description> decodeDescription(std::string_view payload);
/// The message is made one line of at most 2000 bytes.
std::optional<Error> decodeError(std::string_view payload);
std::optional<std::vector<std::string>> decodeNames(std::string_view payload);
std::optional<SandboxReport> decodeSandboxReport(std::string_view payload);
/// All parts in one.
std::optional<StoredFile> decodeContents(std::string_view payload);

}  // namespace protocol

}  // namespace quantoscope
