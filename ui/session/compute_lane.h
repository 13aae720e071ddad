// One worker thread on which the newest request wins.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "core/parallel/task_control.h"

namespace quantoscope::ui {

/// A thread with a mailbox for one job. A job that is submitted while another runs waits in the
/// mailbox and replaces the one that waits there; the running one is left to finish. So under a
/// steady stream of requests results keep coming, each of the newest request at its time.
///
/// Every job runs exactly once unless it is replaced while it waits, or the lane is destroyed
/// first. The functions are thread-safe and return at once; the destructor cancels and joins.
class ComputeLane {
 public:
  /// Work; it should ask its token often, and tell of its own failures (see guarded.h). One that
  /// throws is given up where it stands, and the lane goes on with the next.
  using Job = std::function<void(const CancelToken&)>;

  ComputeLane();
  ~ComputeLane();
  ComputeLane(const ComputeLane&) = delete;
  ComputeLane& operator=(const ComputeLane&) = delete;

  /// Puts the job into the mailbox.
  void submit(Job job);

  /// Cancels the token of the running job and that of the waiting one. The waiting one still runs,
  /// cancelled from the start, so that it can report that.
  void cancel();

 private:
  struct State;
  static void work(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
  std::thread thread_;
};

}  // namespace quantoscope::ui
