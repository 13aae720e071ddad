// doctor: what a bug report should say about the program and the machine it runs on.
#include <CLI/CLI.hpp>
#include <fstream>
#include <optional>
#include <sched.h>
#include <sstream>
#include <sys/utsname.h>

#include "app/cli/verbs.h"
#include "app/exit_status.h"
#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/exporting/registry.h"
#include "core/io/libraries.h"
#include "core/io/reader/remote_container.h"
#include "core/io/registry.h"
#include "core/kernels/kernels.h"

namespace quantoscope::cli {

namespace {

constexpr auto kUnknown = "unknown";

/// The value of the first line that begins with `key`, separator and blanks removed.
std::optional<std::string> valueIn(const char* file, const std::string& key, char separator) {
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(separator);
    if (at == std::string::npos || !line.starts_with(key)) continue;
    const auto begin = line.find_first_not_of(" \t\"", at + 1);
    const auto end = line.find_last_not_of(" \t\"");
    return begin == std::string::npos ? std::string() : line.substr(begin, end - begin + 1);
  }
  return std::nullopt;
}

/// A row of /proc/meminfo, which counts in KiB.
std::optional<std::uint64_t> memoryBytes(const std::string& key) {
  const auto value = valueIn("/proc/meminfo", key, ':');
  if (!value) return std::nullopt;
  std::istringstream text(*value);
  std::uint64_t kibibytes = 0;
  if (!(text >> kibibytes)) return std::nullopt;
  return kibibytes * 1024;
}

/// The cores that this process may run on; 0 where the kernel does not tell.
int usableCores() {
  cpu_set_t cores;
  return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 0;
}

std::string kernelText() {
  utsname names = {};
  if (uname(&names) != 0) return kUnknown;
  return std::string(names.sysname) + " " + names.release + " " + names.machine;
}

std::vector<std::string> kernelTables() {
  std::vector<std::string> names;
  for (const auto* table : kernels::availableKernels()) names.emplace_back(table->name);
  return names;
}

/// What quantize, overview and the window's exports write.
std::vector<std::string> writtenFormats() {
  std::vector<std::string> formats;
  for (const ExportFormat& format : exportFormats()) {
    formats.push_back(std::string(format.title) + " (" + format.suffix + ")");
  }
  formats.insert(formats.end(), {"plan (.json)", "tables (.csv)"});
  return formats;
}

struct SystemReport {
  std::string system = valueIn("/etc/os-release", "PRETTY_NAME", '=').value_or(kUnknown);
  std::string kernel = kernelText();
  std::string processor = valueIn("/proc/cpuinfo", "model name", ':').value_or(kUnknown);
  int cores = usableCores();
  int threads = 0;  ///< that the program would compute with
  std::optional<std::uint64_t> memory = memoryBytes("MemTotal");
  std::optional<std::uint64_t> freeMemory = memoryBytes("MemAvailable");
  std::vector<std::string> tables = kernelTables();
  std::string table = kernels::activeKernels().name;
  std::string reader = readerProgram();
  Result<SandboxReport> sandbox = sandboxOfReader();
  std::vector<std::string> reads = openableFormats();
  std::vector<std::string> writes = writtenFormats();
  std::vector<Library> libraries = coreLibraries();
};

Json sandboxJson(const SystemReport& found) {
  Json json = Json::object({{"reader", found.reader}});
  for (const Confinement& row : kConfinements) {
    json.set(row.key, found.sandbox ? Json((*found.sandbox).*row.inForce) : Json());
  }
  return json;
}

Json bytesJson(const std::optional<std::uint64_t>& bytes) {
  return bytes ? Json(*bytes) : Json();
}

Json systemJson(const SystemReport& found) {
  Json libraries = Json::object();
  for (const Library& library : found.libraries) libraries.set(library.name, library.version);
  return Json::object({{"version", QUANTOSCOPE_VERSION},
                       {"system", found.system},
                       {"kernel", found.kernel},
                       {"processor", found.processor},
                       {"cores", found.cores},
                       {"threads", found.threads},
                       {"memory_bytes", bytesJson(found.memory)},
                       {"memory_available_bytes", bytesJson(found.freeMemory)},
                       {"kernels", Json::object({{"used", found.table},
                                                 {"available", Json::arrayOf(found.tables)}})},
                       {"sandbox", sandboxJson(found)},
                       {"formats", Json::object({{"read", Json::arrayOf(found.reads)},
                                                 {"write", Json::arrayOf(found.writes)}})},
                       {"libraries", std::move(libraries)}});
}

std::string bytesText(const std::optional<std::uint64_t>& bytes) {
  return bytes ? formatBytes(static_cast<double>(*bytes)) : kUnknown;
}

std::string sandboxText(const SystemReport& found) {
  if (!found.sandbox) return kUnknown;
  std::vector<std::string> words;
  for (const Confinement& row : kConfinements) {
    const bool inForce = (*found.sandbox).*row.inForce;
    words.push_back(std::string(row.name) + (inForce ? ": yes" : ": no"));
  }
  return join(words, ", ");
}

std::string systemText(const SystemReport& found) {
  std::string all = "Quantoscope " QUANTOSCOPE_VERSION "\n";
  const auto line = [&all](std::string label, const std::string& value) {
    label.resize(22, ' ');
    all += "  " + label + printable(value) + "\n";
  };
  line("system", found.system + ", " + found.kernel);
  line("processor", found.processor);
  line("cores", std::to_string(found.cores) + ", threads used " + std::to_string(found.threads));
  line("memory", bytesText(found.memory) + ", available " + bytesText(found.freeMemory));
  line("kernels", found.table + ", available " + join(found.tables, ", "));
  line("reader", found.reader);
  line("its sandbox", sandboxText(found));
  if (found.sandbox && describe(*found.sandbox) != "complete") {
    line("", describe(*found.sandbox));
  }
  line("reads", join(found.reads, ", "));
  line("writes", join(found.writes, ", "));
  for (const Library& library : found.libraries) line(library.name, library.version);
  return all;
}

Result<int> doctor(bool json, const Context& context) {
  SystemReport found;
  found.threads = context.executor().threads();
  if (json) {
    context.print(systemJson(found));
  } else {
    context.out() << systemText(found);
  }
  if (!found.sandbox) {
    context.out().flush();
    return found.sandbox.error();
  }
  return kDone;
}

}  // namespace

Verb addDoctor(CLI::App& verb) {
  auto json = std::make_shared<bool>(false);
  verb.add_flag("--json", *json, "print JSON");
  return [json](const Context& context) { return doctor(*json, context); };
}

}  // namespace quantoscope::cli
