// How long work is watched and stopped from outside.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

namespace quantoscope {

/// A shared flag: copies refer to the same flag. Thread-safe.
class CancelToken {
 public:
  CancelToken() : flag_(std::make_shared<std::atomic<bool>>(false)) {}

  void cancel() const { flag_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return flag_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_;
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
