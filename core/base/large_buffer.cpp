#include "core/base/large_buffer.h"

#include <algorithm>
#include <new>
#include <sys/mman.h>

namespace quantoscope {

std::shared_ptr<std::byte> makeLargeBuffer(std::size_t bytes) {
  const std::size_t size = std::max<std::size_t>(1, bytes);
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  madvise(memory, size, MADV_HUGEPAGE);  // a wish: without it all works, slower
  return {static_cast<std::byte*>(memory), [size](std::byte* begin) { munmap(begin, size); }};
}

}  // namespace quantoscope
