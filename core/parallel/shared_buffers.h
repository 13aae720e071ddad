// Buffers that outlive the passes which use them, so that no call allocates its own.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

#include "core/parallel/worker_slots.h"

namespace quantoscope {

/// A process-wide store of T for each type T. A T holds vectors whose sizes the borrower sets; what
/// they contain is whatever the last one left. As many are kept as were ever lent at the same time,
/// at most one a thread in practice, unless they have grown beyond kKeptBytes. A pass that runs
/// inside another on the same thread borrows a T of its own. Thread-safe, and a
/// lease takes no lock.
///
/// T has `std::size_t bytes() const`: what it holds.
template <typename T>
class SharedBuffers {
 public:
  /// Larger ones, for a tensor with very long rows, are freed when they come back.
  static constexpr std::size_t kKeptBytes = std::size_t{2} << 20;

  /// One T for as long as the lease lives.
  class Lease {
   public:
    Lease() : item_(store().take()) {}
    ~Lease() { store().giveBack(std::move(item_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    T& operator*() { return *item_; }
    T* operator->() { return item_.get(); }

   private:
    std::unique_ptr<T> item_;
  };

 private:
  static SharedBuffers& store() {
    static SharedBuffers buffers;
    return buffers;
  }

  std::unique_ptr<T> take() {
    auto item = free_.take();
    return item ? std::move(item) : std::make_unique<T>();
  }

  void giveBack(std::unique_ptr<T> item) {
    if (item->bytes() <= kKeptBytes) free_.layDown(std::move(item));
  }

  WorkerSlots<T> free_;
};

/// Room for the float32 values of a block of rows, see WeightTensor::block.
struct RowBuffer {
  std::vector<float> values;
  std::size_t bytes() const { return values.capacity() * sizeof(float); }
};

}  // namespace quantoscope
