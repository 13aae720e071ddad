#include "core/io/quantized/compressed_tensors.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/checked.h"
#include "core/io/quantized/packed_fp4.h"
#include "core/io/quantized/packed_parts.h"
#include "core/io/quantized/word_packing.h"

namespace quantoscope {

namespace {

constexpr int kMostBits = 8;
constexpr int kWordBits = 32;

/// How codes are stored.
struct Storage {
  int bits = 8;
  std::optional<WordPacking> words = {};  ///< none: a byte each
};

struct IntegerParts {
  StoredArray codes;
  StoredArray scales;
  std::optional<StoredArray> zeros;
  std::vector<std::uint32_t> order;  ///< the group of each column; empty: groups lie in a row
  std::size_t groups = 1;            ///< scales a row
};

/// What is added to signed codes to count them from 0.
int offsetOf(int bits) {
  return 1 << (bits - 1);
}

class CompressedIntegers : public PackedTensor {
 public:
  CompressedIntegers(IntegerParts parts, Storage storage, PackedInfo info)
      : parts_(std::move(parts)), storage_(storage), info_(std::move(info)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = parts_.groups;
    parameters.groupOf =
        parts_.order.empty() ? evenGroups(info_.cols, info_.groupSize) : parts_.order;
    auto scale =
        readOver(container, parts_.scales, Bytes::Numbers, info_.rows, parts_.groups, control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    if (!parts_.zeros) return parameters;
    auto zero = readZeros(container, control);
    if (!zero) return zero.error();
    parameters.zero = *std::move(zero);
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (Status status = checkRows(info_, firstRow, rows); !status) return status.error();
    auto codes = storage_.words ? readWords(container, firstRow, rows, control)
                                : readBytes(container, firstRow, rows, control);
    if (!codes) return codes;
    // Words hold codes that count from 0, bytes signed ones.
    const bool fromZero = parts_.zeros.has_value();
    const int shift = storage_.words ? (fromZero ? 0 : -offsetOf(storage_.bits))
                                     : (fromZero ? offsetOf(storage_.bits) : 0);
    for (std::int16_t& code : *codes) code = static_cast<std::int16_t>(code + shift);
    return codes;
  }

 private:
  Result<std::vector<std::int16_t>> readWords(const Container& container, std::size_t firstRow,
                                              std::size_t rows, const TaskControl& control) const {
    const auto words = readRows<std::uint32_t>(container, parts_.codes, 1, firstRow, rows, control);
    if (!words) return words.error();
    const auto each = static_cast<std::size_t>(parts_.codes.shape.back());
    std::vector<std::int16_t> codes(rows * info_.cols);
    for (std::size_t r = 0; r < rows; ++r) {
      unpackCodes(*storage_.words, storage_.bits, words->data() + r * each, info_.cols,
                  codes.data() + r * info_.cols);
    }
    return codes;
  }

  Result<std::vector<std::int16_t>> readBytes(const Container& container, std::size_t firstRow,
                                              std::size_t rows, const TaskControl& control) const {
    const auto bytes = readRows<std::int8_t>(container, parts_.codes, 1, firstRow, rows, control);
    if (!bytes) return bytes.error();
    return std::vector<std::int16_t>(bytes->begin(), bytes->end());
  }

  Result<std::vector<float>> readZeros(const Container& container,
                                       const TaskControl& control) const {
    if (parts_.zeros->dtype == "int32") return readPackedZeros(container, control);
    auto zeros =
        readOver(container, *parts_.zeros, Bytes::Numbers, info_.rows, parts_.groups, control);
    if (!zeros) return zeros;
    for (float& zero : *zeros) zero += static_cast<float>(offsetOf(storage_.bits));
    return zeros;
  }

  /// [words, groups], a stream for each group.
  Result<std::vector<float>> readPackedZeros(const Container& container,
                                             const TaskControl& control) const {
    const auto words =
        readElements<std::uint32_t>(container, *parts_.zeros, wholeOf(*parts_.zeros), control);
    if (!words) return words.error();
    std::vector<float> zeros(info_.rows * parts_.groups);
    std::vector<std::uint32_t> stream(words->size() / parts_.groups);
    std::vector<std::int16_t> unpacked(info_.rows);
    for (std::size_t g = 0; g < parts_.groups; ++g) {
      for (std::size_t w = 0; w < stream.size(); ++w) stream[w] = (*words)[w * parts_.groups + g];
      unpackCodes(*storage_.words, storage_.bits, stream.data(), info_.rows, unpacked.data());
      for (std::size_t r = 0; r < info_.rows; ++r) zeros[r * parts_.groups + g] = unpacked[r];
    }
    return zeros;
  }

  IntegerParts parts_;
  Storage storage_;
  PackedInfo info_;
};

// ---- the configuration

/// The integers called `key` of the weights of every group: all that a file may have. Which group a
/// module belongs to is told by regular expressions, which are not followed.
std::vector<long long> configured(const Json* config, std::string_view key) {
  std::vector<long long> values;
  const Json* groups = config == nullptr ? nullptr : config->find("config_groups");
  if (groups == nullptr || groups->asObject() == nullptr) return values;
  for (const Json::Member& group : *groups->asObject()) {
    const Json* weights = group.second.find("weights");
    const Json* value = weights == nullptr ? nullptr : weights->find(key);
    if (value != nullptr && value->asInteger() != nullptr) values.push_back(*value->asInteger());
  }
  return values;
}

// ---- the layout

struct Sides {
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
};

bool fits(const Storage& storage, const Sides& sides, const StoredArray& codes,
          const std::optional<StoredArray>& zeros) {
  if (wordsFor(*storage.words, storage.bits, sides.cols) != codes.shape[1]) return false;
  return !zeros || zeros->dtype != "int32" ||
         wordsFor(*storage.words, storage.bits, sides.rows) == zeros->shape[0];
}

std::vector<Storage> storagesOf(const Sides& sides, const StoredArray& codes,
                                const std::optional<StoredArray>& zeros) {
  std::vector<Storage> found;
  for (int bits = 1; bits <= kMostBits; ++bits) {
    for (const WordPacking packing : {WordPacking::Dense, WordPacking::Whole}) {
      if (packing == WordPacking::Whole && kWordBits % bits == 0) continue;
      const Storage storage{bits, packing};
      if (fits(storage, sides, codes, zeros)) found.push_back(storage);
    }
  }
  return found;
}

/// Keeps those of the bits that are configured, if there are any.
void keepConfigured(std::vector<Storage>& storages, const std::vector<long long>& bits) {
  const auto isOther = [&](const Storage& storage) {
    return std::find(bits.begin(), bits.end(), storage.bits) == bits.end();
  };
  if (std::all_of(storages.begin(), storages.end(), isOther)) return;
  std::erase_if(storages, isOther);
}

/// Whether words leave the bits free that whole codes do not take.
bool leavesFree(const std::vector<std::uint32_t>& words, int bits) {
  const int used = kWordBits / bits * bits;
  return std::all_of(words.begin(), words.end(),
                     [&](std::uint32_t word) { return word >> used == 0; });
}

/// Of several, whole codes a word where the first rows have their free bits, else the dense.
Status keepStored(std::vector<Storage>& storages, const StoredArray& codes, const Sides& sides,
                  const PackingContext& context) {
  constexpr std::uint64_t kRowsLookedAt = 64;
  if (storages.size() < 2) return ok();
  const auto words = readRows<std::uint32_t>(
      context.container, codes, 1, 0, static_cast<std::size_t>(std::min(sides.rows, kRowsLookedAt)),
      context.control);
  if (!words) return words.error();
  const auto isWhole = [](const Storage& s) { return s.words == WordPacking::Whole; };
  std::erase_if(storages, [&](const Storage& storage) {
    return isWhole(storage) && !leavesFree(*words, storage.bits);
  });
  if (std::any_of(storages.begin(), storages.end(), isWhole)) {
    std::erase_if(storages, [&](const Storage& storage) { return !isWhole(storage); });
  }
  return ok();
}

Result<Storage> storageOf(const PackingContext& context, const Sides& sides,
                          const IntegerParts& parts) {
  auto storages = storagesOf(sides, parts.codes, parts.zeros);
  keepConfigured(storages, configured(context.config, "num_bits"));
  const Status status = keepStored(storages, parts.codes, sides, context);
  if (!status) return status.error();
  if (storages.size() == 1) return storages.front();
  return undecodable(storages.empty() ? "no number of bits fits its shape"
                                      : "its bits cannot be told from its shape");
}

// ---- opening

/// weight_shape: the shape that the codes have, unpacked.
Result<Sides> readSides(const Siblings& siblings, const PackingContext& context) {
  const auto shape = neededPart(siblings, "weight_shape");
  if (!shape) return shape.error();
  const StoredArray& codes = siblings.array();
  if ((*shape)->dtype != "int64" || checkedVolume((*shape)->shape) != 2) {
    return undecodable("weight_shape is not two int64");
  }
  const auto sides =
      readElements<std::int64_t>(context.container, **shape, wholeOf(**shape), context.control);
  if (!sides) return sides.error();
  const std::int64_t rows = sides->front();
  const std::int64_t cols = sides->back();
  if (rows <= 0 || cols <= 0 || static_cast<std::uint64_t>(rows) != codes.shape[0]) {
    return undecodable("weight_shape tells " + std::to_string(rows) + " x " + std::to_string(cols) +
                       ", its own shape is " + shapeText(codes));
  }
  return Sides{static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(cols)};
}

/// How many scales a row has: [rows, groups], or one of all.
Result<std::uint64_t> groupsOf(const StoredArray& scales, const Sides& sides) {
  if (isFloatType(scales) && checkedVolume(scales.shape) == 1) return std::uint64_t{1};
  if (!isFloatType(scales) || scales.shape.size() != 2 || scales.shape[0] != sides.rows ||
      scales.shape[1] == 0 || scales.shape[1] > sides.cols) {
    return undecodable(nameOfPart(scales) + " are " + scales.dtype + " " + shapeText(scales) +
                       " for " + std::to_string(sides.rows) + " x " + std::to_string(sides.cols) +
                       " codes");
  }
  return scales.shape[1];
}

Status checkZeros(const Siblings& siblings, const StoredArray* zeros, const Sides& sides,
                  std::uint64_t groups) {
  if (zeros == nullptr) return ok();
  const bool packed = zeros->dtype == "int32" && zeros->shape.size() == 2 &&
                      zeros->shape[1] == groups && siblings.array().dtype == "int32";
  const bool plain =
      zeros->dtype == "int8" && (checkedVolume(zeros->shape) == 1 ||
                                 zeros->shape == std::vector<std::uint64_t>{sides.rows, groups});
  if (packed || plain) return ok();
  return undecodable(nameOfPart(*zeros) + " is " + zeros->dtype + " " + shapeText(*zeros));
}

/// The group of each column; empty where they lie in a row. -1 stands in an order that was never
/// set.
Result<std::vector<std::uint32_t>> readOrder(const Siblings& siblings,
                                             const PackingContext& context, const Sides& sides,
                                             std::uint64_t groups) {
  std::vector<std::uint32_t> order;
  const auto array = optionalPart(siblings, "weight_g_idx");
  if (!array) return array.error();
  if (*array == nullptr) return order;
  if ((*array)->dtype != "int32" || (*array)->shape != std::vector<std::uint64_t>{sides.cols}) {
    return undecodable("weight_g_idx is not int32 of its " + std::to_string(sides.cols) +
                       " inputs");
  }
  const auto indices =
      readElements<std::int32_t>(context.container, **array, wholeOf(**array), context.control);
  if (!indices) return indices.error();
  if (std::find(indices->begin(), indices->end(), -1) != indices->end()) return order;
  for (const std::int32_t index : *indices) {
    if (index < 0 || static_cast<std::uint64_t>(index) >= groups) {
      return undecodable("weight_g_idx names group " + std::to_string(index) + " of " +
                         std::to_string(groups));
    }
    order.push_back(static_cast<std::uint32_t>(index));
  }
  return order;
}

PackedInfo infoOf(const Siblings& siblings, const Sides& sides, const IntegerParts& parts,
                  const Storage& storage, long long groupSize) {
  PackedInfo info = newInfo(siblings.path("weight"), "compressed-tensors", sides.rows, sides.cols,
                            storage.bits, groupSize);
  if (groupSize < 0 && checkedVolume(parts.scales.shape) == 1 && sides.rows > 1) {
    info.detail = std::to_string(info.bits) + " bits, one scale";
  }
  info.detail += parts.zeros ? ", asymmetric" : ", symmetric";
  if (!parts.order.empty()) info.detail += ", activation order";
  if (storage.words && kWordBits % storage.bits != 0) {
    info.detail += *storage.words == WordPacking::Dense ? ", dense words" : ", whole codes a word";
  }
  info.scaleType = parts.scales.dtype;
  info.parts = {parts.codes.path, parts.scales.path};
  for (const char* name : {"weight_zero_point", "weight_shape", "weight_g_idx"}) {
    if (const StoredArray* part = siblings.find(name)) info.parts.push_back(part->path);
  }
  return info;
}

/// The parts, where they fit each other.
Result<IntegerParts> partsOf(const Siblings& siblings, const PackingContext& context,
                             const Sides& sides) {
  const auto scales = neededPart(siblings, "weight_scale");
  if (!scales) return scales.error();
  const auto groups = groupsOf(**scales, sides);
  if (!groups) return groups.error();
  const auto zeros = optionalPart(siblings, "weight_zero_point");
  if (!zeros) return zeros.error();
  if (Status status = checkZeros(siblings, *zeros, sides, *groups); !status) return status.error();
  auto order = readOrder(siblings, context, sides, *groups);
  if (!order) return order.error();
  IntegerParts parts{siblings.array(), **scales, std::nullopt, *std::move(order),
                     static_cast<std::size_t>(*groups)};
  if (*zeros != nullptr) parts.zeros = **zeros;
  return parts;
}

Result<SharedPackedTensor> openIntegers(const Siblings& siblings, const PackingContext& context,
                                        const Sides& sides, bool inWords) {
  auto parts = partsOf(siblings, context, sides);
  if (!parts) return parts.error();
  Result<Storage> storage{Storage{}};
  if (inWords) storage = storageOf(context, sides, *parts);
  if (!storage) return storage.error();
  const auto size =
      groupSizeAmong(sides.cols, parts->groups, configured(context.config, "group_size"));
  if (!size) return undecodable("the size of its groups cannot be told");
  PackedInfo info = infoOf(siblings, sides, *parts, *storage, *size);
  return SharedPackedTensor(
      std::make_shared<CompressedIntegers>(*std::move(parts), *storage, std::move(info)));
}

}  // namespace

Result<SharedPackedTensor> openCompressed(const Siblings& siblings, const PackingContext& context) {
  const StoredArray& codes = siblings.array();
  if (codes.dtype == "uint8") return openCompressedFp4(siblings);
  if (codes.dtype != "int32" || codes.shape.size() != 2) {
    return undecodable("its codes are " + codes.dtype + " " + shapeText(codes));
  }
  const auto sides = readSides(siblings, context);
  if (!sides) return sides.error();
  return openIntegers(siblings, context, *sides, true);
}

Result<SharedPackedTensor> openCompressedBytes(const Siblings& siblings,
                                               const PackingContext& context) {
  const StoredArray& codes = siblings.array();
  if (codes.shape.size() != 2 || checkedVolume(codes.shape).value_or(0) == 0) {
    return undecodable("its shape is " + shapeText(codes));
  }
  return openIntegers(siblings, context, {codes.shape[0], codes.shape[1]}, false);
}

}  // namespace quantoscope
