#include "core/io/quantized/packed_tensor.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string_view>
#include <utility>

#include "core/base/checked.h"
#include "core/base/half.h"
#include "core/io/quantized/float8_tensor.h"
#include "core/io/quantized/packed_finding.h"

namespace quantoscope {

namespace {

/// Columns in a row that share a scale.
struct Run {
  std::size_t end = 0;
  std::size_t group = 0;
};

std::vector<Run> runsOf(const std::vector<std::uint32_t>& groupOf) {
  std::vector<Run> runs;
  for (std::size_t i = 0; i < groupOf.size(); ++i) {
    if (runs.empty() || runs.back().group != groupOf[i]) runs.push_back({i, groupOf[i]});
    runs.back().end = i + 1;
  }
  return runs;
}

/// How the codes of a run become values.
struct RunValues {
  float scale = 1;
  float zero = 0;
  float offset = 0;
};

class Decoder {
 public:
  explicit Decoder(const PackedParameters& parameters) : p_(parameters) {}

  void decode(const std::int16_t* codes, std::size_t count, const RunValues& run, float* y) const {
    if (p_.levels.empty()) {
      for (std::size_t i = 0; i < count; ++i) y[i] = static_cast<float>(codes[i]) - run.zero;
    } else {
      for (std::size_t i = 0; i < count; ++i) y[i] = levelOf(codes[i]);
    }
    round(count, y);
    if (p_.divides) {
      for (std::size_t i = 0; i < count; ++i) y[i] /= run.scale;
    } else {
      for (std::size_t i = 0; i < count; ++i) y[i] *= run.scale;
    }
    round(count, y);
    if (p_.offset.empty()) return;
    for (std::size_t i = 0; i < count; ++i) y[i] += run.offset;
    round(count, y);
  }

  RunValues at(std::size_t index) const {
    RunValues values{p_.scale[index], 0, 0};
    if (p_.divisor != 1) values.scale /= p_.divisor;
    if (!p_.zero.empty()) values.zero = p_.zero[index];
    if (!p_.offset.empty()) values.offset = p_.offset[index];
    return values;
  }

 private:
  void round(std::size_t count, float* y) const {
    if (!p_.rounded) return;
    const bool isHalf = *p_.rounded == StoredType::Float16;
    for (std::size_t i = 0; i < count; ++i) {
      y[i] =
          isHalf ? floatFromHalf(halfFromFloat(y[i])) : floatFromBfloat16(bfloat16FromFloat(y[i]));
    }
  }

  float levelOf(std::int16_t code) const {
    const auto index = static_cast<std::size_t>(code);  // a negative one is too large
    return index < p_.levels.size() ? p_.levels[index] : std::numeric_limits<float>::quiet_NaN();
  }

  const PackedParameters& p_;
};

Status unfit(const PackedInfo& info, const std::string& what) {
  return Error{ErrorCode::UnreadableFile, info.path + ": " + what + " do not fit its shape"};
}

Status checkScales(const PackedParameters& p, const PackedInfo& info) {
  if (p.flatBlock != 0) {
    const auto elements = checkedProduct(info.rows, info.cols);
    const bool fit = elements && p.scale.size() == *elements / p.flatBlock +
                                                       (*elements % p.flatBlock != 0 ? 1 : 0);
    return fit && p.zero.empty() && p.offset.empty() ? ok() : unfit(info, "scales");
  }
  const auto scales = checkedProduct(info.rows, p.groups);
  if (!scales || p.scale.size() != *scales) return unfit(info, "scales");
  if (!p.zero.empty() && p.zero.size() != *scales) return unfit(info, "zero points");
  if (!p.offset.empty() && p.offset.size() != *scales) return unfit(info, "offsets");
  const bool known = std::all_of(p.groupOf.begin(), p.groupOf.end(),
                                 [&](std::uint32_t group) { return group < p.groups; });
  return known && p.groupOf.size() == info.cols ? ok() : unfit(info, "group numbers");
}

}  // namespace

Status checkParameters(const PackedParameters& parameters, const PackedInfo& info) {
  if (!parameters.inputScale.empty() && parameters.inputScale.size() != info.cols) {
    return unfit(info, "scales of inputs");
  }
  return checkScales(parameters, info);
}

void decodeRows(const PackedParameters& parameters, std::size_t cols, std::size_t firstRow,
                std::size_t rows, const std::vector<std::int16_t>& codes, float* y) {
  const Decoder decoder(parameters);
  const std::size_t flat = parameters.flatBlock;
  const std::vector<Run> runs = runsOf(parameters.groupOf);
  for (std::size_t r = 0; r < rows; ++r) {
    const std::int16_t* code = codes.data() + r * cols;
    float* value = y + r * cols;
    if (flat != 0) {
      const std::size_t before = (firstRow + r) * cols;
      for (std::size_t c = 0; c < cols;) {
        const std::size_t count = std::min(cols - c, flat - (before + c) % flat);
        decoder.decode(code + c, count, decoder.at((before + c) / flat), value + c);
        c += count;
      }
    } else {
      std::size_t c = 0;
      for (const Run& run : runs) {
        const RunValues values = decoder.at((firstRow + r) * parameters.groups + run.group);
        decoder.decode(code + c, run.end - c, values, value + c);
        c = run.end;
      }
    }
    for (std::size_t c = 0; c < parameters.inputScale.size(); ++c) {
      value[c] /= parameters.inputScale[c];
    }
  }
}

Result<std::vector<SharedPackedTensor>> packedTensorsOf(const Container& container,
                                                        const TaskControl& control) {
  auto found = openPacked(container, findCodes(container.contents()), control);
  if (!found) return found.error();
  std::vector<SharedPackedTensor> tensors;
  for (FoundTensor& entry : *found) {
    if (entry.tensor) tensors.push_back(std::move(entry.tensor));
  }
  // Listed elsewhere as their products; to be told apart from what is quantized in other ways.
  std::set<std::string_view> codes;
  for (const FoundTensor& entry : *found) codes.insert(entry.found.codes->path);
  const ArraysByPath index(container.contents());
  const auto wanted = [&](const StoredArray& array) { return !codes.contains(array.path); };
  for (const FoundFloat8& one : findFloat8(container.contents(), index, wanted)) {
    if (auto tensor = float8Tensor(one)) tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace quantoscope
