// Files that a person, or another file, names: opened so that nothing can wait, read up to a bound.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/descriptor.h"
#include "core/base/result.h"

namespace quantoscope {

/// The most that a JSON document (a plan, a session) may hold: twice what a plan of 200,000 tensors
/// with all of their metrics takes.
inline constexpr std::uint64_t kMostDocumentBytes = std::uint64_t{512} << 20;

/// Opens a regular file for reading. Never waits, whatever the path leads to and whoever swaps it
/// meanwhile: directories, named pipes, devices and sockets are UnreadableFile errors that name the
/// path. Thread-safe.
Result<Descriptor> openRegularFile(const std::string& path);

/// All bytes of a regular file; more than `most` of them are an UnreadableFile error that names
/// both. Thread-safe; blocks as the disk does.
Result<std::string> readWholeFile(const std::string& path, std::uint64_t most);

}  // namespace quantoscope
