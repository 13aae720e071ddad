// What a running window does to the time of the thread it lives on.
#pragma once

#include <functional>
#include <vector>

#include <QApplication>
#include <QElapsedTimer>
#include <QString>
#include <QTimer>

namespace quantoscope::bench {

/// Milliseconds since the program began.
double nowMs();

/// Median, tail and extreme of some times, in milliseconds. All 0 without any.
struct Spread {
  std::size_t count = 0;
  double median = 0;
  double p99 = 0;
  double max = 0;

  static Spread of(std::vector<double> times);
};

/// Ticks every 20 ms as well as the event loop lets it, and remembers how far apart.
class Heartbeat : public QObject {
 public:
  static constexpr int kPeriodMs = 20;

  /// Forgets what was before and begins.
  void start();
  /// The gaps since start(), the one that has not ended yet included.
  Spread stop();

 private:
  QTimer timer_;
  double last_ = 0;
  std::vector<double> gaps_;
};

/// An application that sees every frame and the time that each event takes.
class WatchedApplication : public QApplication {
 public:
  WatchedApplication(int& argc, char** argv) : QApplication(argc, argv) {}

  /// One update of a window that painted something.
  struct Frame {
    double atMs = 0;
    std::vector<const QObject*> painted;

    bool has(const QObject* widget) const;
  };
  /// Called after each frame, on the GUI thread.
  std::function<void(const Frame&)> onFrame;

  /// Events that took longer are printed to stderr with their receivers; 0: none.
  double printSlowerThanMs = 0;

  bool notify(QObject* receiver, QEvent* event) override;

 private:
  std::vector<const QObject*> painted_;
  int depth_ = 0;
};

/// Runs the event loop until `done` holds; false after the time given.
bool runUntil(const std::function<bool()>& done, double timeoutMs);
/// Runs the event loop for so long.
void runFor(double ms);

}  // namespace quantoscope::bench
