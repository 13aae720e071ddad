#include "core/exporting/state_dict.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string_view>
#include <unistd.h>

#include "core/base/checked.h"
#include "core/base/folder_output.h"
#include "core/base/input_file.h"
#include "core/base/memory_border.h"

namespace quantoscope {

namespace {

/// What loaders expect of a shard, in bytes.
constexpr std::uint64_t kMostShardBytes = 5'000'000'000;

constexpr std::size_t kLengthBytes = 8;
constexpr std::size_t kHeaderAlignment = 8;
constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kCopyBytes = std::size_t{4} << 20;

struct NamedType {
  std::string_view dtype;
  std::string_view name;
  std::size_t bytes;
};
constexpr std::array<NamedType, 16> kTypes = {{{"float64", "F64", 8},
                                               {"float32", "F32", 4},
                                               {"float16", "F16", 2},
                                               {"bfloat16", "BF16", 2},
                                               {"float8_e4m3fn", "F8_E4M3", 1},
                                               {"float8_e5m2", "F8_E5M2", 1},
                                               {"float8_e8m0fnu", "F8_E8M0", 1},
                                               {"int64", "I64", 8},
                                               {"int32", "I32", 4},
                                               {"int16", "I16", 2},
                                               {"int8", "I8", 1},
                                               {"uint64", "U64", 8},
                                               {"uint32", "U32", 4},
                                               {"uint16", "U16", 2},
                                               {"uint8", "U8", 1},
                                               {"bool", "BOOL", 1}}};

std::size_t elementBytes(const std::string& type) {
  for (const NamedType& known : kTypes) {
    if (known.name == type) return known.bytes;
  }
  return 0;
}

/// One array where it will lie.
struct PlacedArray {
  PlannedArray array;
  std::size_t shard = 0;
  std::uint64_t begin = 0;  ///< behind the header of its shard
};

/// What each file will hold, to the byte.
struct Placement {
  std::vector<PlacedArray> arrays;     ///< of tensors, then passed ones, in their order
  std::vector<std::size_t> firstOf;    ///< of each tensor in `arrays`, and where passed ones begin
  std::vector<std::string> headers;    ///< of each shard, with its length before it
  std::vector<std::uint64_t> sizes;    ///< of each shard
  std::vector<std::string> fileNames;  ///< of each shard
  std::uint64_t totalBytes = 0;        ///< of all elements

  bool isSharded() const { return headers.size() > 1; }
};

std::string fileNameOf(std::size_t shard, std::size_t count) {
  if (count == 1) return "model.safetensors";
  const auto padded = [](std::size_t number) {
    constexpr std::size_t kDigits = 5;
    const std::string digits = std::to_string(number);
    return std::string(kDigits - std::min(kDigits, digits.size()), '0') + digits;
  };
  return "model-" + padded(shard + 1) + "-of-" + padded(count) + ".safetensors";
}

Json metadataOf(const StateDictFormat& format, const ModelHeader& header) {
  // Sizes are told before the digest is known: it takes as much room either way.
  const std::string digest =
      header.sourceSha256.empty() ? std::string(kDigestDigits, '0') : header.sourceSha256;
  return Json::object({{"format", format.metadataFormat},
                       {"generator", "Quantoscope " QUANTOSCOPE_VERSION},
                       {"source_file", header.sourceFile},
                       {"source_sha256", digest},
                       {"specification", describe(header.plan.defaultSpec)}});
}

/// Puts the arrays of each shard so that all of them are aligned: wide elements first.
void setPlaces(Placement& placement, std::size_t shard, const Json& metadata) {
  std::vector<PlacedArray*> inside;
  for (PlacedArray& placed : placement.arrays) {
    if (placed.shard == shard) inside.push_back(&placed);
  }
  std::stable_sort(inside.begin(), inside.end(), [](const PlacedArray* a, const PlacedArray* b) {
    return elementBytes(a->array.type) > elementBytes(b->array.type);
  });
  Json::Object members;
  members.emplace_back("__metadata__", metadata);
  std::uint64_t end = 0;
  for (PlacedArray* placed : inside) {
    placed->begin = end;
    end += placed->array.bytes();
    members.emplace_back(
        placed->array.name,
        Json::object(
            {{"dtype", placed->array.type},
             {"shape", Json::arrayOf(placed->array.shape)},
             {"data_offsets", Json::arrayOf(std::vector<std::uint64_t>{placed->begin, end})}}));
  }
  std::string text = Json(std::move(members)).text(-1);
  text.resize((text.size() + kHeaderAlignment - 1) / kHeaderAlignment * kHeaderAlignment, ' ');
  const std::uint64_t length = text.size();
  std::string head(kLengthBytes, '\0');
  std::memcpy(head.data(), &length, kLengthBytes);
  placement.headers.push_back(head + text);
  placement.sizes.push_back(kLengthBytes + length + end);
}

Placement placementOf(const StateDictFormat& format, const ModelHeader& header) {
  Placement placement;
  std::size_t shard = 0;
  std::uint64_t inShard = 0;
  const auto place = [&](std::vector<PlannedArray> arrays) {
    std::uint64_t bytes = 0;
    for (const PlannedArray& array : arrays) bytes += array.bytes();
    if (inShard != 0 && inShard + bytes > kMostShardBytes) {
      ++shard;
      inShard = 0;
    }
    inShard += bytes;
    placement.totalBytes += bytes;
    for (PlannedArray& array : arrays) placement.arrays.push_back({std::move(array), shard, 0});
  };
  for (const TensorInfo& info : header.tensors) {
    placement.firstOf.push_back(placement.arrays.size());
    place(format.plan(info, header.plan.specFor(info.name)));
  }
  placement.firstOf.push_back(placement.arrays.size());
  for (const TensorInfo& info : header.passed) {
    place({{stateDictName(info.name),
            safetensorsType(info.dtype),
            {info.shape.begin(), info.shape.end()}}});
  }
  const std::size_t count = shard + 1;
  const Json metadata = metadataOf(format, header);
  for (std::size_t i = 0; i < count; ++i) {
    setPlaces(placement, i, metadata);
    placement.fileNames.push_back(fileNameOf(i, count));
  }
  return placement;
}

/// A small file beside the shards.
struct SmallFile {
  std::string name;
  std::string content;
};

constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kConfigFile = "config.json";

std::string indexOf(const Placement& placement) {
  std::vector<const PlacedArray*> byName;
  for (const PlacedArray& placed : placement.arrays) byName.push_back(&placed);
  std::sort(byName.begin(), byName.end(), [](const PlacedArray* a, const PlacedArray* b) {
    return a->array.name < b->array.name;
  });
  Json::Object map;
  for (const PlacedArray* placed : byName) {
    map.emplace_back(placed->array.name, placement.fileNames[placed->shard]);
  }
  return Json::object({{"metadata", Json::object({{"total_size", placement.totalBytes}})},
                       {"weight_map", Json(std::move(map))}})
             .text() +
         "\n";
}

std::vector<SmallFile> smallFilesOf(const StateDictFormat& format, const ModelHeader& header,
                                    const Placement& placement) {
  std::vector<SmallFile> files;
  const Json config = format.config(header);
  if (header.config) {
    Json merged = *header.config;
    if (format.configAlias != nullptr) merged.set(format.configAlias, config);
    merged.set("quantization_config", config);
    files.push_back({kConfigFile, merged.text() + "\n"});
  }
  const char* own = format.configFile;
  if (own == nullptr && !header.config) own = "quantization_config.json";
  if (own != nullptr) files.push_back({own, config.text() + "\n"});
  if (placement.isSharded()) files.push_back({kIndexFile, indexOf(placement)});
  return files;
}

bool isReplaced(const std::string& name, const std::vector<SmallFile>& files) {
  return std::any_of(files.begin(), files.end(),
                     [&](const SmallFile& file) { return file.name == name; });
}

Result<std::uint64_t> bytesOf(const CompanionFile& companion) {
  const auto file = openRegularFile(companion.path);
  if (!file) return file.error();
  const auto identity = identityOf(file->get(), companion.path);
  if (!identity) return identity.error();
  return identity->bytes;
}

class StateDictSink : public TensorSink {
 public:
  StateDictSink(const StateDictFormat& format, const OutputPath& path, const ModelHeader& header,
                const Executor& executor)
      : format_(format),
        executor_(executor),
        header_(header),
        placement_(placementOf(format, header)),
        folder_(path) {}

  Status begin() {
    if (auto status = folder_.create(); !status) return status;
    for (std::size_t i = 0; i < placement_.headers.size(); ++i) {
      auto& shard = shards_.emplace_back(
          std::make_unique<PendingFile>(folder_.pathOf(placement_.fileNames[i])));
      if (auto status = inside(shard->create()); !status) return status;
      if (auto status = inside(shard->reserve(placement_.sizes[i])); !status) return status;
      if (auto status = inside(shard->writeAt(0, placement_.headers[i])); !status) return status;
    }
    return ok();
  }

  Status add(const ExportTensor& tensor) override {
    return withinMemory(folder_.path(), [&]() -> Status {
      const std::size_t first = placement_.firstOf[added_];
      const std::size_t last = placement_.firstOf[++added_];
      std::vector<PlannedArray> plan;
      for (std::size_t i = first; i < last; ++i) plan.push_back(placement_.arrays[i].array);
      const PackedArrays packed = format_.pack(tensor, plan, executor_);
      for (std::size_t i = first; i < last; ++i) {
        const std::vector<std::byte>& bytes = packed.at(i - first);
        if (bytes.size() != plan[i - first].bytes()) {
          return Error{ErrorCode::OutputFailed, folder_.path() + ": " + plan[i - first].name +
                                                    " has another size than planned"};
        }
        if (auto status = writeAt(i, 0, bytes.data(), bytes.size()); !status) return status;
      }
      tensors_.push_back(moduleOf(tensor.info.name) + ".weight");
      return ok();
    });
  }

  Status pass(const TensorInfo& info, const ArrayReader& read) override {
    return withinMemory(folder_.path(), [&]() -> Status {
      const std::size_t index = placement_.firstOf.back() + passed_++;
      const PlannedArray& array = placement_.arrays[index].array;
      Sha256 digest;
      std::uint64_t done = 0;
      const TakeBytes take = [&](const std::byte* bytes, std::size_t count) -> Status {
        if (count > array.bytes() - done) return otherSize(info);
        digest.add(bytes, count);
        if (auto status = writeAt(index, done, bytes, count); !status) return status;
        done += count;
        return ok();
      };
      if (auto status = read(take); !status) return status;
      if (done != array.bytes()) return otherSize(info);
      written_.push_back({array.name, digest.text()});
      return ok();
    });
  }

  Result<FinishedFile> finish() override {
    return withinMemory(folder_.path(), [&]() -> Result<FinishedFile> {
      for (const auto& shard : shards_) {
        if (auto status = inside(shard->commit()); !status) return status.error();
      }
      std::vector<SmallFile> files = smallFilesOf(format_, header_, placement_);
      for (const SmallFile& file : files) {
        if (auto status = inside(writeFile(folder_.pathOf(file.name), file.content)); !status) {
          return status.error();
        }
      }
      names_ = placement_.fileNames;
      for (const SmallFile& file : files) names_.push_back(file.name);
      for (const CompanionFile& companion : header_.companions) {
        if (isReplaced(companion.name, files)) continue;
        if (auto status = copy(companion); !status) return status.error();
        names_.push_back(companion.name);
      }
      const std::string first = placement_.isSharded() ? kIndexFile : placement_.fileNames[0];
      return FinishedFile{folder_.pathOf(first), std::move(written_), std::move(tensors_)};
    });
  }

  Status addFile(const std::string& name, const std::string& content) override {
    if (auto status = inside(writeFile(folder_.pathOf(name), content)); !status) return status;
    names_.push_back(name);
    return ok();
  }

  Status commit() override { return folder_.commit(names_); }

 private:
  /// Files in the temporary folder are named by people only as the final one.
  Status inside(const Status& status) const {
    if (status) return status;
    std::string message = status.error().message;
    const std::string temporary = folder_.temporaryPath();
    if (const std::size_t at = message.find(temporary); at != std::string::npos) {
      message.replace(at, temporary.size(), folder_.path());
    }
    return Error{status.error().code, message};
  }

  Error otherSize(const TensorInfo& info) const {
    return {ErrorCode::UnreadableFile, info.name + ": is not what was listed; open it again"};
  }

  Status writeAt(std::size_t index, std::uint64_t offset, const std::byte* bytes,
                 std::size_t count) {
    const PlacedArray& placed = placement_.arrays[index];
    const std::uint64_t begin = placement_.headers[placed.shard].size() + placed.begin + offset;
    return inside(
        shards_[placed.shard]->writeAt(begin, {reinterpret_cast<const char*>(bytes), count}));
  }

  Status copy(const CompanionFile& companion) const {
    const auto file = openRegularFile(companion.path);
    if (!file) return file.error();
    const auto before = identityOf(file->get(), companion.path);
    if (!before) return before.error();
    PendingFile pending(folder_.pathOf(companion.name));
    if (auto status = inside(pending.create()); !status) return status;
    std::vector<char> buffer(kCopyBytes);
    std::uint64_t done = 0;
    for (;;) {
      const ssize_t count = ::read(file->get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        return Error{ErrorCode::UnreadableFile, companion.path + ": " + std::strerror(errno)};
      }
      if (count == 0) break;
      const auto size = static_cast<std::size_t>(count);
      if (auto status = inside(pending.write({buffer.data(), size})); !status) return status;
      done += size;
    }
    if (done != before->bytes) return changedWhileInUse(companion.path);
    return inside(pending.commit());
  }

  const StateDictFormat& format_;
  const Executor& executor_;
  const ModelHeader header_;
  const Placement placement_;
  PendingFolder folder_;
  std::vector<std::unique_ptr<PendingFile>> shards_;
  std::size_t added_ = 0;
  std::size_t passed_ = 0;
  std::vector<WrittenArray> written_;
  std::vector<std::string> tensors_;
  std::vector<std::string> names_;  ///< of all files in the folder
};

}  // namespace

std::uint64_t PlannedArray::bytes() const {
  std::uint64_t count = elementBytes(type);
  for (const std::uint64_t side : shape) count *= side;
  return count;
}

std::string safetensorsType(const std::string& dtype) {
  for (const NamedType& known : kTypes) {
    if (known.dtype == dtype) return std::string(known.name);
  }
  return "";
}

std::string stateDictName(const std::string& name) {
  std::string result = name;
  std::replace(result.begin(), result.end(), '/', '.');
  return result;
}

std::string moduleOf(const std::string& name) {
  std::string module = stateDictName(name);
  for (const std::string_view suffix : {".weight", ".kernel"}) {
    if (module.ends_with(suffix)) {
      module.resize(module.size() - suffix.size());
      return module;
    }
  }
  return module == "weight" ? "" : module;
}

Result<std::unique_ptr<TensorSink>> createStateDict(const StateDictFormat& format,
                                                    const OutputPath& path,
                                                    const ModelHeader& header,
                                                    const Executor& executor) {
  return withinMemory(path.path, [&]() -> Result<std::unique_ptr<TensorSink>> {
    auto sink = std::make_unique<StateDictSink>(format, path, header, executor);
    if (auto status = sink->begin(); !status) return status.error();
    return std::unique_ptr<TensorSink>(std::move(sink));
  });
}

Result<std::uint64_t> stateDictSize(const StateDictFormat& format, const ModelHeader& header) {
  const Placement placement = placementOf(format, header);
  std::uint64_t bytes = 0;
  for (const std::uint64_t size : placement.sizes) bytes += size;
  const std::vector<SmallFile> files = smallFilesOf(format, header, placement);
  for (const SmallFile& file : files) bytes += file.content.size();
  for (const CompanionFile& companion : header.companions) {
    if (isReplaced(companion.name, files)) continue;
    const auto size = bytesOf(companion);
    if (!size) return size.error();
    bytes += *size;
  }
  return bytes;
}

}  // namespace quantoscope
