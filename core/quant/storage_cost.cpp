#include "core/quant/storage_cost.h"

namespace quantoscope {

namespace {
constexpr std::uint64_t kFloatBits = 32;

std::uint64_t scaleBitsOf(Dtype dtype) {
  switch (dtype) {
    case Dtype::Mxfp4:
    case Dtype::Nvfp4:
      return 8;
    case Dtype::Fp8E4m3fn:
    case Dtype::Fp8E5m2:
      return kFloatBits;
    default:
      return 16;
  }
}
}  // namespace

StorageCost storageCostOf(const QuantSpec& spec, std::size_t rows, std::size_t cols) {
  const GroupLayout layout = layoutOf(spec, rows, cols);
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
    cost.scaleBits = scaleBitsOf(spec.dtype) * layout.groups();
  }
  if (spec.dtype == Dtype::Nvfp4) cost.tensorBits = kFloatBits;
  if (spec.codebook.book != nullptr) {
    cost.tensorBits = kFloatBits * spec.codebook.book->levels.size();
  }
  return cost;
}

}  // namespace quantoscope
