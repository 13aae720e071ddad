// The one place where work is spread over threads.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "core/parallel/task_control.h"
#include "core/parallel/yield_gate.h"

namespace quantoscope {

/// Runs independent blocks of work on a fixed number of threads. Copies share the threads.
///
/// Results are the same bits for every number of threads as long as each block writes only what
/// belongs to it; sums over blocks are formed afterwards by the caller, in block order.
class Executor {
 public:
  static constexpr int kMaxThreads = 256;

  /// `threads` worker threads, the calling one included, at most kMaxThreads; 0 stands for as many
  /// as the machine has.
  explicit Executor(int threads = 0);

  int threads() const;

  /// As many threads, but others: each waits at `gate` before each block, so that its work stands
  /// back while more urgent work holds the gate. A thread that waits takes none from this executor.
  Executor yieldingTo(YieldGate gate) const;

  /// Calls `work(block)` once for each block in [0, blocks), in any order and on several threads,
  /// and returns when all are done. Between blocks it asks `control.cancel`; once cancelled, the
  /// remaining blocks are skipped and the answer is ErrorCode::Cancelled, so partial results never
  /// pass for whole ones. `work` must not throw. Thread-safe; may be called from inside `work`.
  Status forEachBlock(std::size_t blocks, const std::function<void(std::size_t)>& work,
                      const TaskControl& control = {}) const;

  /// For the inside of a block that takes milliseconds: waits as between blocks, and answers
  /// whether to go on. Once it is false the block may end; forEachBlock then answers Cancelled.
  bool goOn(const TaskControl& control) const;

 private:
  struct Arena;
  std::shared_ptr<Arena> arena_;
  std::optional<YieldGate> gate_;
};

/// The version of the library that does the threads' bookkeeping, "2021.8".
std::string tbbVersion();

}  // namespace quantoscope
