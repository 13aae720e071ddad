#include "core/parallel/executor.h"

#include <algorithm>
#include <mutex>
#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <tbb/version.h>
#include <utility>

namespace quantoscope {

namespace {

/// TBB caps all arenas at the number of cores unless it is told otherwise; a user who asks for more
/// threads gets them.
void liftGlobalLimit() {
  static const tbb::global_control limit(tbb::global_control::max_allowed_parallelism,
                                         Executor::kMaxThreads);
}

}  // namespace

struct Executor::Arena {
  explicit Arena(int threads) : arena(threads) {}
  tbb::task_arena arena;
};

Executor::Executor(int threads) {
  liftGlobalLimit();
  const int wanted = threads > 0 ? threads : tbb::info::default_concurrency();
  arena_ = std::make_shared<Arena>(std::min(wanted, kMaxThreads));
}

int Executor::threads() const {
  return arena_->arena.max_concurrency();
}

Executor Executor::yieldingTo(YieldGate gate) const {
  // An arena of its own: threads that wait would fill the places of the urgent work's.
  Executor other(threads());
  other.gate_ = std::move(gate);
  return other;
}

Status Executor::forEachBlock(std::size_t blocks, const std::function<void(std::size_t)>& work,
                              const TaskControl& control) const {
  std::mutex progressMutex;
  std::size_t done = 0;
  // Cancelling TBB's own context would make parallel_for return normally with work left out; the
  // flag is asked here instead, and the answer below tells the caller.
  const auto runOne = [&](std::size_t block) {
    if (!goOn(control)) return;
    work(block);
    if (control.progress) {
      const std::lock_guard lock(progressMutex);
      control.progress(++done, blocks);
    }
  };
  arena_->arena.execute(
      [&] { tbb::parallel_for(std::size_t{0}, blocks, runOne, tbb::simple_partitioner{}); });
  if (control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
  return ok();
}

bool Executor::goOn(const TaskControl& control) const {
  if (gate_) gate_->pass(control.cancel);
  return !control.cancel.cancelled();
}

std::string tbbVersion() {
  return TBB_runtime_version();
}

}  // namespace quantoscope
