// How work that is less urgent lets the urgent go first.
#pragma once

#include <memory>
#include <utility>

#include "core/parallel/task_control.h"

namespace quantoscope {

/// A door that is shut for as long as anybody holds it. Copies are the same door. Thread-safe.
///
/// An Executor made by Executor::yieldingTo(gate) waits here before each block, so whoever holds
/// the gate has the cores for himself within the time of one block.
class YieldGate {
 public:
  /// Keeps the gate shut for as long as it lives. Movable, one owner.
  class Hold {
   public:
    Hold() = default;  ///< holds nothing
    explicit Hold(const YieldGate& gate);
    ~Hold() { release(); }
    Hold(Hold&& other) noexcept : state_(std::move(other.state_)) {}
    Hold& operator=(Hold&& other) noexcept {
      if (this != &other) {
        release();
        state_ = std::move(other.state_);
      }
      return *this;
    }
    void release();

   private:
    friend class YieldGate;
    std::shared_ptr<struct YieldGateState> state_;
  };

  YieldGate();

  /// Waits while the gate is held. Ends early, within milliseconds, once `cancel` is cancelled.
  void pass(const CancelToken& cancel) const;
  bool held() const;

 private:
  std::shared_ptr<struct YieldGateState> state_;
};

}  // namespace quantoscope
