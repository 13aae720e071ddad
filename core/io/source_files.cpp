#include "core/io/source_files.h"

#include <algorithm>
#include <filesystem>
#include <span>

#include "core/io/container/byte_source.h"
#include "core/io/container/inflate.h"

namespace quantoscope {

namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

Error damaged(const std::string& path, const StoredCheck& check) {
  return {ErrorCode::UnreadableFile, path + ": " + check.name +
                                         " in the zip archive is damaged: its bytes do not match "
                                         "their checksum (CRC-32)"};
}

}  // namespace

SourceFiles::SourceFiles(const std::string& path, const FileIdentity& identity,
                         const StoredFile& contents)
    : checks_(contents.checks),
      integrity_(contents.checks.empty() ? Integrity::NoChecksums : Integrity::NotYet) {
  files_.push_back({path, identity});
  for (const StoredPart& part : contents.parts) {
    files_.push_back(
        {std::filesystem::path(path).replace_filename(part.name).string(), part.identity});
  }
}

std::vector<std::string> SourceFiles::paths() const {
  std::vector<std::string> paths;
  for (const File& file : files_) paths.push_back(file.path);
  return paths;
}

const FileIdentity* SourceFiles::identityOf(const std::string& path) const {
  auto found = std::find_if(files_.begin(), files_.end(),
                            [&](const File& file) { return file.path == path; });
  if (found == files_.end()) {  // "a//b" is "a/b"
    const std::filesystem::path same(path);
    found = std::find_if(files_.begin(), files_.end(), [&](const File& file) {
      return std::filesystem::path(file.path) == same;
    });
  }
  return found != files_.end() && found->identity ? &*found->identity : nullptr;
}

Status SourceFiles::checkFile(const File& file, const std::string& subject) const {
  if (!file.identity) return changedWhileInUse(subject);
  return checkUnchanged(file.path, *file.identity, subject);
}

Status SourceFiles::checkPart(std::uint64_t part, const std::string& array) const {
  const auto check = [&](const File& file) { return checkFile(file, file.path + ": " + array); };
  if (Status status = check(files_.front()); !status || part == 0) return status;
  return check(files_.at(static_cast<std::size_t>(part)));
}

Status SourceFiles::intact() const {
  for (const File& file : files_) {
    if (!file.identity) continue;
    if (Status status = checkFile(file, file.path); !status) return status;
  }
  return ok();
}

Result<SourceDigest> SourceFiles::digest(const CancelToken& cancel) const {
  std::vector<FileDigest> digests;
  for (const File& file : files_) {
    FileDigest digest{std::filesystem::path(file.path).filename().string(), {}};
    if (file.identity) {
      auto sha256 = sha256OfFile(
          file.path, [&cancel] { return cancel.cancelled(); }, &*file.identity);
      if (!sha256) return sha256.error();
      digest.sha256 = *std::move(sha256);
    }
    digests.push_back(std::move(digest));
  }
  if (digests.size() == 1) return SourceDigest{digests.front().sha256, {}};
  const std::string lines = linesOf(digests);
  return SourceDigest{sha256OfBytes(lines.data(), lines.size()), std::move(digests)};
}

Integrity SourceFiles::integrity() const {
  return integrity_;
}

std::uint64_t SourceFiles::bytesToVerify() const {
  std::uint64_t bytes = 0;
  for (const StoredCheck& check : checks_) bytes += check.isDamaged ? 0 : check.bytes;
  return bytes;
}

Status SourceFiles::verify(const TaskControl& control) const {
  const std::lock_guard lock(verifying_);
  if (damage_) return *damage_;
  if (integrity_ != Integrity::NotYet) return ok();
  Status status = compareAll(control);
  if (status) {
    integrity_ = Integrity::Proven;
  } else if (status.error().code != ErrorCode::Cancelled) {
    damage_ = status.error();
    integrity_ = Integrity::Damaged;
  }
  return status;
}

Status SourceFiles::compareAll(const TaskControl& control) const {
  std::uint64_t done = 0;
  for (const StoredCheck& check : checks_) {
    if (Status status = compare(check, done, control); !status) return status;
    done += check.bytes;
  }
  return ok();
}

Status SourceFiles::compare(const StoredCheck& check, std::uint64_t done,
                            const TaskControl& control) const {
  const File& file = files_.at(static_cast<std::size_t>(check.part));
  if (check.isDamaged) return damaged(file.path, check);
  const auto bytes = openFileBytes(file.path);
  if (Status status = checkFile(file, file.path + ": " + check.name); !status) return status;
  if (!bytes) return bytes.error();
  std::vector<std::byte> piece(kPieceBytes);
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < check.bytes;) {
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, check.bytes - at));
    const Status status = (*bytes)->read(check.offset + at, piece.data(), count);
    if (!status) {
      if (Status same = checkFile(file, file.path + ": " + check.name); !same) return same;
      return about(file.path + ": " + check.name, status.error());
    }
    crc = crc32Of(std::span(piece).first(count), crc);
    at += count;
    if (control.progress) control.progress(done + at, bytesToVerify());
  }
  if (Status status = checkFile(file, file.path + ": " + check.name); !status) return status;
  return crc == check.crc32 ? ok() : Status(damaged(file.path, check));
}

}  // namespace quantoscope
