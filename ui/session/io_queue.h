// The one thread that reads files.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "core/base/result.h"
#include "core/io/tensor_source.h"
#include "core/parallel/task_control.h"

namespace quantoscope::ui {

/// Runs jobs one after the other on its own thread, so that calls on one source never overlap.
/// Jobs of the foreground go before those of the background. Every job runs exactly once; those
/// still waiting when the queue is destroyed run with a cancelled token. Thread-safe.
class IoQueue {
 public:
  enum class Priority { Foreground, Background };
  /// `closing` is cancelled when the queue is about to be destroyed. A job should tell of its own
  /// failures (see guarded.h); one that throws is given up, and the queue goes on with the next.
  using Job = std::function<void(const CancelToken& closing)>;

  IoQueue();
  ~IoQueue();
  IoQueue(const IoQueue&) = delete;
  IoQueue& operator=(const IoQueue&) = delete;

  /// Returns at once.
  void post(Priority priority, Job job);

  /// Loads a tensor at background priority and waits for it. Not from the GUI thread, and not from
  /// a job of this queue. Does not throw.
  Result<WeightTensor> load(const SharedSource& source, const TensorInfo& info,
                            const TaskControl& control,
                            Orientation orientation = Orientation::Auto);

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace quantoscope::ui
