#include "core/base/memory_border.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <optional>
#include <sys/resource.h>
#include <unistd.h>

namespace quantoscope {

namespace {

constexpr std::uint64_t kAlwaysThere = std::uint64_t{64} << 20;

/// What the kernel thinks can be had without swapping.
std::optional<std::uint64_t> availableMemory() {
  std::ifstream file("/proc/meminfo");
  for (std::string line; std::getline(file, line);) {
    unsigned long long kibibytes = 0;
    if (std::sscanf(line.c_str(), "MemAvailable: %llu kB", &kibibytes) == 1) {
      return std::uint64_t{kibibytes} << 10;
    }
  }
  return std::nullopt;
}

/// What the user's limit on this process' memory leaves.
std::optional<std::uint64_t> allowedMemory() {
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return std::nullopt;
  std::uint64_t pages = 0;
  if (!(std::ifstream("/proc/self/statm") >> pages)) return limit.rlim_cur;
  const std::uint64_t used = pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  return limit.rlim_cur - std::min<std::uint64_t>(limit.rlim_cur, used);
}

std::string gigabytes(std::uint64_t bytes) {
  const std::uint64_t tenths = (bytes + 50'000'000) / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

}  // namespace

Status roomFor(const std::string& what, const std::string& purpose, std::uint64_t bytes) {
  if (bytes <= kAlwaysThere) return ok();
  for (const auto& free : {availableMemory(), allowedMemory()}) {
    if (!free || bytes <= *free) continue;
    return Error{ErrorCode::DoesNotFit, what + ": " + purpose + " need " + gigabytes(bytes) +
                                            " of memory, of which " + gigabytes(*free) +
                                            " are free"};
  }
  return ok();
}

}  // namespace quantoscope
