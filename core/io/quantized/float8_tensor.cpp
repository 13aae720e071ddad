#include "core/io/quantized/float8_tensor.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "core/base/checked.h"
#include "core/base/half.h"
#include "core/io/container/element_type.h"
#include "core/io/quantized/packed_parts.h"
#include "core/io/quantized/packed_reading.h"

namespace quantoscope {

namespace {

constexpr std::size_t kPatterns = 256;
constexpr std::size_t kHalfs = 65536;

bool isE4m3(const StoredArray& array) {
  return array.dtype == "float8_e4m3fn";
}

/// The float16 number of each pattern, which is how a container reads them.
std::array<std::uint16_t, kPatterns> halfsOf(ElementType type) {
  // widen() takes codes out of the end of the memory that it fills.
  std::array<std::uint16_t, kPatterns> halfs{};
  auto* bytes = reinterpret_cast<std::uint8_t*>(halfs.data());
  for (std::size_t i = 0; i < kPatterns; ++i) bytes[kPatterns + i] = static_cast<std::uint8_t>(i);
  widen(type, halfs.data(), kPatterns);
  return halfs;
}

struct Patterns {
  std::vector<float> levels;         ///< by pattern
  std::vector<std::int16_t> ofHalf;  ///< by the bits of the float16 number

  explicit Patterns(ElementType type) : levels(kPatterns), ofHalf(kHalfs, 0) {
    const auto halfs = halfsOf(type);
    for (std::size_t i = kPatterns; i-- > 0;) {
      levels[i] = floatFromHalf(halfs[i]);
      ofHalf[halfs[i]] = static_cast<std::int16_t>(i);
    }
  }
};

const Patterns& patternsOf(const StoredArray& codes) {
  static const Patterns e4m3(ElementType::Float8E4M3);
  static const Patterns e5m2(ElementType::Float8E5M2);
  return isE4m3(codes) ? e4m3 : e5m2;
}

class Float8Tensor : public PackedTensor {
 public:
  Float8Tensor(const StoredArray& codes, const StoredArray& scales, ScaleGrid grid)
      : codes_(codes), scales_(scales), grid_(std::move(grid)) {
    info_ = newInfo(codes.path, "float8", codes.shape[0], codes.shape[1], 8,
                    grid_.counts[1] == 1 ? -1 : static_cast<long long>(grid_.block[1]));
    info_.detail = codes.dtype + ", " + grid_.text();
    info_.scaleType = scales.dtype == "uint8" ? "float8_e8m0fnu" : scales.dtype;
    info_.parts = {codes.path, scales.path};
  }

  const PackedInfo& info() const override { return info_; }

  Result<PackedParameters> parameters(const Container& container,
                                      const TaskControl& control) const override {
    const auto scales = readScales(container, scales_, control);
    if (!scales) return scales.error();
    if (scales->size() != grid_.counts[0] * grid_.counts[1]) {
      return Error{ErrorCode::UnreadableFile, scales_.path + ": has another number of scales"};
    }
    PackedParameters parameters;
    parameters.groups = grid_.counts[1];
    parameters.groupOf = evenGroups(info_.cols, static_cast<long long>(grid_.block[1]));
    parameters.levels = patternsOf(codes_).levels;
    parameters.scale.reserve(info_.rows * parameters.groups);
    for (std::size_t r = 0; r < info_.rows; ++r) {
      const float* first = scales->data() + r / grid_.block[0] * parameters.groups;
      parameters.scale.insert(parameters.scale.end(), first, first + parameters.groups);
    }
    return parameters;
  }

  Result<std::vector<std::int16_t>> codes(const Container& container, std::size_t firstRow,
                                          std::size_t rows,
                                          const TaskControl& control) const override {
    if (auto status = checkRows(info_, firstRow, rows); !status) return status.error();
    const Box box{{firstRow, 0}, {rows, info_.cols}};
    const auto halfs = readElements<std::uint16_t>(container, codes_, box, control);
    if (!halfs) return halfs.error();
    const std::vector<std::int16_t>& ofHalf = patternsOf(codes_).ofHalf;
    std::vector<std::int16_t> patterns(halfs->size());
    std::transform(halfs->begin(), halfs->end(), patterns.begin(),
                   [&](std::uint16_t half) { return ofHalf[half]; });
    return patterns;
  }

 private:
  StoredArray codes_;
  StoredArray scales_;
  ScaleGrid grid_;
  PackedInfo info_;
};

}  // namespace

std::vector<FoundFloat8> findFloat8(const StoredFile& file, const ArraysByPath& index,
                                    const std::function<bool(const StoredArray&)>& wanted) {
  std::vector<FoundFloat8> found;
  BlockSizes usual;
  for (const StoredArray& codes : file.arrays) {
    if (!codes.dtype.starts_with("float8_") || !wanted(codes)) continue;
    const StoredArray* scales = scalesOfFloat8(Siblings(file, index, codes));
    if (scales == nullptr || scales == &codes) continue;
    found.push_back({&codes, scales});
    countBlockSizes(codes.shape, scales->shape, usual);
  }
  for (FoundFloat8& one : found) one.grid = gridOf(one.codes->shape, one.scales->shape, usual);
  return found;
}

SharedPackedTensor float8Tensor(const FoundFloat8& found) {
  const bool readable = found.grid && found.codes->obstacle.empty() &&
                        found.scales->obstacle.empty() && found.codes->shape.size() == 2;
  if (!readable) return nullptr;
  const auto bytes = checkedVolume(found.codes->shape, sizeof(float));
  if (!bytes || *bytes == 0 || *bytes > std::numeric_limits<std::int64_t>::max()) return nullptr;
  return std::make_shared<Float8Tensor>(*found.codes, *found.scales, *found.grid);
}

}  // namespace quantoscope
