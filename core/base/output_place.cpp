#include "core/base/output_place.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace quantoscope {

namespace {

namespace fs = std::filesystem;

/// As many links in a row as Linux follows.
constexpr int kMostLinks = 40;

/// Where a path leads, although nothing may be there: links are followed to their end, which
/// canonical() does for files that exist alone.
fs::path placeOf(fs::path path) {
  std::error_code code;
  for (int links = 0; links < kMostLinks && fs::is_symlink(path, code); ++links) {
    const fs::path target = fs::read_symlink(path, code);
    if (code) break;
    path = path.parent_path() / target;  // an absolute target stands for itself
  }
  const fs::path folder = fs::weakly_canonical(fs::absolute(path, code).parent_path(), code);
  return code ? path : folder / path.filename();
}

/// Whether writing a folder would take an input with it that lies in what is there now.
bool liesInFolder(const std::string& output, const std::string& input) {
  std::error_code code;
  if (!fs::is_directory(output, code)) return false;
  const fs::path folder = placeOf(output);
  const fs::path place = placeOf(input);
  return std::mismatch(folder.begin(), folder.end(), place.begin(), place.end()).first ==
         folder.end();
}

bool isSamePlace(const std::string& output, const std::string& input) {
  if (liesInFolder(output, input)) return true;
  std::error_code code;
  // Device and inode of both; false, with an error, unless both exist.
  if (fs::equivalent(output, input, code)) return true;
  return placeOf(output) == placeOf(input);
}

}  // namespace

std::optional<std::string> inputAt(const std::string& output, std::span<const std::string> inputs) {
  const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const std::string& input) {
    return isSamePlace(output, input);
  });
  return found == inputs.end() ? std::nullopt : std::optional(*found);
}

}  // namespace quantoscope
