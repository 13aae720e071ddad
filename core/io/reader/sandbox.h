// Confining the process that reads a file.
#pragma once

#include <cstdint>
#include <string>

namespace quantoscope {

/// What may be read.
enum class ReadableFiles {
  One,         ///< the file
  ItsFolder,   ///< and what lies beside and below it
  Everything,  ///< whatever the user may read
};

struct SandboxRules {
  std::uint64_t memoryBytes = 0;  ///< of private memory; 0: as much as there is
  std::string file;
  ReadableFiles readable = ReadableFiles::One;
};

/// What the kernel has agreed to.
struct SandboxReport {
  bool noNewPrivileges = false;
  bool memoryLimit = false;
  bool landlock = false;
  bool seccomp = false;
};

/// Gives up, for good, what reading `file` does not need: core dumps, new privileges, private
/// memory beyond a limit, files but those named (Landlock), and system calls that reach the
/// network, start programs, write to or change files, or look into other processes (seccomp; they
/// fail with EPERM). What a kernel does not have is left out. To be called while the process has
/// one thread. Built with a sanitizer, only the first two are done: its tools need the rest.
SandboxReport enterSandbox(const SandboxRules& rules);

}  // namespace quantoscope
