#include "core/io/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/json.h"
#include "core/io/container/dense_container.h"

namespace quantoscope {

namespace {

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kLongestHeader = 100'000'000;

struct NamedType {
  std::string_view name;
  ElementType type;
};

constexpr std::array<NamedType, 16> kTypes = {{{"F64", ElementType::Float64},
                                               {"F32", ElementType::Float32},
                                               {"F16", ElementType::Float16},
                                               {"BF16", ElementType::BFloat16},
                                               {"F8_E4M3", ElementType::Float8E4M3},
                                               {"F8_E5M2", ElementType::Float8E5M2},
                                               {"F8_E8M0", ElementType::Float8E8M0},
                                               {"I64", ElementType::Int64},
                                               {"I32", ElementType::Int32},
                                               {"I16", ElementType::Int16},
                                               {"I8", ElementType::Int8},
                                               {"U64", ElementType::UInt64},
                                               {"U32", ElementType::UInt32},
                                               {"U16", ElementType::UInt16},
                                               {"U8", ElementType::UInt8},
                                               {"BOOL", ElementType::Bool}}};

std::optional<ElementType> typeNamed(const std::string& name) {
  const auto* found = std::find_if(kTypes.begin(), kTypes.end(),
                                   [&](const NamedType& type) { return type.name == name; });
  if (found == kTypes.end()) return std::nullopt;
  return found->type;
}

/// One member of the header.
struct Entry {
  std::string name;
  std::string dtype;
  std::optional<ElementType> type;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

Error damaged(const std::string& why) {
  return {ErrorCode::UnreadableFile, "the header is damaged: " + why};
}

/// The 8 bytes at the front: the length of the header behind them.
std::uint64_t headerLength(std::string_view head) {
  std::uint64_t length = 0;
  for (std::size_t i = kLengthBytes; i-- > 0;) {
    length = length << 8 | static_cast<unsigned char>(head[i]);
  }
  return length;
}

/// A list of integers that are not negative; nothing for anything else.
std::optional<std::vector<std::uint64_t>> countsOf(const Json* value) {
  const Json::Array* items = value ? value->asArray() : nullptr;
  if (!items) return std::nullopt;
  std::vector<std::uint64_t> counts;
  counts.reserve(items->size());
  for (const Json& item : *items) {
    const std::int64_t* count = item.asInteger();
    if (!count || *count < 0) return std::nullopt;
    counts.push_back(static_cast<std::uint64_t>(*count));
  }
  return counts;
}

Result<Entry> readEntry(const std::string& name, const Json& member) {
  const Json* dtype = member.find("dtype");
  const auto shape = countsOf(member.find("shape"));
  const auto offsets = countsOf(member.find("data_offsets"));
  if (!dtype || !dtype->asString()) return damaged(name + " has no dtype");
  if (!shape) return damaged(name + " has no shape of whole numbers");
  if (!offsets || offsets->size() != 2 || (*offsets)[0] > (*offsets)[1]) {
    return damaged(name + " has no data_offsets [begin, end]");
  }
  Entry entry{name,   *dtype->asString(), typeNamed(*dtype->asString()),
              *shape, (*offsets)[0],      (*offsets)[1]};
  if (entry.type) {
    const auto bytes = denseBytes(entry.shape, storedBytesOf(*entry.type));
    if (!bytes || *bytes != entry.end - entry.begin) {
      return damaged(name + " has " + std::to_string(entry.end - entry.begin) +
                     " bytes, which do not match its shape");
    }
  }
  return entry;
}

/// A header may list millions of arrays: whoever waits is told that it goes on.
class Steps {
 public:
  explicit Steps(const TaskControl& control) : control_(control) {}
  void reached(std::uint64_t steps) {
    steps_ = std::max(steps_, steps);
    if (control_.progress) control_.progress(steps_, 0);
  }
  std::uint64_t count() const { return steps_; }
  void next() {
    if (++steps_ % 1024 == 0) reached(steps_);
  }

 private:
  const TaskControl& control_;
  std::uint64_t steps_ = 0;
};

Result<std::vector<Entry>> readEntries(const Json& header, Steps& steps) {
  if (!header.isObject()) return damaged("no JSON object");
  std::vector<Entry> entries;
  for (const auto& [name, member] : *header.asObject()) {
    if (name == "__metadata__") {
      // Null stands for "none": MLX writes it, and the format's own reader takes it.
      if (!member.isObject() && !member.isNull()) return damaged("__metadata__ is no object");
      continue;
    }
    steps.next();
    auto entry = readEntry(name, member);
    if (!entry) return entry.error();
    entries.push_back(*std::move(entry));
  }
  return entries;
}

Result<std::vector<Entry>> parseEntries(const std::string& header, Steps& steps) {
  const auto json = parseJson(header, "the header is damaged",
                              [&steps](std::uint64_t keys) { steps.reached(keys); });
  if (!json) return json.error();
  return readEntries(*json, steps);
}

/// Each byte must belong to exactly one array. `entries` are in the order of their bytes.
Status checkCover(const std::vector<Entry>& entries, std::uint64_t dataBytes) {
  std::uint64_t covered = 0;
  const Entry* before = nullptr;
  for (const Entry& entry : entries) {
    if (entry.begin < covered) {
      return damaged("the bytes of " + before->name + " and " + entry.name + " overlap");
    }
    if (entry.begin > covered) {
      return damaged(std::to_string(entry.begin - covered) + " bytes before " + entry.name +
                     " belong to no array");
    }
    covered = entry.end;
    before = &entry;
  }
  if (covered < dataBytes) {
    return damaged(std::to_string(dataBytes - covered) +
                   " bytes at the end of the file belong to no array");
  }
  return ok();
}

Result<std::string> readHeader(const ByteSource& bytes) {
  const auto head = readText(bytes, 0, kLengthBytes);
  if (!head) return head.error();
  const std::uint64_t length = headerLength(*head);
  if (length > kLongestHeader) {
    return damaged("it claims " + std::to_string(length) + " bytes; at most 100000000 are allowed");
  }
  return readText(bytes, kLengthBytes, static_cast<std::size_t>(length));
}

bool isCutOff(const Entry& entry, std::uint64_t dataBytes) {
  return entry.begin < entry.end && entry.end > dataBytes;
}

std::string obstacleTo(const Entry& entry, std::uint64_t dataBytes) {
  if (isCutOff(entry, dataBytes)) {
    const std::uint64_t missing = entry.end - std::max(entry.begin, dataBytes);
    return "the file is cut off: " + std::to_string(missing) + " of its bytes are missing";
  }
  return entry.type ? "" : shortTypeName(entry.dtype) + ": a dtype that is not read";
}

Result<SharedContainer> parse(const SharedByteSource& bytes, const std::string& name,
                              const TaskControl& control) {
  Steps steps(control);
  const auto header = readHeader(*bytes);
  if (!header) return header.error();
  auto entries = parseEntries(*header, steps);
  if (!entries) return entries.error();
  steps.reached(steps.count() + 1);  // the JSON, which takes its time to be freed, is gone
  const auto position = [](const Entry& entry) { return std::pair(entry.begin, entry.end); };
  std::stable_sort(entries->begin(), entries->end(),
                   [&](const Entry& a, const Entry& b) { return position(a) < position(b); });
  const std::uint64_t dataStart = kLengthBytes + header->size();
  const std::uint64_t dataBytes = bytes->size() - dataStart;
  if (Status status = checkCover(*entries, dataBytes); !status) return status.error();

  auto container = std::make_shared<DenseContainer>(name, "safetensors");
  for (Entry& entry : *entries) {
    steps.next();
    std::string obstacle = obstacleTo(entry, dataBytes);
    if (obstacle.empty()) {
      container->add({std::move(entry.name), *entry.type, std::move(entry.shape), bytes,
                      dataStart + entry.begin});
    } else {
      const std::string dtype = entry.type ? elementOfType(*entry.type).name : entry.dtype;
      const std::uint64_t elementBytes = entry.type ? storedBytesOf(*entry.type) : 0;
      StoredArray array;
      array.path = std::move(entry.name);
      array.shape = std::move(entry.shape);
      array.dtype = dtype;
      array.elementBytes = elementBytes;
      array.obstacle = std::move(obstacle);
      array.incomplete = isCutOff(entry, dataBytes);
      container->addUnreadable(std::move(array));
    }
  }
  return SharedContainer(std::move(container));
}

/// A length, then the JSON object of that length. Weak: an impossible length, followed all the same
/// by a JSON object of arrays.
Likeness sniff(const FileHead& head) {
  const std::string& start = head.start;
  if (start.size() <= kLengthBytes || start[kLengthBytes] != '{') return Likeness::None;
  const std::uint64_t length = headerLength(start);
  if (length <= kLongestHeader && length <= head.bytes->size() - kLengthBytes) {
    return Likeness::Strong;
  }
  const char next = start.size() > kLengthBytes + 1 ? start[kLengthBytes + 1] : ' ';
  const bool arrays = next == '"' || next == '}';
  return arrays && !beginsJson(head) ? Likeness::Weak : Likeness::None;
}

Result<SharedContainer> open(const std::string& path, const OpenOptions& options,
                             const PartOpener&) {
  const auto bytes = openFileBytes(path);
  if (!bytes) return bytes.error();
  return openSafetensors(*bytes, path, options.control);
}

constexpr const char* kSuffixes[] = {".safetensors"};
constexpr const char* kMimeTypes[] = {"application/x-safetensors"};

}  // namespace

constinit const ContainerFormat kSafetensorsFormat = {
    .name = "safetensors",
    .description = "a safetensors file",
    .suffixes = kSuffixes,
    .mimeTypes = kMimeTypes,
    .sniff = sniff,
    .open = open,
};

Result<SharedContainer> openSafetensors(const SharedByteSource& bytes, const std::string& name,
                                        const TaskControl& control) {
  auto container = parse(bytes, name, control);
  if (!container) return about(name, container.error());
  return container;
}

}  // namespace quantoscope
