#include "core/io/container/file_head.h"

#include <algorithm>
#include <utility>

namespace quantoscope {

namespace {

using std::string_view_literals::operator""sv;

}  // namespace

Result<FileHead> readFileHead(const std::string& path) {
  const auto unreadable = [&path](const std::string& why) {
    return Error{ErrorCode::UnreadableFile, path + ": " + why};
  };
  auto bytes = openFileBytes(path);
  if (!bytes) return bytes.error();
  const std::uint64_t size = (*bytes)->size();
  if (size == 0) return unreadable("an empty file");
  auto start = readText(**bytes, 0, std::min<std::uint64_t>(size, kFileHeadBytes));
  if (!start) return about(path, start.error());
  return FileHead{*std::move(start), *std::move(bytes)};
}

bool beginsZip(const FileHead& head) {
  return head.start.starts_with("PK\x03\x04"sv);
}

bool beginsZipWith(const FileHead& head, std::string_view text) {
  return beginsZip(head) && head.start.find(text) != std::string::npos;
}

bool beginsJson(const FileHead& head) {
  const std::size_t text = head.start.find_first_not_of(" \t\r\n");
  return text != std::string::npos && head.start[text] == '{';
}

}  // namespace quantoscope
