#include "core/quant/tuning_plan.h"

namespace quantoscope {

QuantSpec TuningPlan::specFor(const std::string& tensor) const {
  const auto found = tensors.find(tensor);
  if (found == tensors.end()) return defaultSpec;
  QuantSpec spec = found->second.spec;
  if (found->second.clipRatio && spec.clip.kind == ClipPolicy::Kind::SearchTensor) {
    spec.clip = ClipPolicy::fixed(*found->second.clipRatio);
  }
  return spec;
}

}  // namespace quantoscope
