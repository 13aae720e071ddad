// Memory that the reader process fills and this one uses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/base/descriptor.h"
#include "core/base/result.h"

namespace quantoscope {

/// Anonymous memory behind a descriptor (memfd). Its size is sealed: whoever else holds the
/// descriptor cannot shrink it under us. Given back when the last holder lets go.
class SharedMemory {
 public:
  /// At least 1 byte. UnreadableFile where there is not so much memory.
  static Result<std::shared_ptr<SharedMemory>> create(std::uint64_t bytes);
  /// Maps what another process has made, whole; null where that cannot be.
  static std::shared_ptr<SharedMemory> map(Descriptor descriptor);

  /// Whether a descriptor leads to this memory.
  bool isBehind(int descriptor) const;

  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::byte* data() const { return data_; }
  std::uint64_t bytes() const { return bytes_; }
  int descriptor() const { return descriptor_.get(); }

 private:
  SharedMemory(Descriptor descriptor, std::byte* data, std::uint64_t bytes)
      : descriptor_(std::move(descriptor)), data_(data), bytes_(bytes) {}

  Descriptor descriptor_;
  std::byte* data_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace quantoscope
