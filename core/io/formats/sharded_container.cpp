#include "core/io/formats/sharded_container.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <utility>
#include <vector>

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

class ShardedContainer : public Container {
 public:
  explicit ShardedContainer(std::string name) : name_(std::move(name)) {}

  /// Takes the arrays whose names are not taken yet.
  void addShard(const SharedContainer& shard) {
    const StoredFile& stored = shard->contents();
    for (const StoredArray& array : stored.arrays) {
      if (owners_.emplace(array.path, shard).second) contents_.arrays.push_back(array);
    }
    contents_.order.insert(contents_.order.end(), stored.order.begin(), stored.order.end());
    for (const auto& [path, group] : stored.groups) contents_.groups.emplace(path, group);
    if (contents_.modelConfig.empty()) contents_.modelConfig = stored.modelConfig;
    if (contents_.format.empty()) contents_.format = stored.format;
  }

  void addPart(const std::string& name) { contents_.parts.push_back(name); }

  /// Whether there is an array of this path or below it.
  bool has(const std::string& key) const {
    if (owners_.contains(key)) return true;
    const auto below = owners_.lower_bound(key + "/");
    return below != owners_.end() && below->first.starts_with(key + "/");
  }

  void addMissing(const std::string& key, const std::string& why) {
    if (!owners_.emplace(key, nullptr).second) return;
    StoredArray array;
    array.path = key;
    array.obstacle = why;
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
  Result<SharedContainer> ownerOf(const std::string& path) const {
    const auto found = owners_.find(path);
    if (found == owners_.end()) {
      return Error{ErrorCode::NotFound, name_ + ": there is no array " + path};
    }
    if (!found->second) {
      const auto listed =
          std::find_if(contents_.arrays.begin(), contents_.arrays.end(),
                       [&](const StoredArray& array) { return array.path == path; });
      return Error{ErrorCode::UnreadableFile, name_ + ": " + path + ": " + listed->obstacle};
    }
    return found->second;
  }

  std::string name_;
  StoredFile contents_;
  std::map<std::string, SharedContainer, std::less<>> owners_;
};

/// A shard as seen through the index: without the arrays that the index places in another file.
class ShardView : public Container {
 public:
  ShardView(SharedContainer shard, const std::map<std::string, std::string>& places,
            const std::string& name)
      : shard_(std::move(shard)), contents_(shard_->contents()) {
    std::erase_if(contents_.arrays, [&](const StoredArray& array) {
      const auto place = places.find(array.path);
      return place != places.end() && place->second != name;
    });
  }

  const StoredFile& contents() const override { return contents_; }
  Result<StoredElement> elementOf(const std::string& path) const override {
    return shard_->elementOf(path);
  }
  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    return shard_->extentOf(path);
  }
  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    return shard_->read(path, box, bytes, control);
  }
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    return shard_->readAsFloat(path, box, values);
  }
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    return shard_->chunkOf(path);
  }

 private:
  SharedContainer shard_;
  StoredFile contents_;
};

/// The message of an error about a file in another directory, without that directory.
std::string withoutDirectory(const std::string& message, const std::string& path) {
  if (!message.starts_with(path)) return message;
  return std::filesystem::path(path).filename().string() + message.substr(path.size());
}

/// Opens each file once, in the order of their names.
Status addShards(const std::string& indexPath, const std::vector<Placement>& placements,
                 const PartOpener& openShard, const TaskControl& control,
                 ShardedContainer& container) {
  std::map<std::string, std::string> places;
  std::map<std::string, std::string> problems;  // by file; empty for none
  for (const Placement& placement : placements) {
    places.emplace(placement.key, placement.shard);
    problems.emplace(placement.shard, "");
  }
  for (auto& [name, problem] : problems) {
    if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
    if (!isPlainName(name)) {
      problem = "the index puts it into '" + name + "', which is no plain file name";
      continue;
    }
    container.addPart(name);
    const std::string path = std::filesystem::path(indexPath).replace_filename(name).string();
    if (auto shard = openShard(path)) {
      container.addShard(std::make_shared<ShardView>(*std::move(shard), places, name));
      problem = name + " does not have it";
    } else {
      problem = withoutDirectory(shard.error().message, path);
    }
  }
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
  return openSharded(*bytes, path, openPart, options.control);
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
                                    const PartOpener& openShard, const TaskControl& control) {
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
  auto container = std::make_shared<ShardedContainer>(indexPath);
  const Status status = addShards(indexPath, placements, openShard, control, *container);
  if (!status) return status.error();
  return SharedContainer(std::move(container));
}

}  // namespace quantoscope
