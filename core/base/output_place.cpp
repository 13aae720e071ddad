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

bool isSamePlace(const std::string& output, const std::string& input) {
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
