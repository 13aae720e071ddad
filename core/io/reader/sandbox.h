// Confining the process that reads a file.
#pragma once

#include <cstdint>
#include <string>

namespace quantoscope {

/// Which files may be opened.
enum class ReadableFiles {
  Handed,      ///< none: those that are read come as descriptors. Libraries apart
  Everything,  ///< whatever the user may read
};

struct SandboxRules {
  std::uint64_t memoryBytes = 0;  ///< of private memory; 0: as much as there is
  ReadableFiles readable = ReadableFiles::Handed;
};

/// What the kernel has agreed to.
struct SandboxReport {
  bool noNewPrivileges = false;
  bool memoryLimit = false;
  bool threadLimit = false;
  bool landlock = false;
  bool signalScope = false;
  bool seccomp = false;
};

/// One row a part of a SandboxReport, in the order in which people see them; what tells of a
/// sandbox reads them.
struct Confinement {
  const char* key;   ///< in JSON
  const char* name;  ///< for people
  bool SandboxReport::*inForce;
  const char* without;  ///< what a reader without it could still do
};
inline constexpr Confinement kConfinements[] = {
    {"seccomp", "seccomp", &SandboxReport::seccomp, "use every system call"},
    {"landlock", "Landlock", &SandboxReport::landlock, "open files that the user may read"},
    {"signal_scope", "signal scope", &SandboxReport::signalScope,
     "send signals, were it not for seccomp"},
    {"memory_limit", "memory limit", &SandboxReport::memoryLimit, "take all memory"},
    {"thread_limit", "thread limit", &SandboxReport::threadLimit, "start threads without end"},
    {"no_new_privileges", "no new privileges", &SandboxReport::noNewPrivileges,
     "gain rights by other programs"},
};

/// Gives up, for good, what reading files that were handed over does not need: core dumps, new
/// privileges, private memory beyond a limit, shared memory of its own, threads beyond some dozens
/// more than the machine has processors, files (Landlock), signals to others (Landlock), and system
/// calls that reach the network, start programs, write to or change files, look into other
/// processes or change how these run (seccomp; they fail with EPERM). What a kernel does not have
/// is left out. Shared memory that was handed over is bounded by whoever made it, who seals its
/// size.
///
/// To be called while the process has one thread. Run by root, the process gives that up, too,
/// unless it may read everything. Built with a sanitizer, only core dumps and new privileges are
/// given up: its tools need the rest.
SandboxReport enterSandbox(const SandboxRules& rules);

/// "complete", or what this kernel lacks and what a reader could then do: "without Landlock: a
/// reader that a file took over could open files that the user may read".
std::string describe(const SandboxReport& report);

}  // namespace quantoscope
