#include "core/io/formats/sharded_container.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/file_identity.h"
#include "core/base/json.h"

namespace quantoscope {

namespace {

/// The same as for the header of a safetensors file, which lists no less.
constexpr std::uint64_t kLongestIndex = 100'000'000;

/// One line of a weight_map.
struct Placement {
  std::string key;  ///< without a leading slash
  std::string shard;
};

Result<Json> readIndex(const ByteSource& bytes, const std::string& path) {
  if (bytes.size() > kLongestIndex) {
    return Error{ErrorCode::UnreadableFile, path + ": too long for an index of weights"};
  }
  const auto text = readText(bytes, 0, static_cast<std::size_t>(bytes.size()));
  if (!text) return about(path, text.error());
  return parseJson(*text, path);
}

/// The files of one key: a name, or with Keras a list of names. False for anything else.
bool addPlacements(const std::string& key, const Json& value, std::vector<Placement>& placements) {
  if (const std::string* shard = value.asString()) {
    placements.push_back({key.substr(std::min(key.find_first_not_of('/'), key.size())), *shard});
    return true;
  }
  const Json::Array* shards = value.asArray();
  return shards && std::all_of(shards->begin(), shards->end(), [&](const Json& shard) {
           return shard.isString() && addPlacements(key, shard, placements);
         });
}

/// Why an array is in no file, and whether the user may allow what is in the way.
struct Problem {
  std::string text;
  bool refused = false;
};

/// The files of a model, of which only some are open at a time: there may be more of them than a
/// process may open.
class OpenShards {
 public:
  OpenShards(std::string indexPath, PartOpener opener, const OpenOptions& options)
      : indexPath_(std::move(indexPath)), opener_(std::move(opener)) {
    quiet_.allowOutside = options.allowOutside;
    quiet_.wordsAreBFloat16 = options.wordsAreBFloat16;
  }

  std::string pathOf(const std::string& name) const {
    return std::filesystem::path(indexPath_).replace_filename(name).string();
  }

  /// Opens a file for the first time, and notes in which state it is.
  Result<SharedContainer> add(StoredPart& part, const OpenOptions& options) {
    const std::string path = pathOf(part.name);
    const auto identity = settledIdentityOf(path);
    auto shard = opener_(path, options);
    if (!shard) return shard;
    if (identity) {
      if (Status status = checkUnchanged(path, *identity, path); !status) return status.error();
      part.identity = *identity;
    }
    keep(part.name, *shard);
    return shard;
  }

  Result<SharedContainer> get(const StoredPart& part) const {
    const auto open = std::find_if(latest_.begin(), latest_.end(),
                                   [&](const auto& entry) { return entry.first == part.name; });
    if (open != latest_.end()) {
      std::rotate(latest_.begin(), open, open + 1);
      return latest_.front().second;
    }
    const std::string path = pathOf(part.name);
    auto shard = opener_(path, quiet_);
    if (part.identity) {
      if (Status status = checkUnchanged(path, *part.identity, path); !status) {
        return status.error();
      }
    }
    if (shard) keep(part.name, *shard);
    return shard;
  }

 private:
  static constexpr std::size_t kMostOpen = 64;

  void keep(const std::string& name, const SharedContainer& shard) const {
    latest_.insert(latest_.begin(), {name, shard});
    latest_.resize(std::min(latest_.size(), kMostOpen));
  }

  std::string indexPath_;
  PartOpener opener_;
  OpenOptions quiet_;  ///< for those opened again: whoever watched the first time may be gone
  mutable std::vector<std::pair<std::string, SharedContainer>> latest_;  ///< the latest first
};

class ShardedContainer : public Container {
 public:
  ShardedContainer(std::string name, OpenShards shards)
      : name_(std::move(name)), shards_(std::move(shards)) {}

  /// Lists a file: the arrays whose names are not taken yet, without those that the index places
  /// in another file. The error says why it cannot be opened.
  Status addShard(const std::string& name, const std::map<std::string, std::string>& places,
                  const OpenOptions& options) {
    contents_.parts.push_back({name});
    const auto shard = shards_.add(contents_.parts.back(), options);
    if (!shard) return shard.error();
    const StoredFile& stored = (*shard)->contents();
    const std::uint64_t part = contents_.parts.size();
    for (const StoredArray& array : stored.arrays) {
      const auto place = places.find(array.path);
      if (place != places.end() && place->second != name) continue;
      if (!owners_.emplace(array.path, part).second) continue;
      contents_.arrays.push_back(array);
      contents_.arrays.back().part = part;
    }
    for (const StoredCheck& check : stored.checks) {
      contents_.checks.push_back(check);
      contents_.checks.back().part = part;
    }
    contents_.order.insert(contents_.order.end(), stored.order.begin(), stored.order.end());
    for (const auto& [path, group] : stored.groups) contents_.groups.emplace(path, group);
    if (contents_.modelConfig.empty()) contents_.modelConfig = stored.modelConfig;
    if (contents_.configProblem.empty()) contents_.configProblem = stored.configProblem;
    if (contents_.format.empty()) contents_.format = stored.format;
    return ok();
  }

  /// The path of a file that an index names.
  std::string pathOf(const std::string& name) const { return shards_.pathOf(name); }

  /// Whether there is an array of this path or below it.
  bool has(const std::string& key) const {
    if (owners_.contains(key)) return true;
    const auto below = owners_.lower_bound(key + "/");
    return below != owners_.end() && below->first.starts_with(key + "/");
  }

  void addMissing(const std::string& key, const Problem& problem) {
    if (!owners_.emplace(key, kNowhere).second) return;
    StoredArray array;
    array.path = key;
    array.obstacle = problem.text;
    array.refused = problem.refused;
    array.incomplete = true;
    contents_.arrays.push_back(std::move(array));
  }

  const StoredFile& contents() const override { return contents_; }

  Result<StoredElement> elementOf(const std::string& path) const override {
    const auto owner = ownerOf(path);
    if (!owner) return owner.error();
    return (*owner)->elementOf(path);
  }

  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    const auto owner = ownerOf(path);
    if (!owner) return owner.error();
    return (*owner)->extentOf(path);
  }

  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    const auto owner = ownerOf(path);
    if (!owner) return owner.error();
    return (*owner)->read(path, box, bytes, control);
  }

  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    const auto owner = ownerOf(path);
    if (!owner) return owner.error();
    return (*owner)->readAsFloat(path, box, values);
  }

  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    const auto owner = ownerOf(path);
    return owner ? (*owner)->chunkOf(path) : std::vector<std::size_t>{};
  }

 private:
  static constexpr std::uint64_t kNowhere = 0;

  Result<SharedContainer> ownerOf(const std::string& path) const {
    const auto found = owners_.find(path);
    if (found == owners_.end()) {
      return Error{ErrorCode::NotFound, name_ + ": there is no array " + path};
    }
    if (found->second == kNowhere) {
      const auto listed =
          std::find_if(contents_.arrays.begin(), contents_.arrays.end(),
                       [&](const StoredArray& array) { return array.path == path; });
      return Error{ErrorCode::UnreadableFile, name_ + ": " + path + ": " + listed->obstacle};
    }
    return shards_.get(contents_.parts[found->second - 1]);
  }

  std::string name_;
  OpenShards shards_;
  StoredFile contents_;
  std::map<std::string, std::uint64_t, std::less<>> owners_;  ///< the part, counted from 1
};

/// Why a file beside the index could not be opened, without the folder.
Problem problemOf(const Error& error, const std::string& path) {
  const bool leadsOut = error.message.find(kLeadsOut) != std::string::npos;
  if (!error.message.starts_with(path)) return {error.message, leadsOut};
  return {std::filesystem::path(path).filename().string() + error.message.substr(path.size()),
          leadsOut};
}

/// What keeps a model from being read of which no file can be.
Error unreadable(const std::string& indexPath, const std::map<std::string, Problem>& problems) {
  const std::string& first = problems.begin()->second.text;
  return {ErrorCode::UnreadableFile, indexPath + ": none of the files that it names can be read (" +
                                         std::to_string(problems.size()) + "): " + first};
}

/// Opens each file once, in the order of their names.
Status addShards(const std::string& indexPath, const std::vector<Placement>& placements,
                 const OpenOptions& options, ShardedContainer& container) {
  std::map<std::string, std::string> places;
  std::map<std::string, Problem> problems;  // by file
  for (const Placement& placement : placements) {
    places.emplace(placement.key, placement.shard);
    problems.emplace(placement.shard, Problem{});
  }
  bool any = placements.empty();
  for (auto& [name, problem] : problems) {
    if (options.control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (!isPlainName(name)) {
      problem.text = "the index puts it into '" + name + "', which is no plain file name";
      continue;
    }
    const Status status = container.addShard(name, places, options);
    if (!status && status.error().code == ErrorCode::Cancelled) return status;
    problem = status ? Problem{name + " does not have it"}
                     : problemOf(status.error(), container.pathOf(name));
    any = any || status || problem.refused;  // what may be allowed is shown
  }
  if (!any) return unreadable(indexPath, problems);
  for (const Placement& placement : placements) {
    if (!container.has(placement.key)) {
      container.addMissing(placement.key, problems.at(placement.shard));
    }
  }
  return ok();
}

Likeness sniff(const FileHead& head) {
  return beginsJson(head) ? Likeness::Strong : Likeness::None;
}

Result<SharedContainer> open(const std::string& path, const OpenOptions& options,
                             const PartOpener& openPart) {
  if (!openPart) return SharedContainer();
  const auto bytes = openFileBytes(path);
  if (!bytes) return bytes.error();
  return openSharded(*bytes, path, openPart, options);
}

constexpr const char* kSuffixes[] = {".safetensors.index.json", ".weights.json"};

}  // namespace

/// No MIME type: most JSON files are not an index.
constinit const ContainerFormat kIndexFormat = {
    .name = "index of several files",
    .description = "a JSON text",
    .suffixes = kSuffixes,
    .mimeTypes = {},
    .sniff = sniff,
    .open = open,
    .namesFilesBeside = true,
};

Result<SharedContainer> openSharded(const SharedByteSource& index, const std::string& indexPath,
                                    const PartOpener& openShard, const OpenOptions& options) {
  const auto json = readIndex(*index, indexPath);
  if (!json) return json.error();
  const Json* map = json->find("weight_map");
  if (!map) return SharedContainer();
  std::vector<Placement> placements;
  bool good = map->isObject();
  for (std::size_t i = 0; good && i < map->asObject()->size(); ++i) {
    const auto& [key, value] = (*map->asObject())[i];
    good = addPlacements(key, value, placements);
  }
  if (!good) {
    return Error{ErrorCode::UnreadableFile,
                 indexPath + ": the weight_map does not map names of weights to names of files"};
  }
  auto container =
      std::make_shared<ShardedContainer>(indexPath, OpenShards(indexPath, openShard, options));
  const Status status = addShards(indexPath, placements, options, *container);
  if (!status) return status.error();
  return SharedContainer(std::move(container));
}

}  // namespace quantoscope
