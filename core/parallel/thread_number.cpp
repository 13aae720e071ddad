#include "core/parallel/thread_number.h"

#include <array>
#include <atomic>

namespace quantoscope {

namespace {

std::array<std::atomic<bool>, kThreadNumbers> g_taken;
std::atomic<std::size_t> g_sharing{0};  ///< threads that found all taken, ever

/// The lowest free number for the life of a thread: numbers stay few while threads come and go.
class OwnNumber {
 public:
  OwnNumber() {
    for (number_ = 0; number_ < kThreadNumbers; ++number_) {
      if (!g_taken[number_].exchange(true, std::memory_order_relaxed)) return;
    }
    number_ = g_sharing.fetch_add(1, std::memory_order_relaxed) % kThreadNumbers;
    shared_ = true;
  }
  ~OwnNumber() {
    if (!shared_) g_taken[number_].store(false, std::memory_order_relaxed);
  }
  OwnNumber(const OwnNumber&) = delete;
  OwnNumber& operator=(const OwnNumber&) = delete;

  std::size_t value() const { return number_; }

 private:
  std::size_t number_ = 0;
  bool shared_ = false;
};

}  // namespace

std::size_t threadNumber() {
  static thread_local const OwnNumber own;
  return own.value();
}

}  // namespace quantoscope
