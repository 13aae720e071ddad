#include "core/parallel/worker_pool.h"

#include <atomic>
#include <set>
#include <thread>

#include <QtTest>

#include "core/parallel/executor.h"
#include "core/parallel/shared_buffers.h"

using namespace quantoscope;

namespace {

struct Count {
  std::uint64_t leases = 0;
};
using Pool = WorkerPool<Count>;

/// Leases inside one another.
void nest(Pool& pool, int depth) {
  Pool::Lease count(pool);
  ++count->leases;
  if (depth > 1) nest(pool, depth - 1);
}

struct Sum {
  std::uint64_t leases = 0;
  std::size_t items = 0;
};

Sum sumOf(const Pool& pool) {
  Sum sum;
  pool.forEach([&](const Count& count) {
    sum.leases += count.leases;
    ++sum.items;
  });
  return sum;
}

/// A type of this test's own: a store is shared by all that borrow the same type.
struct Borrowed {
  std::vector<char> room;
  std::size_t bytes() const { return room.capacity(); }
};

}  // namespace

class WorkerPoolTest : public QObject {
  Q_OBJECT

 private slots:
  void aThreadGetsBackWhatItGaveBack() {
    WorkerPool<Count> pool;
    const Count* first = &*Pool::Lease(pool);
    for (int i = 0; i < 100; ++i) QCOMPARE(&*Pool::Lease(pool), first);
    QCOMPARE(sumOf(pool).items, std::size_t{1});
  }

  void anotherThreadTakesWhatIsFreeBeforeItMakesMore() {
    Pool pool;
    { const Pool::Lease made(pool); }
    for (int i = 0; i < 5; ++i) std::thread([&] { nest(pool, 1); }).join();
    QCOMPARE(sumOf(pool).items, std::size_t{1});
    QCOMPARE(sumOf(pool).leases, std::uint64_t{5});
  }

  void leasesNestToAnyDepth() {
    for (const int depth : {2, 8, 9, 100}) {
      Pool pool;
      for (int i = 0; i < 10; ++i) nest(pool, depth);
      QCOMPARE(sumOf(pool).items, static_cast<std::size_t>(depth));
      QCOMPARE(sumOf(pool).leases, static_cast<std::uint64_t>(10 * depth));
    }
  }

  void noLeaseIsLostAmongThreads() {
    for (const int threads : {2, 8, 2 * static_cast<int>(kThreadNumbers)}) {
      Pool pool;
      std::vector<std::thread> all;
      for (int t = 0; t < threads; ++t) {
        all.emplace_back([&] {
          for (int i = 0; i < 200; ++i) nest(pool, 3);
        });
      }
      for (std::thread& thread : all) thread.join();
      QCOMPARE(sumOf(pool).leases, static_cast<std::uint64_t>(threads) * 600);
    }
  }

  void anExecutorMakesAFewAThreadAtMost() {
    for (const int threads : {1, 2, 8}) {
      Pool pool;
      QVERIFY(Executor(threads).forEachBlock(5000, [&](std::size_t) { nest(pool, 1); }));
      QVERIFY(sumOf(pool).items <= static_cast<std::size_t>(2 * threads));
      QCOMPARE(sumOf(pool).leases, std::uint64_t{5000});
    }
  }

  void livingThreadsHaveNumbersOfTheirOwn() {
    std::atomic<int> arrived = 0;
    std::array<std::size_t, 20> numbers{};
    std::vector<std::thread> all;
    for (std::size_t& number : numbers) {
      all.emplace_back([&] {
        number = threadNumber();
        ++arrived;
        while (arrived < static_cast<int>(numbers.size())) std::this_thread::yield();
      });
    }
    for (std::thread& thread : all) thread.join();
    QCOMPARE(std::set<std::size_t>(numbers.begin(), numbers.end()).size(), numbers.size());
    for (const std::size_t number : numbers) QVERIFY(number < kThreadNumbers);
  }

  void numbersOfThreadsThatEndedAreGivenAgain() {
    std::set<std::size_t> numbers;
    for (std::size_t i = 0; i < 2 * kThreadNumbers; ++i) {
      std::thread([&] { numbers.insert(threadNumber()); }).join();
    }
    QCOMPARE(numbers.size(), std::size_t{1});
  }

  void buffersAreKeptUntilTheyAreTooLarge() {
    using Buffers = SharedBuffers<Borrowed>;
    const auto capacity = [] { return Buffers::Lease()->room.capacity(); };
    Buffers::Lease()->room.resize(1000);
    QCOMPARE(capacity(), std::size_t{1000});
    Buffers::Lease()->room.resize(Buffers::kKeptBytes + 1);
    QCOMPARE(capacity(), std::size_t{0});
  }
};

QTEST_GUILESS_MAIN(WorkerPoolTest)
#include "worker_pool_test.moc"
