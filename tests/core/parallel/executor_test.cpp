#include "core/parallel/executor.h"

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <QtTest>

using namespace quantoscope;

class ExecutorTest : public QObject {
  Q_OBJECT

 private slots:
  void everyBlockRunsOnce() {
    for (const int threads : {1, 2, 3, 8}) {
      std::vector<std::atomic<int>> runs(1000);
      const Status status =
          Executor(threads).forEachBlock(runs.size(), [&](std::size_t b) { ++runs[b]; });
      QVERIFY(status);
      for (const auto& count : runs) QCOMPARE(count.load(), 1);
    }
  }

  void asManyThreadsAsAskedFor() {
    const Executor executor(3);
    QCOMPARE(executor.threads(), 3);
    // Three blocks that wait for each other can only end if three threads run them.
    std::atomic<int> arrived = 0;
    QVERIFY(executor.forEachBlock(3, [&](std::size_t) {
      ++arrived;
      while (arrived < 3) std::this_thread::yield();
    }));
  }

  void cancellingSkipsTheRestAndSaysSo() {
    TaskControl control;
    std::atomic<int> runs = 0;
    const Status status = Executor(2).forEachBlock(
        10000,
        [&](std::size_t) {
          if (++runs == 10) control.cancel.cancel();
        },
        control);
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::Cancelled);
    QVERIFY(runs < 10000);
  }

  void cancelledBeforeItBeginsRunsNothing() {
    TaskControl control;
    control.cancel.cancel();
    bool ran = false;
    QVERIFY(!Executor(1).forEachBlock(
        3, [&](std::size_t) { ran = true; }, control));
    QVERIFY(!ran);
  }

  void progressEndsWithAllBlocks() {
    TaskControl control;
    std::vector<std::uint64_t> seen;
    control.progress = [&](std::uint64_t done, std::uint64_t total) {
      QCOMPARE(total, std::uint64_t{50});
      seen.push_back(done);
    };
    QVERIFY(Executor(2).forEachBlock(
        50, [](std::size_t) {}, control));
    QCOMPARE(seen.size(), std::size_t{50});
    QVERIFY(std::is_sorted(seen.begin(), seen.end()));
    QCOMPARE(seen.back(), std::uint64_t{50});
  }

  void loopsMayNest() {
    const Executor executor(2);
    std::atomic<int> runs = 0;
    QVERIFY(executor.forEachBlock(10, [&](std::size_t) {
      const Status inner = executor.forEachBlock(10, [&](std::size_t) { ++runs; });
      QVERIFY(inner);
    }));
    QCOMPARE(runs.load(), 100);
  }

  void aYieldingExecutorStandsBackWhileTheGateIsHeld() {
    const YieldGate gate;
    const Executor urgent(2);
    const Executor patient = urgent.yieldingTo(gate);
    QCOMPARE(patient.threads(), 2);
    YieldGate::Hold hold(gate);
    std::atomic<int> runs = 0;
    std::thread other([&] {
      const Status status = patient.forEachBlock(100, [&](std::size_t) { ++runs; });
      QVERIFY(status);
    });
    // As many threads as the patient has are at the gate now; the urgent work still gets its own.
    std::atomic<int> arrived = 0;
    QVERIFY(urgent.forEachBlock(2, [&](std::size_t) {
      ++arrived;
      while (arrived < 2) std::this_thread::yield();
    }));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    QCOMPARE(runs.load(), 0);
    hold.release();
    other.join();
    QCOMPARE(runs.load(), 100);
  }

  void workThatRunsStandsBackAtTheNextBlock() {
    const YieldGate gate;
    const Executor patient = Executor(2).yieldingTo(gate);
    YieldGate::Hold hold;
    std::atomic<int> runs = 0;
    std::atomic<bool> shut = false;
    std::thread other([&] {
      const Status status = patient.forEachBlock(100, [&](std::size_t) {
        if (++runs != 10) return;
        hold = YieldGate::Hold(gate);
        shut = true;
      });
      QVERIFY(status);
    });
    while (!shut) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    QVERIFY(runs <= 11);  // the block that shut the gate, and one that was under way beside it
    hold.release();
    other.join();
    QCOMPARE(runs.load(), 100);
  }

  void cancellingReachesWorkThatStandsBack() {
    const YieldGate gate;
    const YieldGate::Hold hold(gate);
    const TaskControl control;
    std::thread other([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      control.cancel.cancel();
    });
    const Status status = Executor(2).yieldingTo(gate).forEachBlock(
        10, [](std::size_t) {}, control);
    other.join();
    QVERIFY(!status);
    QCOMPARE(status.error().code, ErrorCode::Cancelled);
  }

  void noBlocksIsNoError() {
    QVERIFY(Executor().forEachBlock(0, [](std::size_t) {}));
  }
};

QTEST_GUILESS_MAIN(ExecutorTest)
#include "executor_test.moc"
