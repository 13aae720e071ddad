// How soon work stops when it is cancelled, in the worker's own processor time: what else the
// machine does must not matter.
#include <atomic>
#include <chrono>
#include <map>
#include <pthread.h>
#include <thread>
#include <time.h>

#include <QtTest>

#include "core/engine/detail.h"
#include "core/engine/preview.h"
#include "core/engine/win_rate.h"
#include "core/quant/quantizer.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

using Work = std::function<ErrorCode(const TaskControl&)>;

#if defined(__SANITIZE_ADDRESS__)
constexpr double kSlower = 8;
#else
constexpr double kSlower = 1;
#endif
constexpr double kPromised = 50;  // milliseconds

double millisecondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

/// What a piece of work says and does when it is cancelled after `begun` ms of processor time.
struct Ending {
  ErrorCode code = ErrorCode::Cancelled;
  double untilReturn = 0;  ///< ms of processor time from cancelling to its return
  double inAll = 0;
};

Ending cancelledAfter(double begun, const Work& work) {
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
  Ending ending;
  ending.code = work(control);
  const double end = millisecondsOf(clock);
  returned = true;
  watcher.join();
  ending.untilReturn = end - cancelledAt;
  ending.inAll = end - begin;
  return ending;
}

std::shared_ptr<const WeightTensor> shared(WeightTensor tensor) {
  return std::make_shared<const WeightTensor>(std::move(tensor));
}

/// One that takes any kind of work a good while: normal weights, repeated.
std::shared_ptr<const WeightTensor> largeTensor(std::size_t rows, std::size_t cols) {
  const auto some = normalValues(100003, 1);
  std::vector<float> values(rows * cols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = some[i % some.size()];
  return shared(tensorOf(rows, cols, std::move(values)));
}

QuantSpec withClip(QuantSpec spec, ClipPolicy::Kind kind) {
  spec.clip.kind = kind;
  return spec;
}

QuantSpec eightBits(Scheme scheme, long long groupSize) {
  QuantSpec spec;
  spec.bits = 8;
  spec.scheme = scheme;
  spec.groupSize = groupSize;
  return spec;
}

template <typename T>
ErrorCode codeOf(const Result<T>& result) {
  return result ? ErrorCode::InvalidArgument : result.error().code;
}

}  // namespace

class CancelTest : public QObject {
  Q_OBJECT

 private:
  const std::shared_ptr<const WeightTensor> tensor_ = largeTensor(3000, 4000);
  /// Rows so long that each is a block of its own.
  const std::shared_ptr<const WeightTensor> longRows_ = largeTensor(12, 1000000);

  Work analysing(const std::shared_ptr<const WeightTensor>& tensor, const QuantSpec& spec,
                 std::shared_ptr<const Importance> importance = nullptr) const {
    return [=](const TaskControl& control) {
      AnalysisRequest request;
      request.tensor = tensor;
      request.spec = spec;
      request.importance = importance;
      return codeOf(analyse(request, Executor(1), control));
    };
  }

  Work detailing(const QuantSpec& spec) const {
    return [=, this](const TaskControl& control) {
      DetailRequest request;
      request.tensor = tensor_;
      request.spec = spec;
      return codeOf(analyseDetail(request, Executor(1), control));
    };
  }

  std::map<QByteArray, Work> work() const {
    using Kind = ClipPolicy::Kind;
    const QuantSpec int4;
    const QuantSpec fp8 = QuantSpec{}.withDtype(Dtype::Fp8E4m3fn);
    std::vector<float> h(tensor_->cols(), 1);
    h[7] = 3;
    const auto importance =
        std::make_shared<const Importance>(*Importance::of(h, tensor_->cols(), "h"));
    QuantSpec twice = withClip(int4, Kind::SearchTensor);
    twice.doubleQuant = DoubleQuant{};
    QuantSpec wide = withClip(fp8, Kind::SearchTensor);
    wide.grid = {1, 0.5, 101};
    std::map<QByteArray, Work> all;
    all["int4"] = analysing(tensor_, int4);
    for (const auto& [name, kind] : std::map<QByteArray, Kind>{{"search", Kind::SearchTensor},
                                                               {"rows", Kind::SearchRows},
                                                               {"groups", Kind::SearchGroups},
                                                               {"optimal", Kind::Optimal}}) {
      all["int4 " + name] = analysing(tensor_, withClip(int4, kind));
      all["fp8 " + name] = analysing(tensor_, withClip(fp8, kind));
      all["int8 asym " + name] = analysing(tensor_, withClip(eightBits(Scheme::Asym, 32), kind));
      all["groups of 1 " + name] = analysing(tensor_, withClip(eightBits(Scheme::Sym, 1), kind));
      all["importance " + name] = analysing(tensor_, withClip(int4, kind), importance);
    }
    all["double quantization"] = analysing(tensor_, twice);
    all["wide grid"] = analysing(tensor_, wide);
    all["int8 asym, whole rows, optimal"] =
        analysing(tensor_, withClip(eightBits(Scheme::Asym, -1), Kind::Optimal));
    all["fp8, whole rows, optimal"] = analysing(tensor_, [&] {
      QuantSpec rows = withClip(fp8, Kind::Optimal);
      rows.groupSize = -1;
      return rows;
    }());
    all["long rows"] = analysing(longRows_, withClip(fp8, Kind::SearchTensor));
    all["long rows, groups"] = analysing(longRows_, withClip(int4, Kind::SearchGroups));
    all["long rows, optimal"] =
        analysing(longRows_, withClip(eightBits(Scheme::Asym, 32), Kind::Optimal));
    all["detail"] = detailing(int4);
    all["detail optimal"] = detailing(withClip(eightBits(Scheme::Asym, 32), Kind::Optimal));
    all["compare"] = [this](const TaskControl& control) {
      ComparisonRequest request;
      request.original = tensor_;
      request.other = tensor_;
      return codeOf(compareTensors(request, Executor(1), control));
    };
    all["win rate"] = [this](const TaskControl& control) {
      WinRateRequest request;
      request.tensor = tensor_;
      request.second.bits = 3;
      return codeOf(winRate(request, Executor(1), control));
    };
    all["quantize"] = [this](const TaskControl& control) {
      return codeOf(quantized(*tensor_, {}, {}, Executor(1), control));
    };
    return all;
  }

 private slots:
  void workStopsWithin50Milliseconds_data() {
    QTest::addColumn<QByteArray>("name");
    for (const auto& [name, run] : work()) QTest::newRow(name.constData()) << name;
  }

  void workStopsWithin50Milliseconds() {
    QFETCH(QByteArray, name);
    const Work run = work().at(name);
    int stopped = 0;
    double worst = 0;
    for (const double begun : {2.0, 13.0, 60.0, 170.0}) {
      const Ending ending = cancelledAfter(begun, run);
      if (ending.code != ErrorCode::Cancelled) continue;  // it was done before
      ++stopped;
      worst = std::max(worst, ending.untilReturn);
    }
    QVERIFY(stopped > 0);
    qInfo("%s: at most %.1f ms of processor time", name.constData(), worst);
    QVERIFY2(worst <= kPromised * kSlower, QByteArray::number(worst) + " ms");
  }

  void whatWasCancelledBeforeItBeginsDoesNothing() {
    for (const auto& [name, run] : work()) {
      TaskControl control;
      control.cancel.cancel();
      bool told = false;
      control.progress = [&](std::uint64_t, std::uint64_t) { told = true; };
      QVERIFY2(run(control) == ErrorCode::Cancelled, name);
      QVERIFY2(!told, name);
    }
  }

  void everyStageTellsItsProgressToTheEnd() {
    for (const auto kind : {ClipPolicy::Kind::None, ClipPolicy::Kind::SearchTensor,
                            ClipPolicy::Kind::SearchGroups, ClipPolicy::Kind::Optimal}) {
      AnalysisRequest request;
      request.tensor = shared(normalTensor(1000, 300, 2));
      request.spec = withClip({}, kind);
      std::uint64_t last = 0;
      std::uint64_t total = 0;
      int finished = 0;
      bool monotonous = true;
      TaskControl control;
      control.progress = [&](std::uint64_t done, std::uint64_t of) {
        if (last == total) last = 0;  // the next stage
        monotonous = monotonous && done == last + 1 && done <= of;
        last = done;
        total = of;
        finished += done == of ? 1 : 0;
      };
      QVERIFY(analyse(request, Executor(2), control));
      QVERIFY(monotonous);
      QVERIFY(finished >= 3);
      QCOMPARE(last, total);
    }
  }
};

QTEST_GUILESS_MAIN(CancelTest)
#include "cancel_test.moc"
