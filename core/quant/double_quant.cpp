#include "core/quant/double_quant.h"

#include "core/kernels/half_arithmetic.h"
#include "core/kernels/kernels.h"

namespace quantoscope {

namespace {

float meanOf(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += value;
  return static_cast<float>(sum / static_cast<double>(values.size()));
}

}  // namespace

std::vector<float> doubleQuantized(std::span<const float> scales, const DoubleQuant& doubleQuant,
                                   Arithmetic arithmetic) {
  const auto rounded = [=](float value) { return kernels::roundedTo(arithmetic, value); };
  std::vector<float> values(scales.begin(), scales.end());
  if (values.empty()) return values;
  const bool centred = doubleQuant.scheme == Scheme::Asym;
  const float mean = centred ? rounded(meanOf(scales)) : 0;
  if (centred) {
    for (float& value : values) value = rounded(value - mean);
  }

  const Codec codec = withArithmetic(codecOf(doubleQuant), arithmetic);
  const GroupLayout layout = GroupLayout::of(1, values.size(), doubleQuant.groupSize);
  const kernels::BlockShape shape{1, layout.cols, layout.groupSize};
  const kernels::KernelTable& kernels = kernels::activeKernels();
  const double noClip = 1.0;
  std::vector<float> scale(layout.groups());
  kernels.groupParameters(codec, shape, values.data(), &noClip, 0, scale.data(), nullptr);
  kernels.quantizeDequantize(codec, shape, values.data(), scale.data(), nullptr, scale.data(),
                             values.data());

  if (centred) {
    for (float& value : values) value = rounded(value + mean);
  }
  return values;
}

}  // namespace quantoscope
