// How worker threads report to an object of the GUI thread.
#pragma once

#include <functional>
#include <mutex>
#include <utility>

#include <QMetaObject>
#include <Qt>

namespace quantoscope::ui {

/// A letter box that workers share by shared_ptr. Messages run on the receiver's thread, in the
/// order in which they were posted; after close() they are thrown away. Receiver is a QObject.
template <typename Receiver>
class Outbox {
 public:
  using Message = std::function<void(Receiver&)>;

  explicit Outbox(Receiver* receiver) : receiver_(receiver) {}

  /// From any thread; never waits for the receiver.
  void post(Message message) {
    const std::lock_guard lock(mutex_);
    if (receiver_ == nullptr) return;
    Receiver* receiver = receiver_;
    QMetaObject::invokeMethod(
        receiver, [receiver, message = std::move(message)] { message(*receiver); },
        Qt::QueuedConnection);
  }

  /// To be called by the receiver before it dies. Messages that wait in its event queue go with it.
  void close() {
    const std::lock_guard lock(mutex_);
    receiver_ = nullptr;
  }

 private:
  std::mutex mutex_;
  Receiver* receiver_;
};

}  // namespace quantoscope::ui
