// How long work is watched and stopped from outside.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

namespace quantoscope {

/// A shared flag: copies refer to the same flag. Thread-safe.
class CancelToken {
 public:
  CancelToken() : state_(std::make_shared<State>()) {}
  /// One that is also cancelled where `also` says so. It is called by whoever asks, on any thread,
  /// and must not take back what it said.
  explicit CancelToken(std::function<bool()> also)
      : state_(std::make_shared<State>(std::move(also))) {}

  void cancel() const { state_->cancelled.store(true, std::memory_order_relaxed); }
  bool cancelled() const {
    return state_->cancelled.load(std::memory_order_relaxed) || (state_->also && state_->also());
  }

 private:
  struct State {
    State() = default;
    explicit State(std::function<bool()> function) : also(std::move(function)) {}
    std::atomic<bool> cancelled{false};
    const std::function<bool()> also;
  };
  std::shared_ptr<State> state_;
};

/// Told how much of the work is done, as blocks done of blocks in all; both may grow while several
/// stages follow each other. Called from worker threads, one call at a time.
using ProgressSink = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// What a caller hands to long work. The default neither cancels nor listens.
struct TaskControl {
  CancelToken cancel;
  ProgressSink progress;
};

}  // namespace quantoscope
