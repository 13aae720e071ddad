// A file as the reader process sees it.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/io/container/open_options.h"
#include "core/io/reader/reader_process.h"
#include "core/io/reader/sandbox.h"

namespace quantoscope {

/// How a reader is started, and how long it may be silent.
struct ReaderSettings {
  std::string program = readerProgram();
  /// How the program is started; another way is for tests.
  std::function<Result<std::unique_ptr<ReaderProcess>>(const std::string& program)> start =
      ReaderProcess::start;
  std::chrono::milliseconds listingPatience{10'000};   ///< without progress
  std::chrono::milliseconds readingPatience{30'000};   ///< without progress
  std::uint64_t memoryBytes = std::uint64_t{2} << 30;  ///< private to the reader; 0: no limit
};

/// Opens a file in a reader process of its own. Every answer is checked; a reader that dies, says
/// nothing in time or talks nonsense is ended, and the error says "reading FILE stopped: signal 11
/// while listing". The next call then starts a new one, which must find the same contents.
/// Cancelling ends the reader, too. The error names the file.
Result<SharedContainer> openRemoteContainer(const std::string& path,
                                            const OpenOptions& options = {},
                                            const ReaderSettings& settings = {});

/// What the kernel grants a reader that is confined as for reading a file: starts one for it and
/// ends it. UnreadableFile where it cannot be started or does not answer.
Result<SandboxReport> sandboxOfReader(const ReaderSettings& settings = {});

}  // namespace quantoscope
