// Quantized tensors in memory, for tests of the audit: right ones, made here by the published
// rules, which tests then spoil.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/half.h"
#include "core/io/container/container.h"
#include "core/io/quantized/packed_tensor.h"
#include "tests/support/fake_source.h"
#include "tests/support/test_data.h"

namespace quantoscope::test {

/// Lists arrays and holds none.
class FakeContainer : public Container {
 public:
  void add(const std::string& path, std::uint64_t bytes) {
    StoredArray array;
    array.path = path;
    array.shape = {bytes};
    array.dtype = "uint8";
    array.elementBytes = 1;
    contents_.arrays.push_back(array);
  }
  const StoredFile& contents() const override { return contents_; }
  Result<StoredElement> elementOf(const std::string& path) const override { return none(path); }
  Result<std::optional<FileExtent>> extentOf(const std::string&) const override {
    return std::optional<FileExtent>();
  }
  Status read(const std::string& path, const Box&, void*, const TaskControl&) const override {
    return none(path);
  }
  Status readAsFloat(const std::string& path, const Box&, float*) const override {
    return none(path);
  }
  std::vector<std::size_t> chunkOf(const std::string&) const override { return {}; }

 private:
  static Error none(const std::string& path) {
    return {ErrorCode::UnreadableFile, path + ": not here"};
  }
  StoredFile contents_;
};

/// A quantized tensor that a test may change as it likes.
class FakePacked : public PackedTensor {
 public:
  PackedInfo about;
  PackedParameters stored;
  std::vector<std::int16_t> elements;  ///< codes

  const PackedInfo& info() const override { return about; }
  Result<PackedParameters> parameters(const Container&, const TaskControl&) const override {
    return stored;
  }
  Result<std::vector<std::int16_t>> codes(const Container&, std::size_t firstRow, std::size_t rows,
                                          const TaskControl&) const override {
    const auto at = [&](std::size_t row) {
      return elements.begin() + static_cast<std::ptrdiff_t>(row * about.cols);
    };
    return std::vector<std::int16_t>(at(firstRow), at(firstRow + rows));
  }

  std::vector<float> decoded() const {
    std::vector<float> values(elements.size());
    decodeRows(stored, about.cols, 0, about.rows, elements, values.data());
    return values;
  }
  std::int16_t& code(std::size_t row, std::size_t col) { return elements[row * about.cols + col]; }
  std::size_t groups() const { return stored.groups; }
};

inline float asFloat16(float value) {
  return floatFromHalf(halfFromFloat(value));
}

/// How a right export of integers is made.
struct IntegerRecipe {
  int bits = 4;
  std::size_t group = 32;
  enum class Rule { Restricted, Half, Full, MinMaxZero, MinMax } rule = Rule::Half;
  bool middleZeros = true;  ///< symmetric codes with a zero point in the middle, as GPTQ has them
  std::function<double(std::size_t row, std::size_t group)> ratio = [](std::size_t, std::size_t) {
    return 1.0;
  };
  std::function<float(float)> store = asFloat16;  ///< rounds a scale to what the file holds
  std::string scaleType = "float16";

  bool symmetric() const {
    return rule == Rule::Restricted || rule == Rule::Half || rule == Rule::Full;
  }
};

inline FakePacked emptyPacked(const std::string& name, std::size_t rows, std::size_t cols, int bits,
                              std::size_t group) {
  FakePacked made;
  made.about.path = name;
  made.about.format = "GPTQ";
  made.about.rows = rows;
  made.about.cols = cols;
  made.about.bits = bits;
  made.about.groupSize = group == cols ? -1 : static_cast<long long>(group);
  made.about.scaleType = "float16";
  made.about.parts = {name + ".codes", name + ".scales"};
  made.stored.groups = (cols + group - 1) / group;
  for (std::size_t c = 0; c < cols; ++c) {
    made.stored.groupOf.push_back(static_cast<std::uint32_t>(c / group));
  }
  made.elements.resize(rows * cols);
  return made;
}

/// The integers nearest to the weights, by the rules of export_formats: see IntegerRecipe.
inline FakePacked quantizedIntegers(const std::string& name, std::size_t rows, std::size_t cols,
                                    const std::vector<float>& w, const IntegerRecipe& recipe) {
  using Rule = IntegerRecipe::Rule;
  FakePacked made = emptyPacked(name, rows, cols, recipe.bits, recipe.group);
  made.about.scaleType = recipe.scaleType;
  const float half = std::ldexp(1.0f, recipe.bits - 1), all = 2 * half - 1;
  const bool zeros = !recipe.symmetric() || recipe.middleZeros;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t g = 0; g < made.groups(); ++g) {
      const std::size_t first = g * recipe.group, end = std::min(cols, first + recipe.group);
      const float* begin = w.data() + row * cols + first;
      const auto [low, high] = std::minmax_element(begin, w.data() + row * cols + end);
      const float amax = std::max(*high, -*low);
      const auto ratio = static_cast<float>(recipe.ratio(row, g));
      float scale = 0, zero = half;
      switch (recipe.rule) {
        case Rule::Restricted:
          scale = amax * ratio / (half - 1);
          break;
        case Rule::Half:
          scale = amax * ratio / (all / 2);
          break;
        case Rule::Full:
          scale = (amax == *high ? -amax : amax) * ratio / half;
          break;
        case Rule::MinMaxZero:
        case Rule::MinMax: {
          const bool alone = recipe.rule == Rule::MinMax;
          const float least = (alone ? *low : std::min(0.0f, *low)) * ratio;
          const float most = (alone ? *high : std::max(0.0f, *high)) * ratio;
          scale = (most - least) / all;
          zero = std::clamp(std::nearbyint(-least / scale), 0.0f, all);
          break;
        }
      }
      scale = recipe.store(scale);
      made.stored.scale.push_back(scale);
      if (zeros) made.stored.zero.push_back(zero);
      for (std::size_t c = first; c < end; ++c) {
        const float code = std::clamp(std::nearbyint(w[row * cols + c] / scale + zero), 0.0f, all);
        made.code(row, c) = static_cast<std::int16_t>(zeros ? code : code - half);
      }
    }
  }
  return made;
}

/// The levels nearest to the weights under scales that `scaleOf` gives for the largest magnitude.
inline FakePacked quantizedLevels(const std::string& name, std::size_t rows, std::size_t cols,
                                  std::size_t group, const std::vector<float>& w,
                                  const std::vector<float>& levels, float divisor,
                                  const std::function<float(float)>& scaleOf) {
  FakePacked made = emptyPacked(name, rows, cols, 4, group);
  made.stored.levels = levels;
  made.stored.divisor = divisor;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t g = 0; g < made.groups(); ++g) {
      float amax = 0;
      for (std::size_t c = g * group; c < std::min(cols, (g + 1) * group); ++c) {
        amax = std::max(amax, std::abs(w[row * cols + c]));
      }
      const float scale = scaleOf(amax);
      made.stored.scale.push_back(scale);
      for (std::size_t c = g * group; c < std::min(cols, (g + 1) * group); ++c) {
        const float target = w[row * cols + c] / (scale / divisor);
        std::size_t best = 0;
        for (std::size_t i = 1; i < levels.size(); ++i) {
          if (std::abs(levels[i] - target) < std::abs(levels[best] - target)) best = i;
        }
        made.code(row, c) = static_cast<std::int16_t>(best);
      }
    }
  }
  return made;
}

/// E2M1 in the order of its bit patterns.
inline std::vector<float> e2m1Levels() {
  return {0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0f, -0.5, -1, -1.5, -2, -3, -4, -6};
}

/// A source whose arrays can be had as they are stored, too.
class StoredFakeSource : public FakeSource {
 public:
  using FakeSource::FakeSource;
  Status readStored(const TensorInfo& info,
                    const std::function<Status(const std::byte*, std::size_t)>& take,
                    const TaskControl&) const override {
    const auto found = bytes.find(info.name);
    if (found == bytes.end()) {
      return Error{ErrorCode::UnreadableFile, path() + ": " + info.name + ": not here"};
    }
    return take(reinterpret_cast<const std::byte*>(found->second.data()), found->second.size());
  }
  /// Adds a weight that is stored as float8 with scales.
  void addScaled(const std::string& name, std::size_t rows, std::size_t cols,
                 std::vector<float> values) {
    add(name, rows, cols, std::move(values));
    dtypeOf(name) = "float8_e4m3fn x scales";
  }
  std::map<std::string, std::string> bytes;  ///< of arrays that are no weights
};

}  // namespace quantoscope::test
