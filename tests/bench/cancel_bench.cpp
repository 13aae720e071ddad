// How many milliseconds work goes on after it is cancelled, in the worker's own processor time.
//
//     cancel_bench [PART OF A NAME]
//
// Each kind of work is cancelled at several moments; the longest it took to return is printed. 50
// ms is what a user may wait; tests/core/engine/cancel_test holds the steps that lead to it.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <pthread.h>
#include <thread>
#include <time.h>

#include "tests/support/long_work.h"

namespace {

using namespace quantoscope;
using namespace quantoscope::test;

double millisecondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// Milliseconds from cancelling, `begun` ms after the beginning, to the return; negative where it
/// was done before.
double untilReturn(double begun, const LongWork& work) {
  TaskControl control;
  clockid_t clock{};
  pthread_getcpuclockid(pthread_self(), &clock);
  const double begin = millisecondsOf(clock);
  std::atomic<bool> returned = false;
  double cancelledAt = 0;
  std::thread watcher([&] {
    while (!returned && millisecondsOf(clock) - begin < begun) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
    cancelledAt = millisecondsOf(clock);
    control.cancel.cancel();
  });
  const Status status = work.run(control);
  const double end = millisecondsOf(clock);
  returned = true;
  watcher.join();
  return status ? -1 : end - cancelledAt;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string wanted = argc > 1 ? argv[1] : "";
  std::printf("| work | ms until it stops, at most |\n|---|---|\n");
  for (const LongWork& work : longWork(repeatedTensor(3000, 4000), repeatedTensor(12, 1000000))) {
    if (work.name.find(wanted) == std::string::npos) continue;
    double longest = -1;
    for (const double begun : {2.0, 13.0, 60.0, 170.0}) {
      longest = std::max(longest, untilReturn(begun, work));
    }
    std::printf("| %s | %.1f |\n", work.name.c_str(), longest);
    std::fflush(stdout);
  }
}
