#include "core/quant/storage_cost.h"

namespace quantoscope {

namespace {
constexpr std::uint64_t kFloatBits = 32;
}  // namespace

StorageCost storageCostOf(const QuantSpec& spec, std::size_t rows, std::size_t cols) {
  const GroupLayout layout = layoutOf(spec, rows, cols);
  const NumberFormat& format = formatOf(spec.dtype);
  const auto bits = static_cast<std::uint64_t>(spec.bits);
  StorageCost cost;
  cost.weights = rows * cols;
  cost.codeBits = bits * cost.weights;
  if (codecOf(spec).hasZeroPoint()) cost.zeroPointBits = bits * layout.groups();
  if (const auto& dq = spec.doubleQuant) {
    const GroupLayout second = GroupLayout::of(1, layout.groups(), dq->groupSize);
    cost.scaleBits = static_cast<std::uint64_t>(dq->bits) * layout.groups();
    cost.doubleQuantBits = kFloatBits * second.groups();
    if (dq->scheme == Scheme::Asym) cost.doubleQuantBits += kFloatBits;
  } else {
    cost.scaleBits = static_cast<std::uint64_t>(format.scaleBits) * layout.groups();
  }
  cost.tensorBits = static_cast<std::uint64_t>(format.tensorBits);
  if (spec.codebook.book != nullptr) {
    cost.tensorBits += kFloatBits * spec.codebook.book->levels.size();
  }
  return cost;
}

}  // namespace quantoscope
