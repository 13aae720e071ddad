// Buffers that workers lend and give back, so that a pass allocates once a worker, not once a
// block.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace quantoscope {

/// Holds as many T as were ever in use at the same time: with an Executor, at most its threads.
/// Which block gets which T depends on timing, so a T must hold scratch space, or integers whose
/// sum does not depend on the order; never floating-point sums. Thread-safe.
template <typename T>
class WorkerPool {
 public:
  explicit WorkerPool(std::function<T()> make = [] { return T{}; }) : make_(std::move(make)) {}

  /// One T for as long as the lease lives.
  class Lease {
   public:
    explicit Lease(WorkerPool& pool) : pool_(pool), item_(pool.take()) {}
    ~Lease() { pool_.giveBack(std::move(item_)); }
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
    for (const auto& item : free_) fn(std::as_const(*item));
  }

 private:
  std::unique_ptr<T> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty()) {
        auto item = std::move(free_.back());
        free_.pop_back();
        return item;
      }
    }
    return std::make_unique<T>(make_());
  }

  void giveBack(std::unique_ptr<T> item) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(item));
  }

  std::function<T()> make_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace quantoscope
