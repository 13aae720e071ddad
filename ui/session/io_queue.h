// The one thread that reads files.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "core/base/result.h"
#include "core/io/tensor_source.h"
#include "core/parallel/task_control.h"
#include "ui/session/guarded.h"

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

  /// Calls `work`, which returns a Result or a Status, at background priority, waits for it and
  /// returns that; Cancelled where the queue ends or `cancel` came before. `what`: the file or
  /// tensor that errors begin with. From the threads that load() is called from; does not throw.
  template <typename Work>
  auto ask(const std::string& what, const CancelToken& cancel, Work work) -> decltype(work()) {
    auto promise = std::make_shared<std::promise<decltype(work())>>();
    auto future = promise->get_future();
    post(Priority::Background,
         [promise, what, cancel, work = std::move(work)](const CancelToken& closing) {
           if (closing.cancelled() || cancel.cancelled()) {
             promise->set_value(Error{ErrorCode::Cancelled, "cancelled"});
           } else {
             promise->set_value(guarded(what, work));
           }
         });
    return future.get();
  }

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace quantoscope::ui
