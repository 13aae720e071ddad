#include "ui/session/io_queue.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

namespace quantoscope::ui {

struct IoQueue::State {
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Job> foreground;
  std::deque<Job> background;
  bool closed = false;
  CancelToken closing;

  bool empty() const { return foreground.empty() && background.empty(); }

  Job takeNext() {
    std::deque<Job>& queue = foreground.empty() ? background : foreground;
    Job job = std::move(queue.front());
    queue.pop_front();
    return job;
  }
};

IoQueue::IoQueue()
    : state_(std::make_shared<State>()), thread_([state = state_] { work(state); }) {}

IoQueue::~IoQueue() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->closed = true;
    state_->closing.cancel();
  }
  state_->arrived.notify_one();
  thread_.join();
}

void IoQueue::post(Priority priority, Job job) {
  {
    const std::lock_guard lock(state_->mutex);
    auto& queue = priority == Priority::Foreground ? state_->foreground : state_->background;
    queue.push_back(std::move(job));
  }
  state_->arrived.notify_one();
}

Result<WeightTensor> IoQueue::load(const SharedSource& source, const TensorInfo& info,
                                   const TaskControl& control, Orientation orientation) {
  return ask(info.name, control.cancel, [source, info, control, orientation] {
    return source->load(info, orientation, control);
  });
}

void IoQueue::work(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  for (;;) {
    state->arrived.wait(lock, [&] { return state->closed || !state->empty(); });
    if (state->empty()) return;
    Job job = state->takeNext();
    lock.unlock();
    try {
      job(state->closing);
    } catch (...) {  // outside of this function it would end the program
    }
    job = nullptr;
    lock.lock();
  }
}

}  // namespace quantoscope::ui
