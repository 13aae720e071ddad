#include "ui/session/compute_lane.h"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace quantoscope::ui {

struct ComputeLane::State {
  struct Entry {
    Job job;
    CancelToken cancel;
  };

  std::mutex mutex;
  std::condition_variable arrived;
  std::optional<Entry> waiting;
  std::optional<CancelToken> running;
  bool closing = false;
};

ComputeLane::ComputeLane()
    : state_(std::make_shared<State>()), thread_([state = state_] { work(state); }) {}

ComputeLane::~ComputeLane() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
    state_->waiting.reset();
    if (state_->running) state_->running->cancel();
  }
  state_->arrived.notify_one();
  thread_.join();
}

void ComputeLane::submit(Job job) {
  // The replaced job is destroyed outside of the lock: what it holds may be large.
  std::optional<State::Entry> replaced = State::Entry{std::move(job), {}};
  {
    const std::lock_guard lock(state_->mutex);
    std::swap(state_->waiting, replaced);
  }
  state_->arrived.notify_one();
}

void ComputeLane::cancel() {
  const std::lock_guard lock(state_->mutex);
  if (state_->running) state_->running->cancel();
  if (state_->waiting) state_->waiting->cancel.cancel();
}

void ComputeLane::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->arrived.wait(lock, [&] { return state->closing || state->waiting.has_value(); });
    if (state->closing) return;
    std::optional<State::Entry> entry;
    std::swap(entry, state->waiting);
    state->running = entry->cancel;
    lock.unlock();
    try {
      entry->job(entry->cancel);
    } catch (...) {  // outside of this function it would end the program
    }
    entry.reset();
    lock.lock();
    state->running.reset();
  }
}

}  // namespace quantoscope::ui
