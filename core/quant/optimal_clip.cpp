#include "core/quant/optimal_clip.h"

#include <cmath>

#include "core/base/memory_border.h"

namespace quantoscope {

Result<ClipChoice> optimalClip(const WeightTensor& tensor, const Coding& coding,
                               std::span<const float> importance, const Executor& executor,
                               const TaskControl& control) {
  // Two scales and the ratio of them for each group, at least.
  const std::uint64_t bytes = coding.layout.groups() * (2 * sizeof(float) + sizeof(double));
  if (auto room = roomFor(tensor.info().name, "the scales of its groups", bytes); !room) {
    return room.error();
  }
  const Coding plain = coding.withClip({}).onPlainScales();
  auto unclipped = groupParametersOf(tensor, plain, ClipRatios::whole(1), executor, control);
  if (!unclipped) return unclipped.error();
  unclipped->zeroPoint = {};  // of no use here, and as large as the scales
  auto optimal =
      groupParametersOf(tensor, coding, ClipRatios::whole(1), executor, control, importance);
  if (!optimal) return optimal.error();

  ClipChoice choice;
  choice.ratios.granularity = ClipRatios::Granularity::Group;
  choice.ratios.values.clear();
  choice.ratios.values.reserve(optimal->scale.size());
  for (std::size_t g = 0; g < optimal->scale.size(); ++g) {
    const double ratio = std::fabs(static_cast<double>(optimal->scale[g])) /
                         std::fabs(static_cast<double>(unclipped->scale[g]));
    choice.ratios.values.push_back(std::isfinite(ratio) ? ratio : 1);
  }
  choice.ratios.optimal = std::make_shared<const GroupParameters>(std::move(*optimal));
  return choice;
}

}  // namespace quantoscope
