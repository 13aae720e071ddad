// What plots draw and say, without widgets.
#include "ui/plots/series.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <QtTest>

using namespace quantoscope;
using namespace quantoscope::ui;

namespace {

Histogram histogramOf(double lo, double hi, std::vector<std::uint64_t> counts) {
  return {lo, hi, std::move(counts)};
}

/// A curve over a grid with errors by ratio; unclipped is the error at ratio 1.
ClipCurve curveOf(const RatioGrid& grid, double (*mseAt)(double)) {
  ClipCurve curve;
  curve.ratios = grid.ratios();
  for (const double ratio : curve.ratios) curve.mse.push_back(mseAt(ratio));
  curve.best = static_cast<std::size_t>(std::min_element(curve.mse.begin(), curve.mse.end()) -
                                        curve.mse.begin());
  curve.unclippedMse = mseAt(1.0);
  return curve;
}

double valley(double bottom, double depth, double ratio) {
  const double away = (ratio - bottom) / (1 - bottom);
  return 1e-6 * (1 - depth * (1 - away * away));
}

const RatioGrid kWide = {1.0, 0.5, 101};
const QLocale kLocale = QLocale::c();

}  // namespace

class SeriesTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  // Histograms.
  void stepsHoldEachCountToTheNextBorder();
  void emptyBinsKeepAFootOnALogAxis();
  void onlyBinsInViewHaveSteps();
  void manyBinsBecomeFewerStepsWithoutLosingPeaks();
  void aHistogramWithoutWidthIsDrawnAsANarrowBar();
  void anEmptyHistogramHasNoSteps();
  void largestCountLooksOnlyAtBinsInView();
  void binsAreFoundByWhereTheyAreDrawn();
  void binsReadAsTheirBordersAndShare();
  void denseLevelsFade();
  void halfAStepIsOnlyKnownForEqualSteps();

  // Clip curves.
  void theOptimumIsSoughtInTheWindowOnly();
  void theFirstOfEqualErrorsIsTheOptimum();
  void noRatioInTheWindowGivesNoOptimum();
  void verdictNamesTheGain();
  void verdictSaysWhenClippingIsNotWorthIt();
  void verdictSaysWhenClippingDoesNotHelp();
  void verdictSaysWhenTheEdgeIsBest();
  void verdictSaysWhenBelowTheWindowIsBetter();
  void verdictOfAnErrorOfZero();
  void gainTicksAreRoundAndApart_data();
  void gainTicksAreRoundAndApart();
  void gainTicksNeedAnError();
  void snappedRatiosAreThoseOfTheDefaultGrid();
  void stepsGoToTheNextRatioOfTheGrid();

  // Texts.
  void windowsAreNamed();
  void valuesAreShort_data();
  void valuesAreShort();
  void countsAndSharesFollowTheLocale();
};

void SeriesTest::stepsHoldEachCountToTheNextBorder() {
  const StepSeries steps = stepSeries(histogramOf(-1, 1, {3, 0, 5, 7}), false, -2, 2, 100);
  QCOMPARE(steps.x, (std::vector<double>{-1, -0.5, 0, 0.5, 1}));
  QCOMPARE(steps.y, (std::vector<double>{3, 0, 5, 7, 0}));
}

void SeriesTest::emptyBinsKeepAFootOnALogAxis() {
  const StepSeries steps = stepSeries(histogramOf(0, 3, {1, 0, 2}), true, 0, 3, 100);
  QCOMPARE(steps.y, (std::vector<double>{1, kLogFloor, 2, kLogFloor}));
  QVERIFY(kLogFloor > 0 && kLogFloor < 1);
}

void SeriesTest::onlyBinsInViewHaveSteps() {
  const Histogram histogram = histogramOf(0, 4, {9, 1, 2, 8});
  QCOMPARE(stepSeries(histogram, false, 1, 3, 100).x, (std::vector<double>{1, 2, 3}));
  QCOMPARE(stepSeries(histogram, false, 1.5, 2.5, 100).y, (std::vector<double>{1, 2, 0}));
  QVERIFY(stepSeries(histogram, false, 5, 6, 100).x.empty());
  QVERIFY(stepSeries(histogram, false, -2, 0, 100).x.empty());
}

void SeriesTest::manyBinsBecomeFewerStepsWithoutLosingPeaks() {
  Histogram histogram = histogramOf(0, 1000, {});
  histogram.counts.assign(1000, 1);
  histogram.counts[777] = 50;
  const StepSeries all = stepSeries(histogram, false, -1, 1001, 100);
  QCOMPARE(all.x.size(), 101U);
  QCOMPARE(all.y[77], 50.0);
  QCOMPARE(all.y[76], 1.0);
  QCOMPARE(all.x.back(), 1000.0);
  // Panning keeps the runs where they are.
  const StepSeries part = stepSeries(histogram, false, 3.5, 903.5, 91);
  QCOMPARE(part.x.front(), 0.0);
  QCOMPARE(part.x[1], 10.0);
}

void SeriesTest::aHistogramWithoutWidthIsDrawnAsANarrowBar() {
  const std::vector<double> atZero = drawnEdges(histogramOf(0, 0, {9}));
  QCOMPARE(atZero.size(), 2U);
  QVERIFY(atZero[0] < 0 && atZero[1] > 0);
  const std::vector<double> elsewhere = drawnEdges(histogramOf(-2, -2, {9}));
  QVERIFY(elsewhere[0] < -2 && elsewhere[1] > -2 && elsewhere[1] < 0);
  QCOMPARE(stepSeries(histogramOf(-2, -2, {9}), false, -3, 0, 100).y, (std::vector<double>{9, 0}));
}

void SeriesTest::anEmptyHistogramHasNoSteps() {
  QVERIFY(stepSeries({}, false, -1, 1, 100).x.empty());
  QVERIFY(stepSeries({}, true, -1, 1, 100).y.empty());
  QVERIFY(!binAt({}, 0));
  QCOMPARE(largestCount({}, -1, 1), 0U);
}

void SeriesTest::largestCountLooksOnlyAtBinsInView() {
  const Histogram histogram = histogramOf(0, 4, {9, 1, 2, 8});
  QCOMPARE(largestCount(histogram, 0, 4), 9U);
  QCOMPARE(largestCount(histogram, 1, 3), 2U);
  QCOMPARE(largestCount(histogram, 1.5, 3.1), 8U);
  QCOMPARE(largestCount(histogram, 5, 6), 0U);
}

void SeriesTest::binsAreFoundByWhereTheyAreDrawn() {
  const Histogram histogram = histogramOf(-1, 1, {1, 2, 3, 4});
  QCOMPARE(binAt(histogram, -1), std::optional<std::size_t>(0));
  QCOMPARE(binAt(histogram, -0.5), std::optional<std::size_t>(1));
  QCOMPARE(binAt(histogram, 0.2), std::optional<std::size_t>(2));
  QCOMPARE(binAt(histogram, 1), std::optional<std::size_t>(3));
  QVERIFY(!binAt(histogram, 1.01));
  QVERIFY(!binAt(histogram, -1.01));
  QVERIFY(!binAt(histogram, std::numeric_limits<double>::quiet_NaN()));
}

void SeriesTest::binsReadAsTheirBordersAndShare() {
  const Histogram histogram = histogramOf(-0.01, 0.01, {10, 20, 30, 40});
  QCOMPARE(binText("Error", histogram, 0, kLocale), QString("Error −0.01 to −0.005"));
  QCOMPARE(binText("Error", histogram, 2, kLocale), QString("Error 0 to 0.005"));
  QCOMPARE(binCountText(histogram, 1, kLocale), QString("20 of 100 (20 %)"));
  QCOMPARE(binText("Weight", histogramOf(0.5, 0.5, {4}), 0, kLocale), QString("Weight 0.5"));

  // Neighbouring borders must not read the same.
  Histogram fine = histogramOf(-1, 1, {});
  fine.counts.assign(65536, 1);
  const QStringList borders = binText("Error", fine, 3, kLocale).split(' ');
  QVERIFY(borders[1] != borders[3]);
}

void SeriesTest::denseLevelsFade() {
  QCOMPARE(levelOpacity(100), 1.0);
  QVERIFY(levelOpacity(5) < levelOpacity(10));
  QCOMPARE(levelOpacity(0), levelOpacity(1));
  QVERIFY(levelOpacity(0) >= 0.1);
}

void SeriesTest::halfAStepIsOnlyKnownForEqualSteps() {
  AnalysisResult result;
  QVERIFY(!halfStep(result));
  result.group = GroupDetail{};
  result.group->scale = -0.5F;
  QCOMPARE(halfStep(result), std::optional<double>(0.25));
  result.group->scale = 0;
  QVERIFY(!halfStep(result));
  result.group->scale = 0.5F;
  result.spec.dtype = Dtype::Nf4;
  QVERIFY(!halfStep(result));
}

void SeriesTest::theOptimumIsSoughtInTheWindowOnly() {
  const ClipCurve curve = curveOf(kWide, [](double r) { return valley(0.7, 0.5, r); });
  QCOMPARE(curve.ratios[curve.best], 0.7);
  const auto inside = optimumIn(curve, RatioGrid{});
  QVERIFY(inside);
  QVERIFY(std::abs(inside->ratio - 0.805) < 1e-12);
  QVERIFY(inside->atLowerEdge);
  QCOMPARE(inside->mse, curve.mse[inside->index]);
  QVERIFY(std::abs(inside->gainDb - 10 * std::log10(curve.unclippedMse / inside->mse)) < 1e-12);

  const auto whole = optimumIn(curve, kWide);
  QCOMPARE(whole->index, curve.best);
  QVERIFY(!whole->atLowerEdge);
  QVERIFY(!whole->atOne);
}

void SeriesTest::theFirstOfEqualErrorsIsTheOptimum() {
  const ClipCurve flat = curveOf(RatioGrid{}, [](double) { return 2e-6; });
  const auto optimum = optimumIn(flat, RatioGrid{});
  QCOMPARE(optimum->index, 0U);
  QVERIFY(optimum->atOne);
  QCOMPARE(optimum->gainDb, 0.0);
}

void SeriesTest::noRatioInTheWindowGivesNoOptimum() {
  const ClipCurve curve = curveOf({0.6, 0.5, 11}, [](double) { return 1.0; });
  QVERIFY(!optimumIn(curve, RatioGrid{}));
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("No ratio of the search window was tried"));
}

void SeriesTest::verdictNamesTheGain() {
  const ClipCurve curve = curveOf(kWide, [](double r) { return valley(0.9, 0.2, r); });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale), QString("Clipping to 0.900 gains 0.97 dB"));
}

void SeriesTest::verdictSaysWhenClippingIsNotWorthIt() {
  const ClipCurve curve = curveOf(kWide, [](double r) { return valley(0.95, 0.0137, r); });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("Clipping gains 0.06 dB: not worth it"));
}

void SeriesTest::verdictSaysWhenClippingDoesNotHelp() {
  const ClipCurve curve = curveOf(kWide, [](double r) { return 2 - r; });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("Clipping does not help: the best ratio is 1"));
}

void SeriesTest::verdictSaysWhenTheEdgeIsBest() {
  const ClipCurve curve = curveOf(RatioGrid{}, [](double r) { return r; });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("The optimum lies at the edge of the window: 0.805 gains 0.94 dB"));
}

void SeriesTest::verdictSaysWhenBelowTheWindowIsBetter() {
  const ClipCurve curve = curveOf(kWide, [](double r) { return valley(0.7, 0.5, r); });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("Better below the window: 0.700 gains 3.01 dB, 0.805 gains 2.51 dB"));
}

void SeriesTest::verdictOfAnErrorOfZero() {
  const ClipCurve curve = curveOf(RatioGrid{}, [](double r) { return 1 - r; });
  QCOMPARE(clipVerdict(curve, RatioGrid{}, kLocale),
           QString("No error without clipping: nothing to gain"));
}

void SeriesTest::gainTicksAreRoundAndApart_data() {
  QTest::addColumn<double>("lower");
  QTest::addColumn<double>("upper");
  QTest::addColumn<bool>("logarithmic");
  QTest::newRow("fraction of a decibel") << 0.98e-6 << 1.05e-6 << false;
  QTest::newRow("a few decibels") << 0.5e-6 << 2e-6 << false;
  QTest::newRow("decades") << 1e-8 << 1e-3 << true;
  QTest::newRow("all above unclipped") << 2e-6 << 9e-6 << false;
}

void SeriesTest::gainTicksAreRoundAndApart() {
  QFETCH(double, lower);
  QFETCH(double, upper);
  QFETCH(bool, logarithmic);
  constexpr double kUnclipped = 1e-6;
  constexpr int kMost = 8;
  const std::vector<GainTick> ticks = gainTicks(kUnclipped, lower, upper, kMost, logarithmic);
  QVERIFY(ticks.size() >= 2);
  QVERIFY(ticks.size() <= kMost + 1);
  const double step = ticks[1].gainDb - ticks[0].gainDb;
  double before = std::numeric_limits<double>::infinity();
  for (const GainTick& tick : ticks) {
    QVERIFY(tick.mse >= lower * (1 - 1e-9) && tick.mse <= upper * (1 + 1e-9));
    QVERIFY(std::abs(gainDb(kUnclipped, tick.mse) - tick.gainDb) < 1e-9);
    QVERIFY(std::abs(tick.gainDb / step - std::round(tick.gainDb / step)) < 1e-6);
    const auto place = [&](double mse) {
      return logarithmic ? std::log(mse / lower) / std::log(upper / lower)
                         : (mse - lower) / (upper - lower);
    };
    if (std::isfinite(before)) QVERIFY(place(before) - place(tick.mse) >= 1.0 / kMost - 1e-9);
    before = tick.mse;
  }
}

void SeriesTest::gainTicksNeedAnError() {
  QVERIFY(gainTicks(0, 1, 2, 8, false).empty());
  QVERIFY(gainTicks(1, 0, 2, 8, false).empty());
  QVERIFY(gainTicks(1, 2, 2, 8, true).empty());
}

void SeriesTest::snappedRatiosAreThoseOfTheDefaultGrid() {
  const std::vector<double> grid = RatioGrid{}.ratios();
  for (std::size_t i = 0; i < grid.size(); ++i) {
    QCOMPARE(snappedRatio(grid[i] + 0.0021, 0.5), grid[i]);
    QVERIFY(snappedRatio(grid[i] - 0.0021, 0.5) == grid[i]);
  }
  QVERIFY(snappedRatio(1.7, 0.5) == 1.0);
  QVERIFY(snappedRatio(0.1, 0.5) == 0.5);
  QVERIFY(snappedRatio(0.1, 0.503) == 1 - 99 / 200.0);
}

void SeriesTest::stepsGoToTheNextRatioOfTheGrid() {
  QVERIFY(steppedRatio(0.9, 1, 0.5) == 1 - 19 / 200.0);
  QVERIFY(steppedRatio(0.9, -1, 0.5) == 1 - 21 / 200.0);
  QVERIFY(steppedRatio(0.9034, 1, 0.5) == 1 - 19 / 200.0);
  QVERIFY(steppedRatio(0.9034, -1, 0.5) == 0.9);
  QVERIFY(steppedRatio(0.9, -10, 0.5) == 0.85);
  QVERIFY(steppedRatio(1, 1, 0.5) == 1.0);
  QVERIFY(steppedRatio(0.5, -1, 0.5) == 0.5);
}

void SeriesTest::windowsAreNamed() {
  QCOMPARE(windowText(RatioGrid{}, kLocale), QString("reference window 1.0–0.805"));
  QCOMPARE(windowText({1.0, 0.7, 61}, kLocale), QString("search window 1.0–0.7"));
}

void SeriesTest::valuesAreShort_data() {
  QTest::addColumn<double>("value");
  QTest::addColumn<QString>("text");
  QTest::newRow("zero") << 0.0 << "0";
  QTest::newRow("whole") << 12.0 << "12";
  QTest::newRow("fraction") << 0.012345 << "0.01235";
  QTest::newRow("negative") << -0.5 << "−0.5";
  QTest::newRow("small") << 1.2346e-6 << "1.235×10⁻⁶";
  QTest::newRow("small, one digit") << -2e-9 << "−2×10⁻⁹";
  QTest::newRow("rounded up to a power") << 9.9999e-6 << "1×10⁻⁵";
  QTest::newRow("large") << 1.5e12 << "1.5×10¹²";
  QTest::newRow("infinite") << std::numeric_limits<double>::infinity() << "∞";
  QTest::newRow("no number") << std::numeric_limits<double>::quiet_NaN() << "NaN";
}

void SeriesTest::valuesAreShort() {
  QFETCH(double, value);
  QFETCH(QString, text);
  QCOMPARE(valueText(value, kLocale), text);
}

void SeriesTest::countsAndSharesFollowTheLocale() {
  const QLocale german(QLocale::German, QLocale::Germany);
  const QLocale english(QLocale::English, QLocale::UnitedStates);
  QCOMPARE(countText(65536, english), QString("65,536"));
  QCOMPARE(countText(65536, german), QString("65.536"));
  QCOMPARE(shortCountText(9500, english), QString("9,500"));
  QCOMPARE(shortCountText(12000, english), QString("12 k"));
  QCOMPARE(shortCountText(12500, german), QString("12,5 k"));
  QCOMPARE(shortCountText(3.5e6, english), QString("3.5 M"));
  QCOMPARE(percentText(0, english), QString("0 %"));
  QCOMPARE(percentText(0.54321, english), QString("54.3 %"));
  QCOMPARE(percentText(1.0 / 65536, german), QString("0,00153 %"));
  QCOMPARE(ratioText(0.905, german), QString("0,905"));
  QCOMPARE(ratioText(0.90512, english), QString("0.9051"));
  QCOMPARE(decibelText(1.234, english), QString("+1.23 dB"));
  QCOMPARE(decibelText(-0.5, english), QString("−0.50 dB"));
  QCOMPARE(decibelText(-0.001, english), QString("0.00 dB"));
  QCOMPARE(gainTickText(0, english), QString("0"));
  QCOMPARE(gainTickText(0.5, german), QString("+0,5"));
  QCOMPARE(gainTickText(-3, english), QString("−3"));
}

QTEST_APPLESS_MAIN(SeriesTest)
#include "series_test.moc"
