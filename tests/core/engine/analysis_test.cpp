#include "core/engine/analysis.h"

#include <cmath>
#include <numeric>

#include <QtTest>

#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

AnalysisRequest requestFor(WeightTensor tensor, QuantSpec spec = {}) {
  AnalysisRequest request;
  request.id = 7;
  request.tensor = std::make_shared<const WeightTensor>(std::move(tensor));
  request.spec = spec;
  return request;
}

}  // namespace

class AnalysisTest : public QObject {
  Q_OBJECT

 private slots:
  void oneAnswerHoldsEveryView() {
    const auto result = analyse(requestFor(normalTensor(64, 130, 41)), Executor(2));
    QVERIFY(result);
    const AnalysisResult& found = **result;
    QCOMPARE(found.id, std::uint64_t{7});
    QVERIFY(found.metrics.has_value());
    QCOMPARE(found.errorHistogram->total(), std::uint64_t{64 * 130});
    QCOMPARE(found.errorHistogram->counts.size(), std::size_t{512});
    QCOMPARE(found.errorHistogram->hi, found.metrics->maxAbsError);
    QCOMPARE(found.errorHistogram->lo, -found.metrics->maxAbsError);
    QCOMPARE(found.weightHistogram.total(), std::uint64_t{64 * 130});
    QCOMPARE(found.group->levels.size(), std::size_t{16});
    QVERIFY(found.group->typical);
    QVERIFY(std::is_sorted(found.group->levels.begin(), found.group->levels.end()));
    QCOMPARE(found.storage.weights, std::uint64_t{64 * 130});
  }

  void theErrorHistogramIsOfDequantizedMinusOriginal() {
    // One weight lies just above its level: y - w is negative, and it is the largest error.
    const WeightTensor tensor = tensorOf(1, 4, {0, 15, 1, 2.25f});
    QuantSpec spec;
    spec.groupSize = -1;
    const auto result = analyse(requestFor(tensor, spec), Executor(1));
    QCOMPARE((*result)->metrics->meanError, -0.0625);
    QCOMPARE((*result)->errorHistogram->counts.front(), std::uint64_t{1});
  }

  void theChosenGroupIsShown() {
    AnalysisRequest request = requestFor(normalTensor(8, 70, 42));
    request.group = GroupIndex{5, 2};
    const auto chosen = analyse(request, Executor(1));
    QVERIFY(!(*chosen)->group->typical);
    QCOMPARE((*chosen)->group->index, (GroupIndex{5, 2}));
    QVERIFY((*chosen)->group->max >= (*chosen)->group->min);
    request.group = GroupIndex{8, 0};  // outside: a typical one instead
    QVERIFY((*analyse(request, Executor(1)))->group->typical);
  }

  void levelsAreWhatAGroupCanDecodeTo() {
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    spec.bits = 2;
    QCOMPARE(levelsOf(codecOf(spec), 0.5f, 0), (std::vector<float>{-1, -0.5f, 0, 0.5f}));
    QCOMPARE(levelsOf(codecOf(spec), -0.5f, 0), (std::vector<float>{-0.5f, 0, 0.5f, 1}));
    spec.scheme = Scheme::Asym;
    QCOMPARE(levelsOf(codecOf(spec), 0.5f, 1), (std::vector<float>{-0.5f, 0, 0.5f, 1}));
    spec = {};
    spec.dtype = Dtype::Fp4;
    QCOMPARE(levelsOf(codecOf(spec), 1, 0).size(), std::size_t{15});
  }

  void aTensorThatIsNotFiniteKeepsItsStatistics() {
    auto values = normalValues(100, 43);
    values[5] = NAN;
    const auto result = analyse(requestFor(tensorOf(10, 10, values)), Executor(1));
    QVERIFY(result);
    QCOMPARE((*result)->health.nan, std::uint64_t{1});
    QVERIFY(!(*result)->metrics);
    QVERIFY(!(*result)->errorHistogram);
    QCOMPARE((*result)->weightHistogram.total(), std::uint64_t{99});
  }

  void invalidSpecsAreRefused() {
    QuantSpec spec;
    spec.bits = 12;
    QVERIFY(!analyse(requestFor(normalTensor(2, 2, 44), spec), Executor(1)));
  }

  void cancellingIsSaid() {
    TaskControl control;
    control.cancel.cancel();
    const auto result = analyse(requestFor(normalTensor(50, 50, 45)), Executor(1), control);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(AnalysisTest)
#include "analysis_test.moc"
