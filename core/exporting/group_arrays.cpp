#include "core/exporting/group_arrays.h"

#include <algorithm>
#include <cstring>

#include "core/base/half.h"

namespace quantoscope {

namespace {

constexpr std::size_t kBand = 64;  // rows at a time, so that both sides are met in runs

/// to[g * rows + r] = valueOf(r * groups + g).
template <typename T, typename ValueOf>
void transposeGroups(const GroupLayout& layout, const Executor& executor, T* to, ValueOf valueOf) {
  const std::size_t groups = layout.groupsPerRow();
  const Status done =
      executor.forEachBlock((layout.rows + kBand - 1) / kBand, [&](std::size_t band) {
        const std::size_t end = std::min(layout.rows, (band + 1) * kBand);
        for (std::size_t g = 0; g < groups; ++g) {
          for (std::size_t r = band * kBand; r < end; ++r) {
            to[g * layout.rows + r] = valueOf(r * groups + g);
          }
        }
      });
  (void)done;  // nobody cancels it
}

}  // namespace

void roundScalesToHalf(GroupParameters& parameters) {
  std::vector<float> stored = parameters.decoding();
  for (float& scale : stored) scale = floatFromHalf(halfFromFloat(scale));
  parameters.decodeScale = std::move(stored);
}

std::vector<std::byte> halfScalesTransposed(const GroupParameters& parameters,
                                            const Executor& executor) {
  const std::vector<float>& scales = parameters.decoding();
  std::vector<std::byte> bytes(scales.size() * sizeof(std::uint16_t));
  transposeGroups(parameters.layout, executor, reinterpret_cast<std::uint16_t*>(bytes.data()),
                  [&](std::size_t i) { return halfFromFloat(scales[i]); });
  return bytes;
}

std::vector<std::byte> floatScales(const GroupParameters& parameters) {
  const std::vector<float>& scales = parameters.decoding();
  std::vector<std::byte> bytes(scales.size() * sizeof(float));
  std::memcpy(bytes.data(), scales.data(), bytes.size());
  return bytes;
}

std::vector<std::uint8_t> zeroCodesTransposed(const ExportTensor& tensor, int less,
                                              const Executor& executor) {
  const GroupParameters& parameters = tensor.quantized.parameters;
  const int bits = tensor.quantized.spec.bits;
  const int mask = (1 << bits) - 1;
  std::vector<std::uint8_t> zeros(parameters.layout.groups());
  transposeGroups(parameters.layout, executor, zeros.data(), [&](std::size_t i) {
    const int zero =
        parameters.zeroPoint.empty() ? 1 << (bits - 1) : static_cast<int>(parameters.zeroPoint[i]);
    return static_cast<std::uint8_t>((zero - less) & mask);
  });
  return zeros;
}

}  // namespace quantoscope
