// Which table runs.
#include <atomic>

#include "core/kernels/kernels.h"
#include "core/kernels/vector.h"

namespace quantoscope::kernels {

namespace {

std::atomic<const KernelTable*>& active() {
  static std::atomic<const KernelTable*> table = availableKernels().front();
  return table;
}

}  // namespace

const std::vector<const KernelTable*>& availableKernels() {
  static const std::vector<const KernelTable*> tables = [] {
    std::vector<const KernelTable*> found = vectorKernels();
    found.push_back(&scalarKernels());
    return found;
  }();
  return tables;
}

const KernelTable& activeKernels() {
  return *active().load(std::memory_order_relaxed);
}

bool useKernels(std::string_view name) {
  for (const KernelTable* table : availableKernels()) {
    if (table->name == name) {
      active() = table;
      return true;
    }
  }
  return false;
}

}  // namespace quantoscope::kernels
