#include "core/io/quantized/keras_quantized.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "core/base/checked.h"
#include "core/io/container/array_box.h"
#include "core/io/quantized/packed_reading.h"

namespace quantoscope {

namespace {

using Shape = std::vector<std::uint64_t>;

constexpr int kMostVariables = 8;

bool isBytes(const StoredArray& array) {
  return (array.dtype == "int8" || array.dtype == "uint8") && array.shape.size() >= 2;
}

bool isFloat(const StoredArray* array, std::size_t axes) {
  return array != nullptr && array->shape.size() == axes &&
         (array->dtype.starts_with("float") || array->dtype == "bfloat16");
}

bool isNumbered(const Siblings& siblings) {
  const std::string& path = siblings.array().path;
  return path.substr(0, path.size() - siblings.name().size()).ends_with("vars/");
}

std::uint64_t half(std::uint64_t count) {
  return count / 2 + count % 2;
}

std::string groupsText(std::uint64_t inputs, std::uint64_t groups) {
  const std::uint64_t size = groupSizeOf(inputs, groups);
  return size == 0 ? "" : ", groups of " + std::to_string(size);
}

/// Bits of codes [out * bits / 8, in] with scales [out, groups].
std::string gptqText(const Shape& codes, const Shape& scales) {
  const std::uint64_t out = scales[0];
  std::string bits = "3 or 8 bits";
  if (codes[0] == half(out)) bits = "4 bits";
  if (codes[0] == half(half(out)) && codes[0] != half(out)) bits = "2 bits";
  return bits + groupsText(codes[1], scales[1]);
}

/// Of codes [in, out / 2] with scales [groups, out], or [vocabulary, width / 2] with [.., groups].
std::string int4Text(const Shape& codes, const Shape& scales) {
  if (codes[0] == scales[0]) return "4 bits" + groupsText(2 * codes[1], scales[1]);
  return "4 bits" + groupsText(codes[0], scales[0]);
}

bool isKerasName(std::string_view name) {
  constexpr std::string_view kNames[] = {"kernel",     "quantized_kernel", "_kernel",
                                         "embeddings", "_embeddings",      "reverse_embeddings"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::string textOf(const Siblings& siblings, const StoredArray* scales) {
  const StoredArray& codes = siblings.array();
  if (codes.shape.size() != 2) return {};
  if (scales == nullptr) return siblings.index().isOnlyInt8() ? "8 bits" : "";
  if (codes.dtype == "uint8") return gptqText(codes.shape, scales->shape);
  return int4Text(codes.shape, scales->shape);
}

std::optional<std::string> describeNumbered(const Siblings& siblings) {
  int number = -1;
  const std::string_view name = siblings.name();
  std::from_chars(name.data(), name.data() + name.size(), number);
  const auto at = [&](int i) { return siblings.find(std::to_string(i)); };
  // Zero points follow scales of the same shape; codes may follow a bias of two axes.
  const StoredArray* before = number > 0 ? at(number - 1) : nullptr;
  const bool isZeros = before != nullptr && before->shape == siblings.array().shape &&
                       isFloat(before, before->shape.size());
  if (isZeros) return std::nullopt;
  const StoredArray* matrix = nullptr;
  bool vector = false;
  for (int i = 0; i < kMostVariables; ++i) {
    if (matrix == nullptr && i > number && isFloat(at(i), 2)) matrix = at(i);
    vector = vector || isFloat(at(i), 1);
  }
  if (matrix == nullptr && !vector) return std::nullopt;
  return textOf(siblings, matrix);
}

// ---- what a layer has

enum class Mode { Int8, Int4, Gptq, Awq };

/// Where the outputs (rows) are in an array of codes, and along which axis codes share a byte.
struct CodeLayout {
  std::size_t rowAxis = 0;
  bool packsRows = false;  ///< else codes of one row share a byte
};
constexpr CodeLayout kOutputsFirst{0, true};  ///< gptq, awq: [outputs, inputs]
constexpr CodeLayout kInputsFirst{1, true};   ///< kernels: [inputs, outputs]
constexpr CodeLayout kTable{0, false};        ///< embeddings: [vocabulary, size]
constexpr CodeLayout kReverse{1, false};      ///< their reverse: [size, vocabulary]

/// A dtype policy: "gptq/4/32".
struct Policy {
  std::string mode;
  int bits = 0;
  std::optional<long long> block;  ///< -1: a whole row
};

/// The arrays of one quantized weight; those that it has not are null.
struct Parts {
  const StoredArray* codes = nullptr;
  const StoredArray* scale = nullptr;
  const StoredArray* zero = nullptr;
  const StoredArray* groupIndex = nullptr;
  const StoredArray* inputScale = nullptr;
  std::string originalPath;
};

/// All that is known of it.
struct Found {
  Mode mode = Mode::Gptq;
  CodeLayout layout;
  Parts parts;
  std::uint64_t rows = 0;
  std::uint64_t cols = 0;
  std::uint64_t groups = 1;
  int bits = 0;         ///< of a code; 0: not known yet
  int perByte = 1;      ///< codes
  long long block = 0;  ///< 0: not known yet
  int end = -1;         ///< a variable of this number would be one too many
};

Error unfit(const std::string& what) {
  return {ErrorCode::UnreadableFile, what};
}

Policy parsePolicy(const std::string& text) {
  Policy policy;
  policy.mode = text.substr(0, text.find('/'));
  std::vector<long long> numbers;
  for (std::size_t at = text.find('/'); at != std::string::npos; at = text.find('/', at + 1)) {
    long long number = -1;  // as "None" means
    std::from_chars(text.data() + at + 1, text.data() + text.size(), number);
    numbers.push_back(number);
  }
  if (policy.mode == "int4" && numbers.size() == 1) policy.block = numbers[0];
  if (numbers.size() == 2) {
    policy.bits = static_cast<int>(std::clamp(numbers[0], 0LL, 8LL));
    policy.block = numbers[1];
  }
  return policy;
}

/// The layer of a numbered variable, in a configuration; null where that does not tell it.
const KerasPlace* placeOf(const Siblings& siblings) {
  if (!isNumbered(siblings)) return nullptr;
  constexpr std::string_view kVars = "/vars/";
  const std::string& path = siblings.array().path;
  const auto& places = siblings.index().kerasPlaces();
  if (path.size() < siblings.name().size() + kVars.size()) return nullptr;
  const auto found =
      places.find(placePath(path.substr(0, path.size() - siblings.name().size() - kVars.size())));
  return found == places.end() ? nullptr : &found->second;
}

bool isVector(const StoredArray* array, std::uint64_t length) {
  return isFloat(array, 1) && array->shape[0] == length;
}

/// Whether an array is scales or zero points [a, b].
bool isTable(const StoredArray* array, std::uint64_t a, std::uint64_t b) {
  return array != nullptr && array->shape == Shape{a, b};
}

std::uint64_t blocksOf(std::uint64_t count, std::uint64_t size) {
  return count / size + (count % size != 0 ? 1 : 0);
}

// ---- telling what a weight is

class Opener {
 public:
  Opener(const Siblings& siblings, const PackingContext& context)
      : siblings_(siblings), context_(context), place_(placeOf(siblings)) {
    if (place_ != nullptr) policy_ = parsePolicy(place_->policy);
  }

  Result<Found> open() {
    std::vector<Found> fitting;
    for (Found& candidate : candidates()) {
      if (ends(candidate) && fits(candidate) && agrees(candidate))
        fitting.push_back(std::move(candidate));
    }
    if (fitting.empty()) return unfit(whyNothing());
    if (fitting.size() > 1) {
      return unfit(
          "its variables fit several modes of Keras; the configuration of a .keras file "
          "would tell which");
    }
    Found found = std::move(fitting.front());
    if (Status status = findBits(found); !status) return status.error();
    if (Status status = findBlock(found); !status) return status.error();
    return found;
  }

 private:
  const StoredArray* var(int number) const {
    return number < 0 ? nullptr : siblings_.find(std::to_string(number));
  }

  const StoredArray* named(std::initializer_list<const char*> names) const {
    for (const char* name : names) {
      if (const StoredArray* found = siblings_.find(name)) return found;
    }
    return nullptr;
  }

  std::string beside(const char* name) const {
    const std::string& path = siblings_.array().path;
    return path.substr(0, path.size() - siblings_.name().size()) + name;
  }

  /// All that the variables might be, by their order or their names.
  std::vector<Found> candidates() const {
    return isNumbered(siblings_) ? numberedCandidates() : namedCandidates();
  }

  std::vector<Found> numberedCandidates() const {
    int k = -1;
    const std::string_view name = siblings_.name();
    std::from_chars(name.data(), name.data() + name.size(), k);
    std::vector<Found> all;
    if (k < 0) return all;
    if (siblings_.array().dtype == "uint8") {
      if (k > 1 || (k == 1 && !isFloats(var(0)))) return all;
      const std::string original = k == 0 ? "" : beside("0");
      add(all, Mode::Gptq, kOutputsFirst, k + 4,
          {nullptr, var(k + 1), var(k + 2), var(k + 3), nullptr, original});
      add(all, Mode::Awq, kOutputsFirst, k + 5,
          {nullptr, var(k + 1), var(k + 2), var(k + 4), var(k + 3), original});
    } else if (k > 0) {
      addReverse(all, k);
    } else {
      for (const int bias : {0, 1}) {
        if (bias == 1 && !isFloats(var(1))) continue;
        addInt(all, kInputsFirst, 1 + bias, var(3 + bias));
      }
      addInt(all, kTable, 1, var(3));
    }
    return all;
  }

  /// Beside a table that has groups and their numbers, or none: numbers are told once for both.
  void addReverse(std::vector<Found>& all, int k) const {
    if (k != 2 && k != 4) return;
    const std::size_t before = all.size();
    addInt(all, kReverse, k + 1, k == 4 ? var(3) : nullptr);
    for (std::size_t i = before; i < all.size(); ++i) {
      all[i].parts.originalPath = beside("1");
      if (k == 4) all[i].end = k + 3;
    }
  }

  std::vector<Found> namedCandidates() const {
    const StoredArray* zero = named({"kernel_zero", "zero_point", "*_zero"});
    const StoredArray* index = siblings_.find("g_idx");
    const StoredArray* scale = named({"kernel_scale", "*_scale"});
    const StoredArray* inputScale = siblings_.find("awq_scales");
    const bool isKernel = siblings_.name().find("kernel") != std::string_view::npos;
    const bool reverse = siblings_.name().starts_with("reverse");
    const std::string original = siblings_.name() == "quantized_kernel" ? beside("kernel") : "";
    const Parts parts{nullptr, scale, zero, index, inputScale, original};
    std::vector<Found> all;
    if (siblings_.array().dtype == "uint8") {
      add(all, inputScale != nullptr ? Mode::Awq : Mode::Gptq, kOutputsFirst, -1, parts);
    } else if (scale != nullptr) {
      addInt(all, isKernel ? kInputsFirst : reverse ? kReverse : kTable, -1, parts);
    }
    return all;
  }

  void add(std::vector<Found>& all, Mode mode, CodeLayout layout, int end, Parts parts) const {
    parts.codes = &siblings_.array();
    Found found;
    found.mode = mode;
    found.layout = layout;
    found.parts = std::move(parts);
    found.end = end;
    all.push_back(std::move(found));
  }

  /// int8 and int4, with groups or without, whose scales have the number `at`.
  void addInt(std::vector<Found>& all, CodeLayout layout, int at,
              const StoredArray* groupIndex) const {
    const StoredArray* scale = var(at);
    if (scale == nullptr) return;
    const bool groups = scale->shape.size() == 2 && siblings_.array().shape.size() == 2;
    const Parts parts{nullptr, scale, groups ? var(at + 1) : nullptr, groups ? groupIndex : nullptr,
                      nullptr, {}};
    addInt(all, layout, groups ? at + 3 : at + 1, parts);
  }

  void addInt(std::vector<Found>& all, CodeLayout layout, int end, const Parts& parts) const {
    add(all, Mode::Int4, layout, end, parts);
    Parts alone = parts;
    alone.zero = alone.groupIndex = nullptr;
    add(all, Mode::Int8, layout, end, alone);
  }

  static bool isFloats(const StoredArray* array) {
    return array != nullptr && isFloat(array, array->shape.size());
  }

  /// Whether the variables are as many as they should be: behind a table there may be its reverse.
  bool ends(const Found& found) const {
    const StoredArray* next = var(found.end);
    return next == nullptr || (!found.layout.packsRows && found.layout.rowAxis == 0 &&
                               next->dtype == "int8" && next->shape.size() == 2);
  }

  // ---- shapes

  bool fits(Found& found) const {
    const Parts& parts = found.parts;
    for (const StoredArray* part :
         {parts.codes, parts.scale, parts.zero, parts.groupIndex, parts.inputScale}) {
      if (part != nullptr && !part->obstacle.empty()) return false;
    }
    if (parts.scale == nullptr || !isFloat(parts.scale, parts.scale->shape.size())) return false;
    switch (found.mode) {
      case Mode::Gptq:
      case Mode::Awq:
        return fitsGptq(found);
      case Mode::Int4:
        return parts.scale->shape.size() == 1 ? fitsInt4(found) : fitsGroups(found);
      case Mode::Int8:
        return parts.codes->shape.size() == 2 ? fitsInt8(found) : fitsEinsum(found);
    }
    return false;
  }

  static bool fitsGptq(Found& found) {
    const Parts& parts = found.parts;
    if (parts.codes->shape.size() != 2 || !isFloat(parts.scale, 2) || parts.zero == nullptr) {
      return false;
    }
    found.rows = parts.scale->shape[0];
    found.groups = parts.scale->shape[1];
    found.cols = parts.codes->shape[1];
    const std::uint64_t bytes = parts.codes->shape[0];
    const bool packs = bytes == found.rows || bytes == half(found.rows) ||
                       (found.mode == Mode::Gptq && bytes == blocksOf(found.rows, 4));
    return packs && parts.zero->shape == parts.scale->shape && parts.zero->dtype == "uint8" &&
           isVector(parts.groupIndex, found.cols) &&
           (found.mode == Mode::Gptq || isVector(parts.inputScale, found.cols)) &&
           (found.mode == Mode::Gptq || bytes == half(found.rows));
  }

  /// With groups: their numbers tell how many inputs there are.
  static bool fitsGroups(Found& found) {
    const Parts& parts = found.parts;
    if (parts.codes->shape.size() != 2 || !isFloat(parts.scale, 2) || parts.zero == nullptr ||
        !isFloat(parts.groupIndex, 1)) {
      return false;
    }
    const bool table = found.layout.rowAxis == kTable.rowAxis;
    found.cols = parts.groupIndex->shape[0];
    found.rows = parts.scale->shape[table ? 0 : 1];
    found.groups = parts.scale->shape[table ? 1 : 0];
    return parts.zero->shape == parts.scale->shape && packsTwo(found);
  }

  /// Without groups: the scales tell how many outputs there are.
  bool fitsInt4(Found& found) const {
    const Parts& parts = found.parts;
    if (parts.codes->shape.size() != 2) return false;
    found.rows = parts.scale->shape[0];
    const std::uint64_t along = parts.codes->shape[found.layout.rowAxis == 0 ? 1 : 0];
    found.cols = along;
    if (!found.layout.packsRows) {
      // Of an odd number of columns the last half is no weight.
      const std::uint64_t size = place_ != nullptr ? place_->outputDim : 0;
      found.cols = half(size) == along ? size : 0;
    }
    return found.cols > 0 && packsTwo(found);
  }

  static bool packsTwo(Found& found) {
    const std::uint64_t rows = found.layout.packsRows ? half(found.rows) : found.rows;
    const std::uint64_t cols = found.layout.packsRows ? found.cols : half(found.cols);
    found.perByte = 2;
    found.bits = 4;
    return isTable(found.parts.codes, found.layout.rowAxis == 0 ? rows : cols,
                   found.layout.rowAxis == 0 ? cols : rows);
  }

  static bool fitsInt8(Found& found) {
    const Parts& parts = found.parts;
    if (parts.scale->shape.size() != 1 || parts.codes->dtype != "int8") return false;
    found.rows = parts.codes->shape[found.layout.rowAxis];
    found.cols = parts.codes->shape[1 - found.layout.rowAxis];
    found.bits = 8;
    return parts.scale->shape[0] == found.rows;
  }

  /// A kernel of more axes, whose scales have those that are kept, in the order of the outputs.
  bool fitsEinsum(Found& found) const {
    const Shape& shape = found.parts.codes->shape;
    if (place_ == nullptr || found.layout.rowAxis != kInputsFirst.rowAxis ||
        !found.layout.packsRows) {
      return false;
    }
    const auto reduced = reducedAxes(place_->what.equation, shape.size());
    if (!reduced) return false;
    const auto rows =
        checkedVolume(Shape(shape.begin() + static_cast<std::ptrdiff_t>(*reduced), shape.end()));
    const auto cols =
        checkedVolume(Shape(shape.begin(), shape.begin() + static_cast<std::ptrdiff_t>(*reduced)));
    const auto scales = checkedVolume(found.parts.scale->shape);
    if (!rows || !cols || !scales || *scales != *rows) return false;
    found.rows = *rows;
    found.cols = *cols;
    found.bits = 8;
    return true;
  }

  /// How many axes of a kernel are summed over, where these come first and the others have the same
  /// order in the output: "abc,cde->abde" has one.
  static std::optional<std::size_t> reducedAxes(const std::string& equation, std::size_t axes) {
    const std::size_t comma = equation.find(',');
    const std::size_t arrow = equation.find("->");
    if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) {
      return std::nullopt;
    }
    const std::string kernel = equation.substr(comma + 1, arrow - comma - 1);
    const std::string output = equation.substr(arrow + 2);
    if (kernel.size() != axes) return std::nullopt;
    std::size_t reduced = 0;
    while (reduced < axes && output.find(kernel[reduced]) == std::string::npos) ++reduced;
    std::size_t before = 0;
    for (std::size_t axis = reduced; axis < axes; ++axis) {
      const std::size_t at = output.find(kernel[axis], before);
      if (at == std::string::npos) return std::nullopt;
      before = at + 1;
    }
    return reduced == 0 || reduced == axes ? std::nullopt : std::optional(reduced);
  }

  // ---- the configuration

  bool agrees(const Found& found) const {
    if (!policy_.mode.empty()) return agreesWithPolicy(found);
    if (found.mode == Mode::Int8 && !siblings_.index().isOnlyInt8()) return false;
    return agreesWithClass(found);
  }

  bool agreesWithPolicy(const Found& found) const {
    constexpr const char* kNames[] = {"int8", "int4", "gptq", "awq"};
    if (policy_.mode != kNames[static_cast<int>(found.mode)] || !agreesWithClass(found)) {
      return false;
    }
    if (found.mode == Mode::Int8) return true;
    if (!policy_.block) return false;  // int4 before 3.14, which packed along the other axis
    const bool whole = *policy_.block <= 0;
    const std::uint64_t groups =
        whole ? 1 : blocksOf(found.cols, static_cast<std::uint64_t>(*policy_.block));
    return found.groups == groups;
  }

  bool agreesWithClass(const Found& found) const {
    const std::string layer = place_ != nullptr ? snakeCase(place_->what.className) : layerName();
    const bool embeds = layer.ends_with("embedding");
    const bool dense = layer == "dense" || layer == "einsum_dense";
    const bool table = !found.layout.packsRows;
    return !(embeds && !table) && !(dense && table);
  }

  /// "dense" of `layers/dense_3/vars/0`.
  std::string layerName() const {
    constexpr std::string_view kVars = "/vars/";
    std::string path = beside("");
    if (!path.ends_with(kVars)) return {};
    path.resize(path.size() - kVars.size());
    path.erase(0, path.rfind('/') + 1);
    const std::size_t last = path.find_last_not_of("0123456789");
    if (last != std::string::npos && path[last] == '_' && last + 1 < path.size()) path.resize(last);
    return path;
  }

  std::string whyNothing() const {
    if (policy_.mode.empty()) {
      return "its variables fit no mode of Keras for certain; the configuration of a .keras file "
             "tells int8 from the int4 of a Keras before 3.14";
    }
    const bool old = policy_.mode == "int4" && !policy_.block;
    return "its variables do not fit the dtype policy " + place_->policy +
           (old ? " of a Keras before 3.14" : "");
  }

  // ---- what shapes leave open

  Status findBits(Found& found) const {
    if (found.mode == Mode::Int8 || found.mode == Mode::Int4) return ok();
    const std::uint64_t bytes = found.parts.codes->shape[0];
    if (found.mode == Mode::Awq) found.bits = 4;
    if (policy_.bits > 0) found.bits = policy_.bits;
    if (found.bits == 0 && bytes == 1 && found.rows == 2) {
      return unfit(
          "kernels with two outputs do not tell how many bits codes have; the "
          "configuration of a .keras file would");
    }
    if (found.bits == 0 && bytes != found.rows) found.bits = bytes == half(found.rows) ? 4 : 2;
    if (found.bits == 0) {
      const auto bits = bitsOfValues(found);
      if (!bits) return bits.error();
      found.bits = *bits;
    }
    if (found.bits != 2 && found.bits != 3 && found.bits != 4 && found.bits != 8) {
      return unfit("codes of " + std::to_string(found.bits) + " bits; Keras has 2, 3, 4 and 8");
    }
    found.perByte = bytes == found.rows ? 1 : found.bits == 4 ? 2 : 4;  // two bits had a byte each
    if (bytes != blocksOf(found.rows, static_cast<std::uint64_t>(found.perByte))) {
      return unfit("its codes are not as many as the dtype policy asks for");
    }
    return ok();
  }

  /// By the largest of the zero points and of some codes, each of which has a byte.
  Result<int> bitsOfValues(const Found& found) const {
    constexpr std::size_t kSome = 65536;
    auto zeros = readElements<std::uint8_t>(context_.container, *found.parts.zero,
                                            wholeOf(*found.parts.zero), context_.control);
    if (!zeros) return zeros.error();
    Box box = wholeOf(*found.parts.codes);
    box.count[0] = std::min<std::size_t>(
        box.count[0], std::max<std::size_t>(1, kSome / std::max<std::size_t>(1, box.count[1])));
    auto codes =
        readElements<std::uint8_t>(context_.container, *found.parts.codes, box, context_.control);
    if (!codes) return codes.error();
    const auto most = [](const std::vector<std::uint8_t>& values) {
      return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
    };
    const int largest = std::max(most(*zeros), most(*codes));
    if (largest > 7) return found.rows == 1 && largest <= 15 ? 4 : 8;
    return largest > 3 ? 3 : 2;
  }

  Status findBlock(Found& found) const {
    found.block = -1;
    if (found.groups <= 1) return ok();
    if (policy_.block && *policy_.block > 0) {
      found.block = *policy_.block;
      return ok();
    }
    auto index =
        readNumbers(context_.container, *found.parts.groupIndex, Bytes::Numbers, context_.control);
    if (!index) return index.error();
    const auto first = std::find_if(index->begin(), index->end(), [](float g) { return g != 0; });
    const auto block = static_cast<std::uint64_t>(first - index->begin());
    const bool regular = block > 0 && blocksOf(found.cols, block) == found.groups;
    found.block = static_cast<long long>(
        regular ? block : std::max<std::uint64_t>(1, groupSizeOf(found.cols, found.groups)));
    return ok();
  }

  const Siblings& siblings_;
  const PackingContext& context_;
  const KerasPlace* place_;
  Policy policy_;
};

// ---- decoding

const char* nameOf(Mode mode) {
  switch (mode) {
    case Mode::Int8:
      return "int8";
    case Mode::Int4:
      return "int4";
    case Mode::Gptq:
      return "gptq";
    case Mode::Awq:
      return "awq";
  }
  return "";
}

PackedInfo infoOf(const Found& found) {
  const Parts& parts = found.parts;
  PackedInfo info;
  info.path = parts.codes->path;
  info.originalPath = parts.originalPath;
  info.format = "Keras";
  info.detail = std::string(nameOf(found.mode)) + ", " + std::to_string(found.bits) + " bits" +
                (found.block > 0 ? ", groups of " + std::to_string(found.block) : "");
  info.rows = static_cast<std::size_t>(found.rows);
  info.cols = static_cast<std::size_t>(found.cols);
  info.inputsFirst = found.layout.packsRows || found.layout.rowAxis != 0;
  info.bits = found.bits;
  info.groupSize = found.block;
  info.scaleType = parts.scale->dtype;
  for (const StoredArray* part :
       {parts.codes, parts.scale, parts.zero, parts.groupIndex, parts.inputScale}) {
    if (part != nullptr) info.parts.push_back(part->path);
  }
  return info;
}

class KerasTensor : public PackedTensor {
 public:
  explicit KerasTensor(const Found& found)
      : info_(infoOf(found)),
        mode_(found.mode),
        layout_(found.layout),
        groups_(static_cast<std::size_t>(found.groups)),
        perByte_(static_cast<std::size_t>(found.perByte)),
        codes_(*found.parts.codes),
        scale_(*found.parts.scale),
        zero_(copyOf(found.parts.zero)),
        groupIndex_(copyOf(found.parts.groupIndex)),
        inputScale_(copyOf(found.parts.inputScale)) {}

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    PackedParameters parameters;
    parameters.groups = groups_;
    parameters.divides = !zero_;
    auto scale = table(container, scale_, control);
    if (!scale) return scale.error();
    parameters.scale = *std::move(scale);
    if (zero_) {
      auto zero = table(container, *zero_, control);
      if (!zero) return zero.error();
      parameters.zero = *std::move(zero);
      if (mode_ == Mode::Int4) {
        for (float& value : parameters.zero) value += kInt4Offset;
      }
    }
    auto groupOf = groupNumbers(container, control);
    if (!groupOf) return groupOf.error();
    parameters.groupOf = *std::move(groupOf);
    if (inputScale_) {
      auto inputScale = readNumbers(container, *inputScale_, Bytes::Numbers, control);
      if (!inputScale) return inputScale.error();
      parameters.inputScale = *std::move(inputScale);
    }
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (firstRow > info_.rows || rows > info_.rows - firstRow) {
      return Error{ErrorCode::InvalidArgument, info_.path + ": has no such rows"};
    }
    if (codes_.shape.size() != 2) return wholeCodes(container, firstRow, rows, control);
    const std::size_t each = layout_.packsRows ? perByte_ : 1;
    const std::size_t first = firstRow / each;
    const std::size_t end = (firstRow + rows + each - 1) / each;
    Box box = wholeOf(codes_);
    box.start[layout_.rowAxis] = first;
    box.count[layout_.rowAxis] = end - first;
    const auto bytes = readElements<std::uint8_t>(container, codes_, box, control);
    if (!bytes) return bytes.error();
    return unpacked(*bytes, box.count[1], firstRow - first * each, rows);
  }

 private:
  static constexpr int kInt4Offset = 8;

  static std::optional<StoredArray> copyOf(const StoredArray* array) {
    return array == nullptr ? std::nullopt : std::optional(*array);
  }

  /// Scales or zero points as [rows, groups].
  Result<std::vector<float>> table(const Container& container, const StoredArray& array,
                                   const TaskControl& control) const {
    auto values = readNumbers(container, array, Bytes::Numbers, control);
    const bool rowsFirst = array.shape.size() != 2 || layout_.rowAxis == 0;
    if (!values || rowsFirst || groups_ == 1) return values;
    std::vector<float> turned(values->size());
    for (std::size_t g = 0; g < groups_; ++g) {
      for (std::size_t r = 0; r < info_.rows; ++r) {
        turned[r * groups_ + g] = (*values)[g * info_.rows + r];
      }
    }
    return turned;
  }

  Result<std::vector<std::uint32_t>> groupNumbers(const Container& container,
                                                  const TaskControl& control) const {
    std::vector<std::uint32_t> numbers(info_.cols, 0);
    if (!groupIndex_) return numbers;
    const auto values = readNumbers(container, *groupIndex_, Bytes::Numbers, control);
    if (!values) return values.error();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const float value = (*values)[i];
      if (!(value >= 0 && value < static_cast<float>(groups_) && value == std::floor(value))) {
        return unfit(groupIndex_->path + ": holds numbers of groups that there are not");
      }
      numbers[i] = static_cast<std::uint32_t>(value);
    }
    return numbers;
  }

  /// Of a kernel of more axes than two, whose outputs are the last of them.
  Result<std::vector<std::int16_t>> wholeCodes(const Container& container, std::size_t firstRow,
                                               std::size_t rows, const TaskControl& control) const {
    const auto bytes = readElements<std::uint8_t>(container, codes_, wholeOf(codes_), control);
    if (!bytes) return bytes.error();
    return unpacked(*bytes, info_.rows, firstRow, rows);
  }

  std::int16_t codeAt(std::uint8_t byte, std::size_t sub) const {
    if (mode_ == Mode::Int8) return static_cast<std::int8_t>(byte);
    if (perByte_ == 1) return byte;
    const std::size_t bits = 8 / perByte_;
    const int code = byte >> (bits * sub) & ((1 << bits) - 1);
    if (mode_ != Mode::Int4) return static_cast<std::int16_t>(code);
    const int number = code < kInt4Offset ? code : code - 2 * kInt4Offset;
    return static_cast<std::int16_t>(zero_ ? number + kInt4Offset : number);
  }

  /// `rows` rows from row `skip` of those whose bytes are given, as stored, `width` in a line.
  std::vector<std::int16_t> unpacked(const std::vector<std::uint8_t>& bytes, std::size_t width,
                                     std::size_t skip, std::size_t rows) const {
    const std::size_t cols = info_.cols;
    std::vector<std::int16_t> result(rows * cols);
    const auto place = [&](std::size_t r, std::size_t c) {
      const std::size_t row = layout_.packsRows ? (skip + r) / perByte_ : skip + r;
      const std::size_t col = layout_.packsRows ? c : c / perByte_;
      const std::size_t sub = layout_.packsRows ? (skip + r) % perByte_ : c % perByte_;
      const std::size_t at = layout_.rowAxis == 0 ? row * width + col : col * width + row;
      result[r * cols + c] = codeAt(bytes[at], sub);
    };
    // A square at a time, so that neither side runs through memory in strides alone.
    constexpr std::size_t kSide = 64;
    for (std::size_t r0 = 0; r0 < rows; r0 += kSide) {
      for (std::size_t c0 = 0; c0 < cols; c0 += kSide) {
        for (std::size_t r = r0; r < std::min(rows, r0 + kSide); ++r) {
          for (std::size_t c = c0; c < std::min(cols, c0 + kSide); ++c) place(r, c);
        }
      }
    }
    return result;
  }

  PackedInfo info_;
  Mode mode_;
  CodeLayout layout_;
  std::size_t groups_;
  std::size_t perByte_;
  StoredArray codes_;
  StoredArray scale_;
  std::optional<StoredArray> zero_;
  std::optional<StoredArray> groupIndex_;
  std::optional<StoredArray> inputScale_;
};

}  // namespace

std::optional<std::string> describeKeras(const Siblings& siblings) {
  if (!isBytes(siblings.array())) return std::nullopt;
  if (isNumbered(siblings)) return describeNumbered(siblings);
  if (!isKerasName(siblings.name())) return std::nullopt;
  const bool quantized = siblings.name() == "quantized_kernel";
  const StoredArray* scales = siblings.find(quantized ? "kernel_scale" : "*_scale");
  if (isFloat(scales, 2)) return textOf(siblings, scales);
  if (isFloat(scales, 1)) return textOf(siblings, nullptr);
  return std::nullopt;
}

Result<SharedPackedTensor> openKeras(const Siblings& siblings, const PackingContext& context) {
  const auto found = Opener(siblings, context).open();
  if (!found) return found.error();
  return SharedPackedTensor(std::make_shared<const KerasTensor>(*found));
}

}  // namespace quantoscope
