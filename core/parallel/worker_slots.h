// Where threads lay down what they will want again, without a lock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/parallel/thread_number.h"

namespace quantoscope {

/// Holds any number of T. A thread gets back what it laid down itself where it can: that T is in
/// its core's cache, and no other thread touches the same cache line. Thread-safe.
template <typename T>
class WorkerSlots {
 public:
  WorkerSlots() = default;
  WorkerSlots(const WorkerSlots&) = delete;
  WorkerSlots& operator=(const WorkerSlots&) = delete;
  ~WorkerSlots() {
    forEach([](T& item) { std::default_delete<T>()(&item); });
  }

  /// One that this thread laid down, else any other; null where all are in use.
  std::unique_ptr<T> take() {
    if (auto item = takeFrom(lines_[threadNumber()])) return item;
    const std::size_t used = used_.load(std::memory_order_relaxed);
    for (std::size_t i = 0; i < used; ++i) {
      if (auto item = takeFrom(lines_[i])) return item;
    }
    return takeSpilled();
  }

  /// In this thread's line, else in any other's. Asks for memory only where all lines are full, so
  /// a destructor may lay down what it holds.
  void layDown(std::unique_ptr<T> item) {
    const std::size_t own = threadNumber();
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (layInto((own + i) % lines_.size(), item)) return;
    }
    spill(std::move(item));
  }

  /// Calls fn(item) for every T, in any order; nobody may take or lay down meanwhile.
  template <typename Fn>
  void forEach(Fn fn) const {
    for (const Line& line : lines_) {
      for (const auto& slot : line.places) {
        if (T* item = slot.load(std::memory_order_acquire)) fn(*item);
      }
    }
    for (T* item : spilled_) fn(*item);
  }

 private:
  /// One thread's. More than one slot, for passes within passes and for threads that share a line.
  struct alignas(64) Line {
    std::array<std::atomic<T*>, 64 / sizeof(std::atomic<T*>)> places{};
  };

  static std::unique_ptr<T> takeFrom(Line& line) {
    for (auto& slot : line.places) {
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (T* item = slot.exchange(nullptr, std::memory_order_acquire)) {
        return std::unique_ptr<T>(item);
      }
    }
    return nullptr;
  }

  /// Whether that line had a free place; it then owns the item.
  bool layInto(std::size_t line, std::unique_ptr<T>& item) {
    for (auto& slot : lines_[line].places) {
      T* none = nullptr;
      if (slot.load(std::memory_order_relaxed) != nullptr) continue;
      if (!slot.compare_exchange_strong(none, item.get(), std::memory_order_release,
                                        std::memory_order_relaxed)) {
        continue;
      }
      static_cast<void>(item.release());
      std::size_t used = used_.load(std::memory_order_relaxed);
      while (used <= line &&
             !used_.compare_exchange_weak(used, line + 1, std::memory_order_relaxed)) {
      }
      return true;
    }
    return false;
  }

  /// What finds no place in any line.
  void spill(std::unique_ptr<T> item) {
    const std::lock_guard lock(spilling_);
    spilled_.push_back(item.get());
    static_cast<void>(item.release());
    anySpilled_.store(true, std::memory_order_relaxed);
  }

  std::unique_ptr<T> takeSpilled() {
    if (!anySpilled_.load(std::memory_order_relaxed)) return nullptr;
    const std::lock_guard lock(spilling_);
    if (spilled_.empty()) return nullptr;
    std::unique_ptr<T> item(spilled_.back());
    spilled_.pop_back();
    anySpilled_.store(!spilled_.empty(), std::memory_order_relaxed);
    return item;
  }

  std::array<Line, kThreadNumbers> lines_;
  std::atomic<std::size_t> used_{0};  ///< lines from the first that ever held anything
  std::atomic<bool> anySpilled_{false};
  std::mutex spilling_;
  std::vector<T*> spilled_;
};

}  // namespace quantoscope
