// How soon work stops when it is cancelled: how often it asks, and what it does after the answer.
// tests/bench/cancel_bench tells what that takes in milliseconds.
#include <QtTest>

#include "core/engine/analysis.h"
#include "tests/support/long_work.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

/// A token that counts how often it is asked, and is cancelled from one of these times on.
class CountingToken {
 public:
  explicit CountingToken(std::uint64_t cancelledAt = UINT64_MAX)
      : token_([=, this] { return ++asked_ >= cancelledAt; }) {}

  const CancelToken& token() const { return token_; }
  std::uint64_t asked() const { return asked_; }

 private:
  std::uint64_t asked_ = 0;  ///< by one thread
  CancelToken token_;
};

}  // namespace

class CancelTest : public QObject {
  Q_OBJECT

 private:
  const std::vector<LongWork> work_ = longWork(repeatedTensor(36, 1900), repeatedTensor(2, 33000));

  void nameAllWork() const {
    QTest::addColumn<std::size_t>("index");
    for (std::size_t i = 0; i < work_.size(); ++i) QTest::newRow(work_[i].name.c_str()) << i;
  }

 private slots:
  void workAsksAfterEveryStep_data() { nameAllWork(); }
  void workAsksAfterEveryStep() {
    QFETCH(std::size_t, index);
    const CountingToken token;
    QVERIFY(work_[index].run({token.token(), {}}));
    QVERIFY2(token.asked() >= work_[index].steps,
             qPrintable(QStringLiteral("asks %1 times, has %2 steps")
                            .arg(token.asked())
                            .arg(work_[index].steps)));
  }

  void workEndsNoMoreThanTheBlockInWhichItIsCancelled_data() { nameAllWork(); }
  void workEndsNoMoreThanTheBlockInWhichItIsCancelled() {
    QFETCH(std::size_t, index);
    for (const std::uint64_t tenth : {0, 4, 9}) {
      const std::uint64_t at = 1 + work_[index].steps * tenth / 10;
      const CountingToken token(at);
      int endedAfterwards = 0;
      const Status status = work_[index].run({token.token(), [&](std::uint64_t, std::uint64_t) {
                                                endedAfterwards += token.asked() >= at ? 1 : 0;
                                              }});
      QVERIFY(!status);
      QCOMPARE(status.error().code, ErrorCode::Cancelled);
      QVERIFY2(endedAfterwards <= 1, qPrintable(QString::number(endedAfterwards)));
    }
  }

  void whatWasCancelledBeforeItBeginsDoesNothing() {
    for (const LongWork& work : work_) {
      TaskControl control;
      control.cancel.cancel();
      bool told = false;
      control.progress = [&](std::uint64_t, std::uint64_t) { told = true; };
      const Status status = work.run(control);
      QVERIFY2(!status && status.error().code == ErrorCode::Cancelled, work.name.c_str());
      QVERIFY2(!told, work.name.c_str());
    }
  }

  void everyStageTellsItsProgressToTheEnd() {
    for (const auto kind : {ClipPolicy::Kind::None, ClipPolicy::Kind::SearchTensor,
                            ClipPolicy::Kind::SearchGroups, ClipPolicy::Kind::Optimal}) {
      AnalysisRequest request;
      request.tensor = std::make_shared<const WeightTensor>(normalTensor(1000, 300, 2));
      request.spec.clip.kind = kind;
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
