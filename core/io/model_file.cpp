#include "core/io/model_file.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "core/base/text.h"
#include "core/io/registry.h"

namespace quantoscope {

namespace {

namespace fs = std::filesystem;

/// How many names an error lists before it counts the rest.
constexpr std::size_t kListedNames = 8;

struct Contents {
  std::vector<std::string> indexes;
  std::vector<std::string> weights;
  std::vector<std::string> others;  ///< with a slash behind folders, and what they are if known
};

/// Suffixes are compared in any case, as other systems do: MODEL.H5 counts, too.
bool hasSuffix(std::string_view name, std::string_view suffix) {
  const auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return name.size() > suffix.size() && std::equal(suffix.rbegin(), suffix.rend(), name.rbegin(),
                                                   [&](char a, char b) { return a == lower(b); });
}

const ContainerFormat* formatNamed(std::string_view name) {
  for (const ContainerFormat* format : containerFormats()) {
    for (const char* suffix : format->suffixes) {
      if (hasSuffix(name, suffix)) return format;
    }
  }
  return nullptr;
}

void add(const fs::directory_entry& entry, Contents& contents) {
  const std::string name = entry.path().filename().string();
  if (name.starts_with('.')) return;
  std::error_code code;
  if (entry.is_directory(code)) {
    contents.others.push_back(name + "/");
    return;
  }
  const ContainerFormat* format = formatNamed(name);
  if (!format) {
    contents.others.push_back(name);
  } else if (!format->open) {
    contents.others.push_back(name + " (" + format->description + ")");
  } else {
    (format->namesFilesBeside ? contents.indexes : contents.weights).push_back(name);
  }
}

Result<Contents> contentsOf(const std::string& folder) {
  Contents contents;
  std::error_code code;
  fs::directory_iterator entry(folder, code);
  for (; !code && entry != fs::directory_iterator(); entry.increment(code)) add(*entry, contents);
  if (code) return Error{ErrorCode::UnreadableFile, folder + ": " + code.message()};
  for (auto* names : {&contents.indexes, &contents.weights, &contents.others}) {
    std::sort(names->begin(), names->end(), naturalLess);
  }
  return contents;
}

std::string listed(std::vector<std::string> names) {
  const std::size_t more = names.size() - std::min(names.size(), kListedNames);
  names.resize(names.size() - more);
  return join(names, ", ") + (more == 0 ? "" : " and " + std::to_string(more) + " more");
}

std::string inFolder(const std::string& folder, const std::string& name) {
  return (fs::path(folder) / name).string();
}

Error noModelIn(const std::string& folder, const Contents& contents) {
  const std::string found = contents.others.empty() ? "nothing" : listed(contents.others);
  return {ErrorCode::UnreadableFile, folder + ": a folder without a weight file; allowed are " +
                                         openableFormatsText() + "; found: " + found};
}

Error ambiguous(const std::string& folder, const char* what,
                const std::vector<std::string>& names) {
  return {ErrorCode::UnreadableFile, folder + ": a folder with several " + what + ": " +
                                         listed(names) +
                                         "; name one: " + inFolder(folder, names.front())};
}

}  // namespace

Result<std::string> modelFileOf(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) return path;
  const auto contents = contentsOf(path);
  if (!contents) return contents.error();
  if (contents->indexes.size() > 1) return ambiguous(path, "indexes", contents->indexes);
  if (contents->indexes.size() == 1) return inFolder(path, contents->indexes.front());
  if (contents->weights.size() > 1) {
    return ambiguous(path, "weight files and no index", contents->weights);
  }
  if (contents->weights.empty()) return noModelIn(path, *contents);
  return inFolder(path, contents->weights.front());
}

}  // namespace quantoscope
