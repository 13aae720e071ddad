// No lock is taken in a pass: with many threads each would wait for the others at every few rows.
#include <atomic>
#include <dlfcn.h>
#include <pthread.h>

#include <QtTest>

#include "core/engine/detail.h"
#include "core/engine/win_rate.h"
#include "core/quant/quantizer.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

std::atomic<std::uint64_t> g_locks{0};

}  // namespace

/// In place of the C library's, for the whole program: std::mutex and the libraries come here.
extern "C" int pthread_mutex_lock(pthread_mutex_t* mutex) noexcept {
  using Lock = int (*)(pthread_mutex_t*);
  static const auto lock = reinterpret_cast<Lock>(dlsym(RTLD_NEXT, "pthread_mutex_lock"));
  g_locks.fetch_add(1, std::memory_order_relaxed);
  return lock(mutex);
}

namespace {

using Kind = ClipPolicy::Kind;
using Pass = std::function<bool(const std::shared_ptr<const WeightTensor>&, const Executor&)>;

struct Job {
  const char* name;
  Pass run;
};

QuantSpec specOf(Kind kind, Dtype dtype = Dtype::Int) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.clip.kind = kind;
  return spec;
}

Job analysing(const char* name, const QuantSpec& spec, bool important = false) {
  return {name, [=](const std::shared_ptr<const WeightTensor>& tensor, const Executor& executor) {
            AnalysisRequest request;
            request.tensor = tensor;
            request.spec = spec;
            if (important) {
              const std::vector<float> h(tensor->cols(), 1);
              request.importance =
                  std::make_shared<const Importance>(*Importance::of(h, tensor->cols(), "h"));
            }
            return analyse(request, executor).hasValue();
          }};
}

std::vector<Job> jobs() {
  return {
      analysing("analysis", {}),
      analysing("search", specOf(Kind::SearchTensor)),
      analysing("search fp8", specOf(Kind::SearchTensor, Dtype::Fp8E4m3fn)),
      analysing("search rows", specOf(Kind::SearchRows)),
      analysing("search groups", specOf(Kind::SearchGroups)),
      analysing("optimal", specOf(Kind::Optimal)),
      analysing("search groups by importance", specOf(Kind::SearchGroups), true),
      {"detail",
       [](const auto& tensor, const Executor& executor) {
         DetailRequest request;
         request.tensor = tensor;
         return analyseDetail(request, executor).hasValue();
       }},
      {"win rate",
       [](const auto& tensor, const Executor& executor) {
         WinRateRequest request;
         request.tensor = tensor;
         request.second.bits = 3;
         return winRate(request, executor).hasValue();
       }},
      {"quantize",
       [](const auto& tensor, const Executor& executor) {
         return quantizedAt(*tensor, {}, {}, executor).hasValue();
       }},
  };
}

}  // namespace

class LocksTest : public QObject {
  Q_OBJECT

 private:
  /// Of 16-bit weights, which are converted piece by piece: 4 and 256 blocks, or 64 and 4096 spans.
  static std::shared_ptr<const WeightTensor> halves(std::size_t rows) {
    TensorInfo info;
    info.name = "halves";
    info.rows = rows;
    info.cols = 64;
    std::vector<std::uint16_t> values(rows * info.cols);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<std::uint16_t>(0x3c00 + i * 7919 % 1000);  // from 1 to 2
    }
    return std::make_shared<const WeightTensor>(info, StoredType::Float16, std::move(values));
  }

  static std::uint64_t locksOf(const Job& job, const std::shared_ptr<const WeightTensor>& tensor,
                               const Executor& executor) {
    const std::uint64_t before = g_locks;
    if (!job.run(tensor, executor)) qFatal("%s fails", job.name);
    return g_locks - before;
  }

 private slots:
  void locksAreCounted() {
    std::mutex mutex;
    const std::uint64_t before = g_locks;
    for (int i = 0; i < 3; ++i) const std::lock_guard lock(mutex);
    QCOMPARE(g_locks - before, std::uint64_t{3});
  }

  void aPassTakesNoMoreLocksForMoreSpans_data() {
    QTest::addColumn<std::size_t>("index");
    const auto all = jobs();
    for (std::size_t i = 0; i < all.size(); ++i) QTest::newRow(all[i].name) << i;
  }
  void aPassTakesNoMoreLocksForMoreSpans() {
    QFETCH(std::size_t, index);
    const Job job = jobs()[index];
    for (const int threads : {1, 2, 8}) {
      const Executor executor(threads);
      const std::uint64_t few = locksOf(job, halves(4096), executor);
      const std::uint64_t many = locksOf(job, halves(65536), executor);
      qInfo("%d threads: %d and %d locks", threads, static_cast<int>(few), static_cast<int>(many));
      QVERIFY(many <= few + static_cast<std::uint64_t>(threads));
    }
  }
};

QTEST_GUILESS_MAIN(LocksTest)
#include "locks_test.moc"
