#include "core/io/reader/protocol.h"

#include <algorithm>
#include <array>

#include "core/io/container/element_type.h"
#include "core/io/reader/wire.h"

namespace quantoscope::protocol {

namespace {

constexpr std::size_t kMostPath = 65536;
constexpr std::size_t kMostErrorText = 2000;
constexpr std::size_t kMostName = kLongestTypeName;
constexpr std::size_t kMostFilters = 32;  // HDF5 allows no more
constexpr std::size_t kMostParts = std::size_t{16} << 20;
constexpr std::size_t kMostElementBytes = std::size_t{1} << 32;

/// On the wire a value is its place in such a list, whatever number the compiler gives it.
constexpr std::array kFloatTypes = {StoredType::Float32, StoredType::Float64, StoredType::Float16,
                                    StoredType::BFloat16};
constexpr std::array kErrorCodes = {
    ErrorCode::InvalidArgument, ErrorCode::NotFound,  ErrorCode::UnreadableFile,
    ErrorCode::DoesNotFit,      ErrorCode::NotFinite, ErrorCode::OutputFailed,
    ErrorCode::Cancelled,
};

template <typename T, std::size_t N>
std::uint8_t placeIn(const std::array<T, N>& all, T value) {
  return static_cast<std::uint8_t>(std::find(all.begin(), all.end(), value) - all.begin());
}

/// A value only where the message was taken whole.
template <typename T>
std::optional<T> whole(const WireReader& reader, T value) {
  if (!reader.atEnd()) return std::nullopt;
  return value;
}

std::string readPath(WireReader& reader) {
  std::string path = reader.text(kMostPath);
  if (path.empty() || path.find('\0') != std::string::npos) reader.fail();
  return path;
}

/// Of an array: anything that a file may call one, the empty text too.
std::string readName(WireReader& reader) {
  return reader.text(kMostPayload);
}

void put(WireWriter& writer, const std::optional<std::vector<std::string>>& texts) {
  writer.number<std::uint8_t>(texts.has_value());
  if (!texts) return;
  writer.number<std::uint64_t>(texts->size());
  for (const std::string& text : *texts) writer.text(text);
}

std::optional<std::vector<std::string>> readTexts(WireReader& reader) {
  if (!reader.flag()) return std::nullopt;
  std::vector<std::string> texts(reader.count(kMostParts, sizeof(std::uint64_t)));
  for (std::string& text : texts) text = reader.text(kMostContents);
  return texts;
}

void put(WireWriter& writer, const StoredArray& array) {
  writer.text(array.path);
  writer.numbers(array.shape);
  writer.text(array.dtype);
  writer.number<std::uint64_t>(array.elementBytes);
  writer.text(array.obstacle);
  writer.number<std::uint8_t>(array.refused);
  writer.text(array.alias);
  writer.number<std::uint64_t>(array.filters.size());
  for (const std::string& filter : array.filters) writer.text(filter);
  writer.numbers(array.chunk);
  writer.number<std::uint8_t>(array.incomplete);
  writer.number(array.part);
  writer.text(array.quantized);
  writer.text(array.quantizedAs);
  writer.number<std::uint8_t>(array.inputsFirst);
}

StoredArray readArray(WireReader& reader) {
  StoredArray array;
  array.path = reader.text(kMostContents);
  array.shape = reader.numbers<std::uint64_t>(kMostAxes);
  array.dtype = reader.text(kMostName);
  array.elementBytes = reader.number<std::uint64_t>();
  array.obstacle = reader.text(kMostContents);
  array.refused = reader.flag();
  array.alias = reader.text(kMostContents);
  array.filters.resize(reader.count(kMostFilters, sizeof(std::uint64_t)));
  for (std::string& filter : array.filters) filter = reader.text(kMostName);
  array.chunk = reader.numbers<std::uint64_t>(kMostAxes);
  array.incomplete = reader.flag();
  array.part = reader.number<std::uint64_t>();
  array.quantized = reader.text(kMostContents);
  array.quantizedAs = reader.text(kMostContents);
  array.inputsFirst = reader.flag();
  return array;
}

void put(WireWriter& writer, const NativeAttributes& native) {
  writer.text(native.packing);
  writer.text(native.dtype);
  writer.text(native.compute);
  writer.text(native.sourceDtype);
  writer.numbers(native.sourceShape);
  writer.number(native.groupSize);
  writer.number(native.cols);
  writer.number(native.codeBits);
  writer.number(native.codeOffset);
}

NativeAttributes readNative(WireReader& reader) {
  NativeAttributes native;
  native.packing = reader.text(kMostContents);
  native.dtype = reader.text(kMostContents);
  native.compute = reader.text(kMostContents);
  native.sourceDtype = reader.text(kMostContents);
  native.sourceShape = reader.numbers<std::uint64_t>(kMostAxes);
  native.groupSize = reader.number<std::int64_t>();
  native.cols = reader.number<std::int64_t>();
  native.codeBits = reader.number<std::int64_t>();
  native.codeOffset = reader.number<std::int64_t>();
  return native;
}

void put(WireWriter& writer, const GroupAttributes& group) {
  put(writer, group.layerNames);
  put(writer, group.weightNames);
  writer.text(group.kerasVersion);
  writer.text(group.name);
  writer.text(group.orientation);
  writer.text(group.sourceName);
  writer.numbers(group.axes);
  writer.number(group.rowAxes);
  put(writer, group.native);
}

GroupAttributes readGroup(WireReader& reader) {
  GroupAttributes group;
  group.layerNames = readTexts(reader);
  group.weightNames = readTexts(reader);
  group.kerasVersion = reader.text(kMostContents);
  group.name = reader.text(kMostContents);
  group.orientation = reader.text(kMostContents);
  group.sourceName = reader.text(kMostContents);
  group.axes = reader.numbers<std::uint64_t>(kMostAxes);
  group.rowAxes = reader.number<std::uint64_t>();
  group.native = readNative(reader);
  return group;
}

void put(WireWriter& writer, const StoredPart& part) {
  writer.text(part.name);
  writer.number<std::uint8_t>(part.identity.has_value());
  if (!part.identity) return;
  writer.number(part.identity->device);
  writer.number(part.identity->inode);
  writer.number(part.identity->bytes);
  writer.number(part.identity->modifiedNs);
  writer.number(part.identity->changedNs);
}

StoredPart readPart(WireReader& reader) {
  StoredPart part;
  part.name = reader.text(kMostPath);
  if (!isPlainName(part.name)) reader.fail();
  if (!reader.flag()) return part;
  FileIdentity identity;
  identity.device = reader.number<std::uint64_t>();
  identity.inode = reader.number<std::uint64_t>();
  identity.bytes = reader.number<std::uint64_t>();
  identity.modifiedNs = reader.number<std::int64_t>();
  identity.changedNs = reader.number<std::int64_t>();
  part.identity = identity;
  return part;
}

void put(WireWriter& writer, const StoredCheck& check) {
  writer.text(check.name);
  writer.number(check.offset);
  writer.number(check.bytes);
  writer.number(check.crc32);
  writer.number(check.part);
  writer.number<std::uint8_t>(check.isDamaged);
}

StoredCheck readCheck(WireReader& reader) {
  StoredCheck check;
  check.name = reader.text(kMostPath);
  check.offset = reader.number<std::uint64_t>();
  check.bytes = reader.number<std::uint64_t>();
  check.crc32 = reader.number<std::uint32_t>();
  check.part = reader.number<std::uint64_t>();
  check.isDamaged = reader.flag();
  return check;
}

void put(WireWriter& writer, const StoredMember& member) {
  writer.text(member.name);
  writer.number(member.offset);
  writer.number(member.storedBytes);
  writer.number(member.bytes);
  writer.number(member.crc32);
  writer.number<std::uint8_t>(member.isDeflated);
  writer.number<std::uint8_t>(member.isUtf8);
}

StoredMember readMember(WireReader& reader) {
  StoredMember member;
  member.name = reader.text(kMostPath);
  member.offset = reader.number<std::uint64_t>();
  member.storedBytes = reader.number<std::uint64_t>();
  member.bytes = reader.number<std::uint64_t>();
  member.crc32 = reader.number<std::uint32_t>();
  member.isDeflated = reader.flag();
  member.isUtf8 = reader.flag();
  return member;
}

/// Whether everything lies in a file that there is.
bool knowsItsParts(const StoredFile& contents) {
  const auto known = [&](const auto& item) { return item.part <= contents.parts.size(); };
  return std::all_of(contents.arrays.begin(), contents.arrays.end(), known) &&
         std::all_of(contents.checks.begin(), contents.checks.end(), known);
}

bool isPossible(const StoredElement& element) {
  if (element.bytes == 0) return !element.floatType && !element.integer;
  return !element.floatType || element.bytes == storedBytesOf(*element.floatType);
}

}  // namespace

std::optional<Type> typeOf(const Header& header) {
  if (header.magic != kMagic || header.unused != 0 || header.bytes > kMostPayload) {
    return std::nullopt;
  }
  const auto type = static_cast<Type>(header.type);
  switch (type) {
    case Type::Open:
    case Type::Describe:
    case Type::Read:
    case Type::Confine:
    case Type::HandFile:
    case Type::RefuseFile:
    case Type::Progress:
    case Type::ContentsPart:
    case Type::Opened:
    case Type::Description:
    case Type::Done:
    case Type::Failed:
    case Type::Names:
    case Type::Confined:
    case Type::FileWanted:
      return type;
  }
  return std::nullopt;
}

std::string encode(const Open& message) {
  WireWriter writer;
  writer.text(message.path);
  writer.number<std::uint8_t>(message.allowOutside);
  writer.number<std::uint8_t>(message.wordsAreBFloat16);
  writer.number<std::uint8_t>(message.asStored);
  writer.number<std::uint64_t>(message.memoryBytes);
  return writer.take();
}

std::optional<Open> decodeOpen(std::string_view payload) {
  WireReader reader(payload);
  Open message;
  message.path = readPath(reader);
  message.allowOutside = reader.flag();
  message.wordsAreBFloat16 = reader.flag();
  message.asStored = reader.flag();
  message.memoryBytes = reader.number<std::uint64_t>();
  return whole(reader, std::move(message));
}

std::string encode(const SandboxReport& message) {
  WireWriter writer;
  for (const Confinement& row : kConfinements) {
    writer.number<std::uint8_t>(message.*row.inForce);
  }
  return writer.take();
}

std::optional<SandboxReport> decodeSandboxReport(std::string_view payload) {
  WireReader reader(payload);
  SandboxReport message;
  for (const Confinement& row : kConfinements) message.*row.inForce = reader.flag();
  return whole(reader, message);
}

std::string encode(const Describe& message) {
  WireWriter writer;
  writer.text(message.path);
  return writer.take();
}

std::optional<Describe> decodeDescribe(std::string_view payload) {
  WireReader reader(payload);
  Describe message{readName(reader)};
  return whole(reader, std::move(message));
}

std::string encode(const FileWanted& message) {
  WireWriter writer;
  writer.text(message.name);
  return writer.take();
}

std::optional<FileWanted> decodeFileWanted(std::string_view payload) {
  WireReader reader(payload);
  FileWanted message{readPath(reader)};
  if (!isPlainName(message.name)) return std::nullopt;
  return whole(reader, std::move(message));
}

std::string encode(const Read& message) {
  WireWriter writer;
  writer.text(message.path);
  writer.numbers(message.box.start);
  writer.numbers(message.box.count);
  writer.number<std::uint8_t>(message.asFloat);
  return writer.take();
}

std::optional<Read> decodeRead(std::string_view payload) {
  WireReader reader(payload);
  Read message;
  message.path = readName(reader);
  message.box.start = reader.numbers<std::size_t>(kMostAxes);
  message.box.count = reader.numbers<std::size_t>(kMostAxes);
  message.asFloat = reader.flag();
  if (message.box.start.size() != message.box.count.size()) return std::nullopt;
  return whole(reader, std::move(message));
}

std::string encode(const Progress& message) {
  WireWriter writer;
  writer.number(message.done);
  writer.number(message.total);
  return writer.take();
}

std::optional<Progress> decodeProgress(std::string_view payload) {
  WireReader reader(payload);
  Progress message;
  message.done = reader.number<std::uint64_t>();
  message.total = reader.number<std::uint64_t>();
  return whole(reader, message);
}

std::string encode(const Description& message) {
  WireWriter writer;
  writer.text(message.element.name);
  writer.number<std::uint64_t>(message.element.bytes);
  writer.number<std::uint8_t>(message.element.integer);
  writer.number<std::uint8_t>(
      message.element.floatType ? 1 + placeIn(kFloatTypes, *message.element.floatType) : 0);
  writer.number<std::uint8_t>(message.extent.has_value());
  if (message.extent) {
    writer.text(message.extent->file);
    writer.number(message.extent->offset);
    writer.number(message.extent->bytes);
  }
  writer.numbers(message.chunk);
  return writer.take();
}

std::optional<Description> decodeDescription(std::string_view payload) {
  WireReader reader(payload);
  Description message;
  message.element.name = reader.text(kMostName);
  message.element.bytes = reader.number<std::uint64_t>();
  message.element.integer = reader.flag();
  const auto type = reader.number<std::uint8_t>();
  if (type > kFloatTypes.size()) return std::nullopt;
  if (type > 0) message.element.floatType = kFloatTypes[type - 1u];
  if (message.element.bytes > kMostElementBytes || !isPossible(message.element)) {
    return std::nullopt;
  }
  if (reader.flag()) {
    FileExtent extent;
    extent.file = reader.text(kMostPath);
    extent.offset = reader.number<std::uint64_t>();
    extent.bytes = reader.number<std::uint64_t>();
    if (extent.file.find('\0') != std::string::npos) return std::nullopt;
    message.extent = std::move(extent);
  }
  message.chunk = reader.numbers<std::size_t>(kMostAxes);
  if (std::find(message.chunk.begin(), message.chunk.end(), 0u) != message.chunk.end()) {
    return std::nullopt;
  }
  return whole(reader, std::move(message));
}

std::string encode(const Error& message) {
  WireWriter writer;
  writer.number<std::uint8_t>(placeIn(kErrorCodes, message.code));
  writer.text(std::string_view(message.message).substr(0, kMostErrorText));
  return writer.take();
}

std::optional<Error> decodeError(std::string_view payload) {
  WireReader reader(payload);
  const auto code = reader.number<std::uint8_t>();
  if (code >= kErrorCodes.size()) return std::nullopt;
  Error message{kErrorCodes[code], reader.text(kMostErrorText)};
  for (char& c : message.message) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  return whole(reader, std::move(message));
}

std::vector<std::string> encodeNames(const std::vector<std::string>& names) {
  std::vector<std::string> messages;
  for (std::size_t begin = 0; begin < names.size();) {
    std::size_t end = begin;
    std::size_t bytes = sizeof(std::uint64_t);
    for (; end < names.size() && bytes + sizeof(std::uint64_t) + names[end].size() <= kMostPayload;
         ++end) {
      bytes += sizeof(std::uint64_t) + names[end].size();
    }
    WireWriter writer;
    writer.number<std::uint64_t>(end - begin);
    for (std::size_t i = begin; i < end; ++i) writer.text(names[i]);
    if (end > begin) messages.push_back(writer.take());
    begin =
        end > begin ? end : begin + 1;  // a name that fits into no message is told with the rest
  }
  return messages;
}

std::optional<std::vector<std::string>> decodeNames(std::string_view payload) {
  WireReader reader(payload);
  std::vector<std::string> names(reader.count(kMostParts, sizeof(std::uint64_t)));
  for (std::string& name : names) name = reader.text(kMostPayload);
  return whole(reader, std::move(names));
}

std::string encode(const StoredFile& contents) {
  WireWriter writer;
  writer.number<std::uint64_t>(contents.arrays.size());
  for (const StoredArray& array : contents.arrays) put(writer, array);
  writer.number<std::uint64_t>(contents.groups.size());
  for (const auto& [path, group] : contents.groups) {
    writer.text(path);
    put(writer, group);
  }
  writer.number<std::uint64_t>(contents.order.size());
  for (const std::string& path : contents.order) writer.text(path);
  writer.text(contents.modelConfig);
  writer.text(contents.configProblem);
  writer.text(contents.format);
  writer.number<std::uint64_t>(contents.parts.size());
  for (const StoredPart& part : contents.parts) put(writer, part);
  writer.number<std::uint64_t>(contents.checks.size());
  for (const StoredCheck& check : contents.checks) put(writer, check);
  writer.text(contents.quantization);
  writer.number<std::uint64_t>(contents.members.size());
  for (const StoredMember& member : contents.members) put(writer, member);
  writer.text(contents.quantizationConfig);
  writer.text(contents.quantizationProblem);
  return writer.take();
}

std::optional<StoredFile> decodeContents(std::string_view payload) {
  constexpr std::size_t kLeastArray = 11 * sizeof(std::uint64_t) + 3;
  constexpr std::size_t kLeastGroup = 16 * sizeof(std::uint64_t) + 2;
  WireReader reader(payload);
  StoredFile contents;
  contents.arrays.resize(reader.count(kMostArrays, kLeastArray));
  for (StoredArray& array : contents.arrays) array = readArray(reader);
  const std::size_t groups = reader.count(kMostParts, kLeastGroup);
  for (std::size_t i = 0; i < groups && !reader.failed(); ++i) {
    std::string path = reader.text(kMostContents);
    contents.groups.emplace(std::move(path), readGroup(reader));
  }
  contents.order.resize(reader.count(kMostParts, sizeof(std::uint64_t)));
  for (std::string& path : contents.order) path = reader.text(kMostContents);
  contents.modelConfig = reader.text(kMostContents);
  contents.configProblem = reader.text(kMostContents);
  contents.format = reader.text(kMostContents);
  contents.parts.resize(reader.count(kMostParts, sizeof(std::uint64_t)));
  for (StoredPart& part : contents.parts) part = readPart(reader);
  contents.checks.resize(reader.count(kMostParts, 4 * sizeof(std::uint64_t)));
  for (StoredCheck& check : contents.checks) check = readCheck(reader);
  if (!knowsItsParts(contents)) return std::nullopt;
  contents.quantization = reader.text(kMostContents);
  contents.members.resize(reader.count(kMostParts, 4 * sizeof(std::uint64_t)));
  for (StoredMember& member : contents.members) member = readMember(reader);
  contents.quantizationConfig = reader.text(kMostContents);
  contents.quantizationProblem = reader.text(kMostContents);
  return whole(reader, std::move(contents));
}

}  // namespace quantoscope::protocol
