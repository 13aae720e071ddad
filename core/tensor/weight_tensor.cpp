#include "core/tensor/weight_tensor.h"

#include <cassert>
#include <cstdint>
#include <cstring>

#include "core/base/half.h"

namespace quantoscope {

namespace {

/// About 256 KiB of float32: large against the cost of a task, small against a core's cache.
constexpr std::size_t kBlockElements = 65536;

/// What a pass leaves in memory behind itself, twice for each thread.
constexpr std::uint64_t kStretch = std::uint64_t{32} << 20;

/// Forgets the stretch before the last when a block reaches into the next one. Whoever still reads
/// there, or reads it again, gets it from the file again.
void forgetBehind(const MappedAccess& access, std::uint64_t begin, std::uint64_t end) {
  const std::uint64_t in = begin / kStretch;
  const std::uint64_t next = end / kStretch;
  const std::uint64_t first = in == 0 ? 0 : in - 1;
  if (next == in || next - 1 == first) return;
  access.forget(first * kStretch, (next - 1 - first) * kStretch);
}

template <typename T>
std::shared_ptr<const std::vector<T>> shared(std::vector<T> values) {
  return std::make_shared<const std::vector<T>>(std::move(values));
}

}  // namespace

WeightTensor::WeightTensor(TensorInfo info, std::vector<float> values) : info_(std::move(info)) {
  assert(values.size() == elements());
  auto owner = shared(std::move(values));
  elements_ = owner->data();
  owner_ = std::move(owner);
}

WeightTensor::WeightTensor(TensorInfo info, StoredType type, std::vector<std::uint16_t> values)
    : info_(std::move(info)), type_(type) {
  assert(values.size() == elements());
  assert(type == StoredType::Float16 || type == StoredType::BFloat16);
  auto owner = shared(std::move(values));
  elements_ = owner->data();
  owner_ = std::move(owner);
}

WeightTensor::WeightTensor(TensorInfo info, StoredType type, std::shared_ptr<const void> owner,
                           const void* elements, std::function<Status()> intact,
                           MappedAccess access)
    : info_(std::move(info)),
      type_(type),
      owner_(std::move(owner)),
      elements_(elements),
      intact_(std::move(intact)),
      access_(std::move(access)) {
  assert(type != StoredType::Float64);
}

MatrixView WeightTensor::block(std::size_t first, std::size_t count,
                               std::vector<float>& scratch) const {
  const std::size_t begin = first * cols();
  const std::size_t size = count * cols();
  if (access_.forget) {
    const std::uint64_t bytes = access_.decode != nullptr      ? access_.decodedBytes
                                : type_ == StoredType::Float32 ? sizeof(float)
                                                               : sizeof(std::uint16_t);
    forgetBehind(access_, begin * bytes, (begin + size) * bytes);
  }
  if (access_.decode != nullptr) {
    scratch.resize(size);
    access_.decode(static_cast<const char*>(elements_) + begin * access_.decodedBytes, size,
                   scratch.data());
    return {scratch.data(), count, cols()};
  }
  if (type_ == StoredType::Float32) {
    const char* from = static_cast<const char*>(elements_) + begin * sizeof(float);
    if (reinterpret_cast<std::uintptr_t>(from) % alignof(float) == 0) {
      return {reinterpret_cast<const float*>(from), count, cols()};
    }
    scratch.resize(size);
    std::memcpy(scratch.data(), from, size * sizeof(float));
    return {scratch.data(), count, cols()};
  }
  scratch.resize(size);
  const auto* from = static_cast<const std::uint16_t*>(elements_) + begin;
  if (type_ == StoredType::Float16) {
    floatsFromHalfs(from, size, scratch.data());
  } else {
    floatsFromBfloat16s(from, size, scratch.data());
  }
  return {scratch.data(), count, cols()};
}

RowBlocks RowBlocks::of(std::size_t rows, std::size_t cols) {
  return {rows, std::max<std::size_t>(1, kBlockElements / std::max<std::size_t>(1, cols))};
}

}  // namespace quantoscope
