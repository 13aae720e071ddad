// What this process holds: children and descriptors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

namespace quantoscope::test {

/// Children that live, or that nobody has reaped.
std::vector<pid_t> childProcesses();

/// How many descriptors are open.
std::size_t openDescriptors();

/// How much shared memory of readers is mapped, or open under a descriptor.
std::size_t sharedMemories();

/// The most memory that a process has had so far, in bytes; what it maps of files included.
std::uint64_t peakMemory(pid_t id);

/// A field of /proc/ID/status without the spaces around it; "" where there is none.
std::string statusField(pid_t id, const std::string& field);

}  // namespace quantoscope::test
