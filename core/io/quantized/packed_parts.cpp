#include "core/io/quantized/packed_parts.h"

#include <numeric>
#include <utility>

#include "core/base/checked.h"
#include "core/io/container/element_type.h"

namespace quantoscope {

namespace {

Result<const StoredArray*> readable(const StoredArray* part) {
  if (part != nullptr && !part->obstacle.empty()) {
    return undecodable(nameOfPart(*part) + " cannot be read: " + part->obstacle);
  }
  return part;
}

std::uint64_t ceilOf(std::uint64_t a, std::uint64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

}  // namespace

Error undecodable(const std::string& why) {
  return {ErrorCode::UnreadableFile, why};
}

Result<const StoredArray*> neededPart(const Siblings& siblings, std::string_view name) {
  const StoredArray* part = siblings.find(name);
  if (part == nullptr) {
    std::string plain(name);
    if (plain.starts_with('*')) plain.replace(0, 1, siblings.name());
    return undecodable("there is no " + plain + " beside it");
  }
  return readable(part);
}

Result<const StoredArray*> optionalPart(const Siblings& siblings, std::string_view name) {
  return readable(siblings.find(name));
}

bool isFloatType(const StoredArray& array) {
  return array.dtype.starts_with("float") || array.dtype == "bfloat16";
}

std::string nameOfPart(const StoredArray& array) {
  return array.path.substr(array.path.find_last_of("./+") + 1);  // npos + 1 is 0
}

std::optional<std::uint64_t> leadingSides(const StoredArray& array, std::size_t inner) {
  if (array.shape.size() <= inner) return std::nullopt;
  const auto end = array.shape.end() - static_cast<std::ptrdiff_t>(inner);
  return checkedVolume(std::vector<std::uint64_t>(array.shape.begin(), end));
}

std::optional<long long> groupSizeAmong(std::uint64_t cols, std::uint64_t groups,
                                        const std::vector<long long>& known) {
  if (groups == 0 || groups > cols) return std::nullopt;
  if (groups == 1) return -1;
  std::optional<long long> fits;
  for (const long long size : known) {
    if (size <= 0 || ceilOf(cols, static_cast<std::uint64_t>(size)) != groups) continue;
    if (fits && *fits != size) return std::nullopt;
    fits = size;
  }
  if (fits) return fits;
  const std::uint64_t size = groupSizeOf(cols, groups);
  return size == 0 ? std::nullopt : std::optional(static_cast<long long>(size));
}

std::vector<std::uint32_t> evenGroups(std::size_t cols, long long size) {
  std::vector<std::uint32_t> groups(cols, 0);
  if (size <= 0) return groups;
  for (std::size_t c = 0; c < cols; ++c) {
    groups[c] = static_cast<std::uint32_t>(c / static_cast<std::size_t>(size));
  }
  return groups;
}

Result<std::vector<float>> readOver(const Container& container, const StoredArray& array,
                                    Bytes bytes, std::size_t rows, std::size_t groups,
                                    const TaskControl& control) {
  auto numbers = readNumbers(container, array, bytes, control);
  if (!numbers || numbers->size() == rows * groups) return numbers;
  if (numbers->size() == 1) return std::vector<float>(rows * groups, numbers->front());
  return Error{ErrorCode::UnreadableFile,
               array.path + ": holds " + std::to_string(numbers->size()) + " numbers, not " +
                   std::to_string(rows) + " x " + std::to_string(groups)};
}

Status checkRows(const PackedInfo& info, std::size_t firstRow, std::size_t rows) {
  if (liesWithin(firstRow, rows, info.rows)) return ok();
  return Error{ErrorCode::InvalidArgument,
               info.path + ": has " + std::to_string(info.rows) + " rows"};
}

PackedInfo newInfo(std::string path, std::string format, std::uint64_t rows, std::uint64_t cols,
                   int bits, long long groupSize) {
  PackedInfo info;
  info.path = std::move(path);
  info.format = std::move(format);
  info.detail = detailOfBits(bits, groupSize);
  info.rows = static_cast<std::size_t>(rows);
  info.cols = static_cast<std::size_t>(cols);
  info.bits = bits;
  info.groupSize = groupSize;
  return info;
}

std::string detailOfBits(int bits, long long groupSize) {
  const std::string text = std::to_string(bits) + " bits, ";
  return groupSize < 0 ? text + "a scale for each row"
                       : text + "groups of " + std::to_string(groupSize);
}

void unpackNibbles(NibbleOrder order, const std::uint8_t* bytes, std::size_t first,
                   std::size_t count, std::int16_t* codes) {
  const std::size_t odd = first % 2;
  const unsigned highAt = order == NibbleOrder::LowFirst ? 1 : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t at = i + odd;
    codes[i] = at % 2 == highAt ? bytes[at / 2] >> 4 : bytes[at / 2] & 15;
  }
}

std::vector<float> fp4Levels() {
  return {0, .5f, 1, 1.5f, 2, 3, 4, 6, -0.f, -.5f, -1, -1.5f, -2, -3, -4, -6};
}

std::vector<float> e4m3Levels() {
  std::vector<std::uint8_t> codes(256);
  std::iota(codes.begin(), codes.end(), std::uint8_t{0});
  std::vector<float> levels(codes.size());
  narrowFloatNamed("float8_e4m3fn")->decode(codes.data(), codes.size(), levels.data());
  return levels;
}

}  // namespace quantoscope
