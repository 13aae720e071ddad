#include "core/io/tensor_source.h"

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <system_error>
#include <utility>

#include "core/base/printable.h"
#include "core/base/text.h"
#include "core/io/container_source.h"
#include "core/io/model_file.h"
#include "core/io/reader/remote_container.h"
#include "core/io/registry.h"

namespace quantoscope {

namespace {

constexpr std::size_t kNearestNames = 3;

/// How many characters must be changed, added or taken away to turn a into b.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string lowerCase(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// How far `name` is from what was asked for: names that contain it come first, then quantizable
/// ones; names that have little in common do not count.
std::optional<std::size_t> distanceTo(const TensorInfo& info, const std::string& wanted) {
  const std::string name = lowerCase(info.name);
  const bool contained = !wanted.empty() && name.find(wanted) != std::string::npos;
  const std::size_t preference = info.quantizable ? 0 : 1;
  if (contained) return 2 * (name.size() - wanted.size()) / 16 + preference;
  const std::size_t allowed = wanted.size() / 2;
  if (std::max(name.size(), wanted.size()) - std::min(name.size(), wanted.size()) > allowed) {
    return std::nullopt;
  }
  const std::size_t distance = editDistance(name, wanted);
  if (distance > allowed) return std::nullopt;
  return 1000 + 2 * distance + preference;
}

std::vector<std::string> nearestNames(const std::vector<TensorInfo>& tensors,
                                      const std::string& wanted) {
  std::vector<std::pair<std::size_t, const TensorInfo*>> candidates;
  const std::string folded = lowerCase(wanted);
  for (const TensorInfo& info : tensors) {
    if (const auto distance = distanceTo(info, folded)) candidates.emplace_back(*distance, &info);
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  candidates.resize(std::min(candidates.size(), kNearestNames));
  std::vector<std::string> names;
  for (const auto& candidate : candidates) names.push_back(candidate.second->name);
  return names;
}

/// Where the first "::" is that follows an existing folder, or an existing file.
std::size_t endOfExisting(std::string_view text, bool folder) {
  std::error_code code;
  for (std::size_t at = text.find("::"); at != std::string_view::npos;
       at = text.find("::", at + 1)) {
    const auto status = std::filesystem::status(text.substr(0, at), code);
    if (std::filesystem::exists(status) && std::filesystem::is_directory(status) == folder) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// The source, or why there is none: before all else that the file was changed meanwhile.
Result<SharedSource> unchangedSource(const std::string& file, const Result<FileIdentity>& identity,
                                     Result<SharedContainer> container, const CancelToken& cancel) {
  if (!container && container.error().code == ErrorCode::Cancelled) return container.error();
  if (identity) {
    if (Status status = checkUnchanged(file, *identity, file); !status) return status.error();
  }
  if (!container) return container.error();
  if (!identity) return changedWhileInUse(file);
  return makeContainerSource(file, *std::move(container), *identity, cancel);
}

}  // namespace

const char* nameOf(Integrity integrity) {
  switch (integrity) {
    case Integrity::NoChecksums:
      return "none";
    case Integrity::NotYet:
      return "not yet checked";
    case Integrity::Proven:
      return "checked";
    case Integrity::Damaged:
      return "damaged";
  }
  return "";
}

Result<SourceDigest> TensorSource::digest(const CancelToken& cancel) const {
  auto sha256 = sha256OfFile(path(), [&cancel] { return cancel.cancelled(); });
  if (!sha256) return sha256.error();
  return SourceDigest{*std::move(sha256), {}};
}

Status TensorSource::readStored(const TensorInfo& info,
                                const std::function<Status(const std::byte*, std::size_t)>&,
                                const TaskControl&) const {
  return Error{ErrorCode::UnreadableFile,
               path() + ": " + info.name + ": cannot be had as it is stored"};
}

Result<SharedSource> openTensorSource(const std::string& path, const OpenOptions& options) {
  const auto file = modelFileOf(path);
  if (!file) return file.error();
  const auto identity = settledIdentityOf(*file);
  // What is no file at all needs no other process to be told so.
  if (const auto format = formatOf(*file); !format) return format.error();
  return unchangedSource(*file, identity, openRemoteContainer(*file, options),
                         options.control.cancel);
}

Result<SharedSource> openTensorSourceInProcess(const std::string& path,
                                               const OpenOptions& options) {
  const auto file = modelFileOf(path);
  if (!file) return file.error();
  const auto identity = settledIdentityOf(*file);
  return unchangedSource(*file, identity, openContainer(*file, options), options.control.cancel);
}

Result<TensorInfo> findTensor(const TensorSource& source, const std::string& name) {
  const std::string bare = name.substr(std::min(name.find_first_not_of('/'), name.size()));
  for (const std::string& wanted : {name, bare}) {
    for (const TensorInfo& info : source.tensors()) {
      if (info.name == wanted) return info;
    }
  }
  // A name with a line break, say, is printed escaped and may be asked for so.
  for (const TensorInfo& info : source.tensors()) {
    if (printable(info.name) == bare) return info;
  }
  std::string message = source.path() + ": there is no tensor " + name;
  const std::vector<std::string> nearest = nearestNames(source.tensors(), bare);
  if (!nearest.empty()) message += "; the nearest names are " + join(nearest, ", ");
  return Error{ErrorCode::NotFound, message};
}

FileAndPath splitFileAndPath(std::string_view text) {
  std::error_code code;
  std::size_t at = endOfExisting(text, false);
  if (at == std::string_view::npos && !std::filesystem::exists(text, code)) {
    at = endOfExisting(text, true);
  }
  if (at == std::string_view::npos) return {std::string(text), {}};
  return {std::string(text.substr(0, at)), std::string(text.substr(at + 2))};
}

}  // namespace quantoscope
