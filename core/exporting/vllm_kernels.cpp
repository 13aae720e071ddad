#include "core/exporting/vllm_kernels.h"

#include <optional>

namespace quantoscope {

namespace {

bool groupsDivide(const KernelLayer& layer) {
  return layer.groupSize < 0 || layer.cols % static_cast<std::size_t>(layer.groupSize) == 0;
}

}  // namespace

KernelLayer KernelLayer::of(const PlannedTensor& tensor) {
  const QuantSpec scheme = schemeOf(tensor);
  return {tensor.layout.rows, tensor.layout.cols, scheme.groupSize, scheme.bits};
}

bool marlinTakesGroups(const KernelLayer& layer) {
  return layer.groupSize == -1 || layer.groupSize == 32 || layer.groupSize == 64 ||
         layer.groupSize == 128;
}

bool marlinTakesShape(const KernelLayer& layer) {
  return layer.rows % 64 == 0 && layer.cols % 128 == 0 && groupsDivide(layer);
}

bool macheteTakes(const KernelLayer& layer) {
  const bool groups = layer.groupSize == -1 || layer.groupSize == 64 || layer.groupSize == 128;
  return groups && layer.cols % 64 == 0 && layer.rows % 128 == 0;
}

bool exllamaTakes(const KernelLayer& layer) {
  return layer.groupSize > 0 && groupsDivide(layer) &&
         layer.rows % static_cast<std::size_t>(32 / layer.bits) == 0;
}

void noteBfloat16(RuleBook& book, const std::string& rule) {
  const std::optional<Json>& config = book.header().config;
  if (!config) return;
  for (const char* key : {"torch_dtype", "dtype"}) {
    const Json* type = config->find(key);
    if (type == nullptr || type->asString() == nullptr || *type->asString() != "bfloat16") continue;
    return book.note("default",
                     "the model computes in bfloat16, and scales are stored as float16: loaders "
                     "round them to bfloat16, or compute in float16",
                     rule);
  }
}

}  // namespace quantoscope
