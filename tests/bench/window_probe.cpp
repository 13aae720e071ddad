#include "tests/bench/window_probe.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <QEvent>
#include <QMetaEnum>
#include <QWidget>

namespace quantoscope::bench {

double nowMs() {
  static const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double, std::milli> since = std::chrono::steady_clock::now() - begin;
  return since.count();
}

Spread Spread::of(std::vector<double> times) {
  if (times.empty()) return {};
  std::sort(times.begin(), times.end());
  // The smallest value that at least this share does not exceed.
  const auto at = [&](double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(times.size())));
    return times[std::max<std::size_t>(rank, 1) - 1];
  };
  return {times.size(), at(0.5), at(0.99), times.back()};
}

void Heartbeat::start() {
  gaps_.clear();
  last_ = nowMs();
  timer_.setTimerType(Qt::PreciseTimer);
  timer_.disconnect();
  timer_.callOnTimeout(this, [this] {
    const double now = nowMs();
    gaps_.push_back(now - last_);
    last_ = now;
  });
  timer_.start(kPeriodMs);
}

Spread Heartbeat::stop() {
  timer_.stop();
  gaps_.push_back(nowMs() - last_);
  return Spread::of(std::move(gaps_));
}

bool WatchedApplication::Frame::has(const QObject* widget) const {
  return std::find(painted.begin(), painted.end(), widget) != painted.end();
}

bool WatchedApplication::notify(QObject* receiver, QEvent* event) {
  const QEvent::Type type = event->type();
  const bool outermost = depth_ == 0;
  const double begin = nowMs();
  ++depth_;
  const bool handled = QApplication::notify(receiver, event);  // the receiver may be gone now
  --depth_;
  if (type == QEvent::Paint) painted_.push_back(receiver);
  if (!outermost) return handled;
  const double took = nowMs() - begin;
  if (printSlowerThanMs > 0 && took > printSlowerThanMs) {
    static const QMetaEnum kTypes = QMetaEnum::fromType<QEvent::Type>();
    const char* name = kTypes.valueToKey(type);
    std::fprintf(stderr, "  %8.1f ms: event %s took %.1f ms\n", begin, name ? name : "?", took);
  }
  if (!painted_.empty()) {
    const Frame frame{nowMs(), std::exchange(painted_, {})};
    if (onFrame) onFrame(frame);
  }
  return handled;
}

bool runUntil(const std::function<bool()>& done, double timeoutMs) {
  QTimer wake;  // so that the wait ends where no event comes
  wake.start(50);
  const double begin = nowMs();
  while (!done()) {
    if (nowMs() - begin > timeoutMs) return false;
    QCoreApplication::processEvents(QEventLoop::WaitForMoreEvents);
  }
  return true;
}

void runFor(double ms) {
  const double begin = nowMs();
  runUntil([=] { return nowMs() - begin >= ms; }, ms + 1);
}

}  // namespace quantoscope::bench
