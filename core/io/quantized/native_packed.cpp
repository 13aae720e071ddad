#include "core/io/quantized/native_packed.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "core/base/checked.h"
#include "core/io/quantized/packed_reading.h"
#include "core/tensor/group_layout.h"

namespace quantoscope {

namespace {

constexpr std::size_t kMostLevels = 256;
constexpr std::string_view kTensors = "tensors/";

enum class Packing { Dense, Plain };

/// What the arrays and attributes of a tensor say together, checked against each other.
struct Native {
  PackedInfo info;
  Packing packing = Packing::Plain;
  int offset = 0;             ///< code = stored + offset
  std::size_t groupSize = 1;  ///< resolved: 1 to a whole row
  std::size_t groups = 1;     ///< a row
  StoredArray codes;
  StoredArray scale;
  std::optional<StoredArray> zeroPoint;
  std::optional<StoredArray> codebook;
  std::optional<StoredArray> codebookCodes;  ///< not where codes are dense: these are indices
  std::optional<StoredType> rounded;
};

Error wrong(const std::string& what) {
  return {ErrorCode::UnreadableFile, what};
}

/// "[4, 16]".
std::string sidesText(const StoredArray& array) {
  std::string text;
  for (const std::uint64_t side : array.shape) {
    text += (text.empty() ? "" : ", ") + std::to_string(side);
  }
  return "[" + text + "]";
}

std::optional<std::uint64_t> packedBytes(std::uint64_t count, std::uint64_t bits) {
  const auto all = checkedProduct(count, bits);
  if (!all) return std::nullopt;
  return *all / 8 + (*all % 8 != 0 ? 1 : 0);
}

/// `count` numbers of `bits` bits each, which follow each other from the low end of each byte.
template <typename Take>
void unpack(const std::uint8_t* bytes, std::size_t count, int bits, Take take) {
  const std::uint32_t mask = (1U << bits) - 1;
  std::uint32_t held = 0;
  int have = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (have < bits) {
      held |= static_cast<std::uint32_t>(*bytes++) << have;
      have += 8;
    }
    take(i, held & mask);
    held >>= bits;
    have -= bits;
  }
}

/// Puts the parts of one tensor together.
class Opening {
 public:
  Opening(const Siblings& siblings, const NativeAttributes& said, const GroupAttributes& group)
      : siblings_(siblings), said_(said), group_(group) {}

  Result<Native> open() {
    native_.codes = siblings_.array();
    for (const Step step : {&Opening::takeCodes, &Opening::checkShape, &Opening::takeGroups,
                            &Opening::takeZeroPoints, &Opening::takeCodebook}) {
      if (auto status = (this->*step)(); !status) return status.error();
    }
    takeRounding();
    describe();
    return std::move(native_);
  }

 private:
  using Step = Status (Opening::*)();

  Status takeCodes() {
    const StoredArray& codes = native_.codes;
    PackedInfo& info = native_.info;
    if (codes.shape.size() != 2) return wrong("codes of " + sidesText(codes) + " are no matrix");
    info.rows = codes.shape[0];
    if (said_.packing.empty() || said_.packing == "none") {
      if (codes.dtype != "int8" && codes.dtype != "uint8" && codes.dtype != "int32") {
        return wrong("its codes are " + codes.dtype + "; allowed are int8, uint8 and int32");
      }
      info.cols = codes.shape[1];
      info.bits = static_cast<int>(8 * codes.elementBytes);
      return ok();
    }
    if (said_.packing != "dense") {
      return wrong("its packing is \"" + said_.packing + "\"; allowed are dense and none");
    }
    native_.packing = Packing::Dense;
    return takeDense();
  }

  Status takeDense() {
    const StoredArray& codes = native_.codes;
    if (codes.dtype != "uint8") return wrong("its codes are " + codes.dtype + ", not uint8");
    if (said_.codeBits < 1 || said_.codeBits > 8) {
      return wrong("its code_bits are " + std::to_string(said_.codeBits) + "; allowed are 1 to 8");
    }
    const int bits = static_cast<int>(said_.codeBits);
    if (said_.codeOffset != 0 && said_.codeOffset != -(1 << (bits - 1))) {
      return wrong("its code_offset is " + std::to_string(said_.codeOffset) +
                   "; allowed are 0 and " + std::to_string(-(1 << (bits - 1))));
    }
    const auto cols = static_cast<std::uint64_t>(std::max<std::int64_t>(0, said_.cols));
    const auto bytes = packedBytes(cols, static_cast<std::uint64_t>(bits));
    if (cols == 0 || !bytes || *bytes != codes.shape[1]) {
      return wrong("its codes of " + sidesText(codes) + " do not hold " +
                   std::to_string(said_.cols) + " columns of " + std::to_string(bits) + " bits");
    }
    native_.info.cols = cols;
    native_.info.bits = bits;
    native_.offset = static_cast<int>(said_.codeOffset);
    return ok();
  }

  /// That the source, or each matrix of a stack, has as many weights.
  Status checkShape() {
    std::span<const std::uint64_t> shape = said_.sourceShape;
    if (shape.empty()) return ok();
    if (shape.size() == group_.axes.size() + 1) shape = shape.subspan(1);
    const auto weights = checkedVolume(shape);
    const auto codes = checkedProduct(native_.info.rows, native_.info.cols);
    if (weights && codes && *weights == *codes) return ok();
    return wrong("its codes are " + std::to_string(native_.info.rows) + " x " +
                 std::to_string(native_.info.cols) + ", which its source_shape has not");
  }

  Status takeGroups() {
    const StoredArray* scale = siblings_.find("scale");
    if (scale == nullptr) return wrong("it has no scale");
    if (scale->dtype != "float32" || scale->shape.size() != 2 || !scale->obstacle.empty() ||
        scale->shape[0] != native_.info.rows) {
      return wrong("its scale is " + scale->dtype + " " + sidesText(*scale) + ", not float32 [" +
                   std::to_string(native_.info.rows) + ", groups]");
    }
    const std::uint64_t cols = native_.info.cols;
    if (said_.groupSize < -1 || said_.groupSize == 0) {
      return wrong("its group_size is " + std::to_string(said_.groupSize) +
                   "; allowed are -1, and 1 and up");
    }
    const GroupLayout layout = GroupLayout::of(native_.info.rows, cols, said_.groupSize);
    native_.groupSize = layout.groupSize;
    native_.groups = layout.groupsPerRow();
    if (scale->shape[1] != native_.groups) {
      return wrong("its scale has " + std::to_string(scale->shape[1]) + " groups a row; " +
                   std::to_string(cols) + " columns with group_size " +
                   std::to_string(said_.groupSize) + " have " + std::to_string(native_.groups));
    }
    native_.scale = *scale;
    return ok();
  }

  Status takeZeroPoints() {
    const StoredArray* zero = siblings_.find("zero_point");
    if (zero == nullptr) return ok();
    const bool dense = native_.packing == Packing::Dense;
    const auto side =
        dense ? packedBytes(native_.groups, static_cast<std::uint64_t>(native_.info.bits))
              : std::optional<std::uint64_t>(native_.groups);
    const char* type = dense ? "uint8" : "int32";
    const std::vector<std::uint64_t> shape{native_.info.rows, side.value_or(0)};
    if (zero->dtype != type || zero->shape != shape || !zero->obstacle.empty()) {
      return wrong("its zero_point is " + zero->dtype + " " + sidesText(*zero) + ", not " + type +
                   " [" + std::to_string(shape[0]) + ", " + std::to_string(shape[1]) + "]");
    }
    if (native_.offset != 0) return wrong("it has zero points and a code_offset");
    native_.zeroPoint = *zero;
    return ok();
  }

  Status takeCodebook() {
    const StoredArray* levels = siblings_.find("codebook");
    if (levels == nullptr) {
      if (said_.dtype == "int") return ok();
      return wrong("it is " + said_.dtype + " and has no codebook");
    }
    if (native_.zeroPoint || native_.offset != 0) {
      return wrong("it has a codebook and zero points or a code_offset");
    }
    const bool dense = native_.packing == Packing::Dense;
    const std::size_t most = dense ? std::size_t{1} << native_.info.bits : kMostLevels;
    if (levels->dtype != "float32" || levels->shape.size() != 1 || levels->shape[0] == 0 ||
        levels->shape[0] > most || !levels->obstacle.empty()) {
      return wrong("its codebook is " + levels->dtype + " " + sidesText(*levels) + ", not 1 to " +
                   std::to_string(most) + " levels of float32");
    }
    native_.codebook = *levels;
    if (dense) return ok();
    const StoredArray* codes = siblings_.find("codebook_codes");
    if (codes == nullptr || codes->dtype != "int32" || codes->shape != levels->shape ||
        !codes->obstacle.empty()) {
      return wrong("its codebook_codes do not name the " + std::to_string(levels->shape[0]) +
                   " levels of its codebook");
    }
    native_.codebookCodes = *codes;
    return ok();
  }

  void takeRounding() {
    if (said_.compute != "stored") return;
    for (const StoredType type : {StoredType::Float16, StoredType::BFloat16}) {
      if (said_.sourceDtype == nameOf(type)) native_.rounded = type;
    }
  }

  void describe() {
    PackedInfo& info = native_.info;
    info.path = group_.sourceName;
    if (info.path.empty()) {
      const std::string_view path = native_.codes.path;
      const std::size_t begin = path.starts_with(kTensors) ? kTensors.size() : 0;
      const std::size_t end = path.rfind('/');
      if (end != path.npos && end > begin) info.path = path.substr(begin, end - begin);
    }
    info.format = nativeQuantized().name;
    info.groupSize = said_.groupSize;
    info.scaleType = nameOf(StoredType::Float32);
    info.inputsFirst = isTurned();
    takeShape();
    info.parts = {native_.codes.path, native_.scale.path};
    for (const auto* part : {&native_.zeroPoint, &native_.codebook, &native_.codebookCodes}) {
      if (*part) info.parts.push_back((*part)->path);
    }
    info.detail = detail();
  }

  /// Whether the source's matrix, or each of its stack, is [inputs, outputs].
  bool isTurned() const {
    const bool matrix = group_.axes == std::vector<std::uint64_t>{1, 0} && group_.rowAxes == 1;
    const std::vector<std::uint64_t>& shape = said_.sourceShape;
    return matrix && shape.size() >= 2 && shape[shape.size() - 2] == native_.info.cols &&
           shape[shape.size() - 1] == native_.info.rows;
  }

  /// More than two axes, where the attributes tell how they are the matrix of codes. These stand
  /// for the array's own then, which nothing else may have.
  void takeShape() {
    PackedInfo& info = native_.info;
    std::vector<std::uint64_t> shape = said_.sourceShape;
    if (shape.size() == group_.axes.size() + 1) shape.erase(shape.begin());
    const std::size_t rank = shape.size();
    const auto axes = axesTold(group_, rank);
    if (rank <= 2 || !axes || siblings_.file().groups.contains(info.path)) return;
    TensorInfo read;
    read.shape.assign(shape.begin(), shape.end());
    setAxes(read, *axes);
    if (read.rows != info.rows || read.cols != info.cols) return;
    info.shape = std::move(shape);
    info.axes = *axes;
  }

  std::string detail() const {
    std::string text = said_.dtype;
    if (native_.packing == Packing::Dense)
      text += ", " + std::to_string(native_.info.bits) + " bits";
    return text + (said_.groupSize < 0 ? ", a scale for each row"
                                       : ", groups of " + std::to_string(said_.groupSize));
  }

  const Siblings& siblings_;
  const NativeAttributes& said_;
  const GroupAttributes& group_;
  Native native_;
};

class NativeTensor : public PackedTensor {
 public:
  explicit NativeTensor(Native native) : native_(std::move(native)) {}

  const PackedInfo& info() const override { return native_.info; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = native_.groups;
    parameters.rounded = native_.rounded;
    auto scale = readElements<float>(container, native_.scale, wholeOf(native_.scale), control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    if (native_.zeroPoint) {
      auto zero = zeroPoints(container, *native_.zeroPoint, control);
      if (!zero) return zero.error();
      parameters.zero = *std::move(zero);
    }
    if (native_.codebook) {
      auto levels =
          readElements<float>(container, *native_.codebook, wholeOf(*native_.codebook), control);
      if (!levels) return levels.error();
      parameters.levels = *std::move(levels);
    }
    parameters.groupOf.resize(native_.info.cols);
    for (std::size_t c = 0; c < parameters.groupOf.size(); ++c) {
      parameters.groupOf[c] = static_cast<std::uint32_t>(c / native_.groupSize);
    }
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    const Box box{{firstRow, 0}, {rows, static_cast<std::size_t>(native_.codes.shape[1])}};
    if (native_.packing == Packing::Dense) return denseCodes(container, box, control);
    if (native_.codes.dtype == "int8") return plainCodes<std::int8_t>(container, box, control);
    if (native_.codes.dtype == "uint8") return plainCodes<std::uint8_t>(container, box, control);
    return plainCodes<std::int32_t>(container, box, control);
  }

 private:
  Result<std::vector<float>> zeroPoints(const Container& container, const StoredArray& array,
                                        const TaskControl& control) const {
    if (native_.packing == Packing::Plain) {
      const auto zero = readElements<std::int32_t>(container, array, wholeOf(array), control);
      if (!zero) return zero.error();
      return std::vector<float>(zero->begin(), zero->end());
    }
    const auto bytes = readElements<std::uint8_t>(container, array, wholeOf(array), control);
    if (!bytes) return bytes.error();
    std::vector<float> zero(native_.info.rows * native_.groups);
    for (std::size_t row = 0; row < native_.info.rows; ++row) {
      unpack(bytes->data() + row * array.shape[1], native_.groups, native_.info.bits,
             [&](std::size_t g, std::uint32_t value) {
               zero[row * native_.groups + g] = static_cast<float>(value);
             });
    }
    return zero;
  }

  Error noLevel(long long code, std::size_t row, std::size_t col) const {
    return wrong(native_.codes.path + ": the code at row " + std::to_string(row) + ", column " +
                 std::to_string(col) + " is " + std::to_string(code) +
                 (native_.codebook ? ", which is none of its " +
                                         std::to_string(native_.codebook->shape[0]) + " levels"
                                   : "; codes of 16 bits are decoded"));
  }

  Result<std::vector<std::int16_t>> denseCodes(const Container& container, const Box& box,
                                               const TaskControl& control) const {
    const auto bytes = readElements<std::uint8_t>(container, native_.codes, box, control);
    if (!bytes) return bytes.error();
    const std::size_t cols = native_.info.cols;
    const std::uint32_t levels = native_.codebook
                                     ? static_cast<std::uint32_t>(native_.codebook->shape[0])
                                     : std::numeric_limits<std::uint32_t>::max();
    std::vector<std::int16_t> codes(box.count[0] * cols);
    for (std::size_t row = 0; row < box.count[0]; ++row) {
      std::int16_t* to = codes.data() + row * cols;
      std::uint32_t largest = 0;
      unpack(bytes->data() + row * box.count[1], cols, native_.info.bits,
             [&](std::size_t c, std::uint32_t value) {
               largest = std::max(largest, value);
               to[c] = static_cast<std::int16_t>(static_cast<int>(value) + native_.offset);
             });
      if (largest < levels) continue;
      const auto* first = std::find(to, to + cols, static_cast<std::int16_t>(largest));
      return noLevel(largest, box.start[0] + row, static_cast<std::size_t>(first - to));
    }
    return codes;
  }

  /// The levels by their codes, as their low byte tells them, and which codes there are.
  struct LevelsByCode {
    std::array<std::int32_t, 256> code{};
    std::array<std::int16_t, 256> level{};
    std::array<bool, 256> known{};
  };

  Result<LevelsByCode> levelsByCode(const Container& container, const TaskControl& control) const {
    const StoredArray& array = *native_.codebookCodes;
    const auto codes = readElements<std::int32_t>(container, array, wholeOf(array), control);
    if (!codes) return codes.error();
    LevelsByCode table;
    for (std::size_t i = 0; i < codes->size(); ++i) {
      const auto low = static_cast<std::uint8_t>((*codes)[i]);
      if (table.known[low]) return wrong(array.path + ": names two levels alike");
      table.known[low] = true;
      table.code[low] = (*codes)[i];
      table.level[low] = static_cast<std::int16_t>(i);
    }
    return table;
  }

  template <typename T>
  Result<std::vector<std::int16_t>> plainCodes(const Container& container, const Box& box,
                                               const TaskControl& control) const {
    const auto stored = readElements<T>(container, native_.codes, box, control);
    if (!stored) return stored.error();
    LevelsByCode table;
    if (native_.codebook) {
      auto found = levelsByCode(container, control);
      if (!found) return found.error();
      table = *found;
    }
    std::vector<std::int16_t> codes(stored->size());
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const std::int32_t code = +(*stored)[i];  // a number, be it stored as a char
      const auto low = static_cast<std::uint8_t>(code);
      const bool fits = native_.codebook ? table.known[low] && table.code[low] == code
                                         : code == static_cast<std::int16_t>(code);
      if (!fits) {
        return noLevel(code, box.start[0] + i / native_.info.cols, i % native_.info.cols);
      }
      codes[i] = native_.codebook ? table.level[low] : static_cast<std::int16_t>(code);
    }
    return codes;
  }

  Native native_;
};

/// Of the group that holds codes; null where it says nothing.
const GroupAttributes* groupOf(const Siblings& siblings) {
  const std::string& path = siblings.array().path;
  const auto& groups = siblings.file().groups;
  const auto group = groups.find(path.substr(0, path.size() - siblings.name().size() - 1));
  return group == groups.end() || group->second.native.dtype.empty() ? nullptr : &group->second;
}

std::optional<std::string> describeNative(const Siblings& siblings) {
  const std::string& path = siblings.array().path;
  if (siblings.name() != "codes" || path.size() == siblings.name().size() ||
      !path.starts_with(kTensors)) {
    return std::nullopt;
  }
  const GroupAttributes* group = groupOf(siblings);
  return group == nullptr ? std::optional<std::string>() : group->native.dtype;
}

Result<SharedPackedTensor> openNative(const Siblings& siblings, const PackingContext&) {
  const GroupAttributes& group = *groupOf(siblings);
  auto native = Opening(siblings, group.native, group).open();
  if (!native) return native.error();
  return SharedPackedTensor(std::make_shared<NativeTensor>(*std::move(native)));
}

constexpr PartName kNativeParts[] = {
    {"scale", "scales"},           {"zero_point", "zero points"},
    {"codebook", "levels"},        {"codebook_codes", "names of levels"},
    {"clip_ratio", "clip ratios"}, {"clip_ratio_grid", "ratios that were tried"}};

constexpr QuantizedFormat kNativeQuantized = {"Quantoscope", "quantized by Quantoscope",
                                              kNativeParts, describeNative, openNative};

class RenamedContainer : public Container {
 public:
  RenamedContainer(SharedContainer container, StoredFile contents,
                   std::map<std::string, std::string> stored)
      : container_(std::move(container)),
        contents_(std::move(contents)),
        stored_(std::move(stored)) {}

  const StoredFile& contents() const override { return contents_; }
  Result<StoredElement> elementOf(const std::string& path) const override {
    return container_->elementOf(stored(path));
  }
  Result<std::optional<FileExtent>> extentOf(const std::string& path) const override {
    return container_->extentOf(stored(path));
  }
  Status read(const std::string& path, const Box& box, void* bytes,
              const TaskControl& control) const override {
    return container_->read(stored(path), box, bytes, control);
  }
  Status readAsFloat(const std::string& path, const Box& box, float* values) const override {
    return container_->readAsFloat(stored(path), box, values);
  }
  std::vector<std::size_t> chunkOf(const std::string& path) const override {
    return container_->chunkOf(stored(path));
  }

 private:
  const std::string& stored(const std::string& path) const {
    const auto found = stored_.find(path);
    return found == stored_.end() ? path : found->second;
  }

  SharedContainer container_;
  StoredFile contents_;
  std::map<std::string, std::string> stored_;  ///< by the name that is listed
};

}  // namespace

const QuantizedFormat& nativeQuantized() {
  return kNativeQuantized;
}

std::size_t nativeGroupsOf(const PackedInfo& info) {
  return GroupLayout::of(info.rows, info.cols, info.groupSize).groupsPerRow();
}

bool hasNativeValues(const Siblings& siblings) {
  const StoredArray* values = siblings.find("dequantized");
  return values != nullptr && values->obstacle.empty() && values->dtype == "float32";
}

SharedContainer withNativeNames(SharedContainer container) {
  const StoredFile& file = container->contents();
  std::set<std::string_view> taken;
  for (const StoredArray& array : file.arrays) taken.insert(array.path);
  std::map<std::string, std::string> listed;  // by the path in the file
  std::map<std::string, std::string> stored;
  for (const StoredArray& array : file.arrays) {
    if (!array.path.starts_with(kNativePassed)) continue;
    const auto group = file.groups.find(array.path);
    if (group == file.groups.end() || group->second.sourceName.empty()) continue;
    const std::string& name = group->second.sourceName;
    if (taken.contains(name) || file.groups.contains(name)) continue;
    if (stored.emplace(name, array.path).second) listed.emplace(array.path, name);
  }
  if (listed.empty()) return container;
  StoredFile contents = file;
  const auto rename = [&](std::string& path) {
    if (const auto found = listed.find(path); found != listed.end()) path = found->second;
  };
  for (StoredArray& array : contents.arrays) rename(array.path);
  for (std::string& path : contents.order) rename(path);
  for (const auto& [path, name] : listed) {
    auto group = contents.groups.extract(path);
    group.key() = name;
    contents.groups.insert(std::move(group));
  }
  return std::make_shared<RenamedContainer>(std::move(container), std::move(contents),
                                            std::move(stored));
}

}  // namespace quantoscope
