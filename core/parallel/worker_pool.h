// Buffers that workers lend and give back, so that a pass allocates once a worker, not once a
// block.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/parallel/worker_slots.h"

namespace quantoscope {

/// Holds about as many T as were ever in use at the same time: a thread that looks for one while
/// another lays one down may make a further one.
/// Which block gets which T depends on timing, so a T must hold scratch space, or integers whose
/// sum does not depend on the order; never floating-point sums. Thread-safe, and a lease takes no
/// lock, so that one may be had for every few rows.
template <typename T>
class WorkerPool {
 public:
  explicit WorkerPool(std::function<T()> make = [] { return T{}; }) : make_(std::move(make)) {}

  /// One T for as long as the lease lives.
  class Lease {
   public:
    explicit Lease(WorkerPool& pool) : pool_(pool), item_(pool.take()) {}
    ~Lease() { pool_.free_.layDown(std::move(item_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    T& operator*() { return *item_; }
    T* operator->() { return item_.get(); }

   private:
    WorkerPool& pool_;
    std::unique_ptr<T> item_;
  };

  /// Calls fn(item) for every T, in any order; no lease may be alive.
  template <typename Fn>
  void forEach(Fn fn) const {
    free_.forEach([&](const T& item) { fn(item); });
  }

 private:
  std::unique_ptr<T> take() {
    auto item = free_.take();
    return item ? std::move(item) : std::make_unique<T>(make_());
  }

  std::function<T()> make_;
  WorkerSlots<T> free_;
};

}  // namespace quantoscope
