#include "core/parallel/yield_gate.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace quantoscope {

struct YieldGateState {
  std::mutex mutex;
  std::condition_variable opened;
  std::atomic<int> holds{0};  ///< written under the mutex; read without it where nobody waits
};

YieldGate::YieldGate() : state_(std::make_shared<YieldGateState>()) {}

YieldGate::Hold::Hold(const YieldGate& gate) : state_(gate.state_) {
  const std::lock_guard lock(state_->mutex);
  ++state_->holds;
}

void YieldGate::Hold::release() {
  if (!state_) return;
  {
    const std::lock_guard lock(state_->mutex);
    --state_->holds;
  }
  state_->opened.notify_all();
  state_.reset();
}

void YieldGate::pass(const CancelToken& cancel) const {
  if (!held()) return;
  // A token tells nobody that it was cancelled, so it is asked from time to time.
  constexpr auto kAskAgain = std::chrono::milliseconds(5);
  std::unique_lock lock(state_->mutex);
  while (held() && !cancel.cancelled()) state_->opened.wait_for(lock, kAskAgain);
}

bool YieldGate::held() const {
  return state_->holds.load(std::memory_order_acquire) > 0;
}

}  // namespace quantoscope
