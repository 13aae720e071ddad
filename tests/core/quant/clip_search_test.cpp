#include "core/quant/clip_search.h"

#include <cmath>

#include <QtTest>

#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

const Executor& two() {
  static const Executor executor(2);
  return executor;
}

/// The error with ratios chosen by the caller, by the way that inspect takes.
double mseWith(const WeightTensor& tensor, const QuantSpec& spec, const ClipRatios& ratios) {
  const auto parameters = groupParametersOf(tensor, coded(tensor, spec), ratios, two());
  return ErrorMetrics::from(*errorSumsOf(tensor, coded(tensor, spec), *parameters, two())).mse;
}

QuantSpec searching(ClipPolicy::Kind kind) {
  QuantSpec spec;
  spec.clip.kind = kind;
  return spec;
}

}  // namespace

class ClipSearchTest : public QObject {
  Q_OBJECT

 private slots:
  void theCurveIsWhatInspectWouldSay() {
    const WeightTensor tensor = normalTensor(300, 130, 31);
    for (const bool twice : {false, true}) {
      QuantSpec spec = searching(ClipPolicy::Kind::SearchTensor);
      if (twice) spec.doubleQuant = DoubleQuant{};
      const auto choice = chooseClip(tensor, coded(tensor, spec), two());
      QVERIFY(choice);
      const ClipCurve& curve = choice->curve;
      QCOMPARE(curve.bestMse(), mseWith(tensor, spec, ClipRatios::whole(curve.bestRatio())));
      for (std::size_t i = 0; i < curve.mse.size(); ++i) {
        const double exact = mseWith(tensor, spec, ClipRatios::whole(curve.ratios[i]));
        QVERIFY(std::fabs(curve.mse[i] - exact) <= 1e-5 * exact);
      }
      QCOMPARE(curve.unclippedMse, mseWith(tensor, spec, ClipRatios::whole(1)));
      QCOMPARE(choice->ratios.values, std::vector<double>{curve.bestRatio()});
      for (const double mse : curve.mse) QVERIFY(mse >= curve.bestMse());
      QVERIFY(std::fabs(curve.gainDb() - 10 * std::log10(curve.unclippedMse / curve.bestMse())) <
              1e-12);
    }
  }

  void theFirstOfEqualsWins() {
    // All weights 0: every ratio has the same error.
    const WeightTensor tensor = tensorOf(2, 64, std::vector<float>(128));
    const auto choice =
        chooseClip(tensor, coded(tensor, searching(ClipPolicy::Kind::SearchTensor)), two());
    QCOMPARE(choice->curve.best, std::size_t{0});
    QCOMPARE(choice->curve.gainDb(), 0.0);
    QVERIFY(!choice->curve.atEdge());
  }

  void finerSearchesAreNeverWorse() {
    const WeightTensor tensor = normalTensor(120, 130, 32);
    double last = 0;
    for (const auto kind : {ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows,
                            ClipPolicy::Kind::SearchGroups}) {
      const QuantSpec spec = searching(kind);
      const auto choice = chooseClip(tensor, coded(tensor, spec), two());
      const double mse = mseWith(tensor, spec, choice->ratios);
      if (kind != ClipPolicy::Kind::SearchTensor) QVERIFY(mse < last);
      last = mse;
    }
  }

  void aRowsRatioIsThatRowsOwnOptimum() {
    const auto values = normalValues(5 * 96, 33);
    const auto whole =
        chooseClip(tensorOf(5, 96, values),
                   coded(tensorOf(5, 96, values), searching(ClipPolicy::Kind::SearchRows)), two());
    for (std::size_t r = 0; r < 5; ++r) {
      const std::vector<float> row(values.begin() + static_cast<std::ptrdiff_t>(r * 96),
                                   values.begin() + static_cast<std::ptrdiff_t>((r + 1) * 96));
      const auto alone =
          chooseClip(tensorOf(1, 96, row),
                     coded(tensorOf(1, 96, row), searching(ClipPolicy::Kind::SearchTensor)), two());
      QCOMPARE(whole->ratios.values[r], alone->curve.bestRatio());
    }
    std::uint64_t counted = 0;
    for (const std::uint64_t count : whole->ratioCounts) counted += count;
    QCOMPARE(counted, std::uint64_t{5});
  }

  void aGroupsRatioIsThatGroupsOwnOptimum() {
    const auto values = normalValues(3 * 70, 34);
    const auto whole = chooseClip(
        tensorOf(3, 70, values),
        coded(tensorOf(3, 70, values), searching(ClipPolicy::Kind::SearchGroups)), two());
    QCOMPARE(whole->ratios.values.size(), std::size_t{9});
    const std::vector<float> tail(values.begin() + 2 * 70 + 64, values.end());
    const auto alone =
        chooseClip(tensorOf(1, 6, tail),
                   coded(tensorOf(1, 6, tail), searching(ClipPolicy::Kind::SearchTensor)), two());
    QCOMPARE(whole->ratios.values[8], alone->curve.bestRatio());
  }

  void anOptimumAtTheEdgeIsSaid() {
    // One far outlier in a whole-row group: the best ratio lies well below this grid.
    auto values = normalValues(256, 35);
    values[7] = 0.5f;
    QuantSpec spec = searching(ClipPolicy::Kind::SearchTensor);
    spec.groupSize = -1;
    spec.bits = 2;
    spec.grid = {1, 0.95, 11};
    const auto choice =
        chooseClip(tensorOf(1, 256, values), coded(tensorOf(1, 256, values), spec), two());
    QCOMPARE(choice->curve.best, choice->curve.ratios.size() - 1);
    QVERIFY(choice->curve.atEdge());
  }

  void aFreeGridIsSearchedAndRatioOneStillReported() {
    const WeightTensor tensor = normalTensor(50, 64, 36);
    QuantSpec spec = searching(ClipPolicy::Kind::SearchTensor);
    spec.grid = {0.9, 0.6, 7};
    const auto choice = chooseClip(tensor, coded(tensor, spec), two());
    QCOMPARE(choice->curve.ratios.size(), std::size_t{7});
    QCOMPARE(choice->curve.ratios.front(), 0.9);
    QCOMPARE(choice->curve.unclippedMse, mseWith(tensor, spec, ClipRatios::whole(1)));
    QVERIFY(choice->curve.best != 0 || choice->curve.atEdge());
  }
};

QTEST_GUILESS_MAIN(ClipSearchTest)
#include "clip_search_test.moc"
