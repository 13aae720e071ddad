#include "tests/support/processes.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <unistd.h>

namespace quantoscope::test {

std::vector<pid_t> childProcesses() {
  std::vector<pid_t> children;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream list(task.path() / "children");
    children.insert(children.end(), std::istream_iterator<pid_t>(list),
                    std::istream_iterator<pid_t>());
  }
  return children;
}

std::size_t openDescriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(all, std::filesystem::directory_iterator()));
}

std::size_t sharedMemories() {
  std::size_t found = 0;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/memfd:quantoscope") != std::string::npos) ++found;
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
    if (target.starts_with("/memfd:quantoscope")) ++found;
  }
  return found;
}

std::uint64_t peakMemory(pid_t id) {
  const std::string kibibytes = statusField(id, "VmHWM");
  return std::strtoull(kibibytes.c_str(), nullptr, 10) * 1024;
}

std::string statusField(pid_t id, const std::string& field) {
  std::ifstream file("/proc/" + std::to_string(id) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field + ":")) continue;
    const std::size_t begin = line.find_first_not_of(" \t", field.size() + 1);
    return begin == std::string::npos ? "" : line.substr(begin);
  }
  return {};
}

}  // namespace quantoscope::test
