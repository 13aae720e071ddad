// The clip curve in the window, by keys and mouse.
#include <algorithm>
#include <cmath>

#include <QComboBox>
#include <QtTest>

#include "core/metrics/error_metrics.h"
#include "tests/support/quantizing.h"
#include "tests/ui/desk.h"
#include "ui/plots/clip_curve_plot.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

struct Curve : Desk {
  Curve() : Desk([](FakeSource& file) { file.add("dense/kernel", 24, 64); }) {}

  void begin() {
    open();
    window->resize(1280, 800);
    QTRY_VERIFY(plot()->summary().contains(QStringLiteral("best ratio")));
  }
  ClipCurvePlot* plot() const { return window->findChild<ClipCurvePlot*>(); }
  void choose(const char* box, int index) const { find<QComboBox>(box)->setCurrentIndex(index); }
  void setBits(int bits) {
    QuantSpec spec = session->spec();
    spec.bits = bits;
    session->editSpec(spec, QStringLiteral("bits"));
    settle();
  }
  /// What a search per row or group says, asked directly.
  std::pair<ClipChoice, double> searched(ClipPolicy::Kind kind, const RatioGrid& grid) const {
    const auto tensor = weights("dense/kernel");
    QuantSpec spec = session->spec();
    spec.clip = {kind, 1.0};
    spec.grid = grid;
    auto choice = *chooseClip(*tensor, test::coded(*tensor, spec), Executor(1));
    const auto parameters =
        groupParametersOf(*tensor, test::coded(*tensor, spec), choice.ratios, Executor(1));
    const auto sums = errorSumsOf(*tensor, test::coded(*tensor, spec), *parameters, Executor(1));
    return {std::move(choice), ErrorMetrics::from(*sums).mse};
  }
  int column(const char* name) const {
    return static_cast<int>(plot()->table().header.indexOf(QString::fromLatin1(name)));
  }
};

}  // namespace

class ClipCurveTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QLocale::setDefault(QLocale::c());
  }

  void rowsAndGroupsAreSearched_data();
  void rowsAndGroupsAreSearched();
  void aSearchFollowsTheSpec();
  void theWindowMayBeExtended();
  void theSqnrIsThatOfTheMetrics();
  void aClickOnTheCurveChoosesTheRatio();
  void theUnitIsTurnedByKey();
};

void ClipCurveTest::rowsAndGroupsAreSearched_data() {
  QTest::addColumn<int>("index");
  QTest::addColumn<int>("window");
  for (const int window : {0, 1}) {
    QTest::addRow("rows, window %d", window) << 1 << window;
    QTest::addRow("groups, window %d", window) << 2 << window;
  }
}

void ClipCurveTest::rowsAndGroupsAreSearched() {
  QFETCH(const int, index);
  QFETCH(const int, window);
  Curve desk;
  desk.begin();
  desk.setBits(2);
  desk.choose("clipSearch", index);
  desk.choose("clipWindow", window);
  const auto kind = index == 1 ? ClipPolicy::Kind::SearchRows : ClipPolicy::Kind::SearchGroups;
  const RatioGrid grid = window == 0 ? RatioGrid{} : Session::kCurveGrid;
  const auto [choice, mse] = desk.searched(kind, grid);
  const QString start = index == 1 ? QStringLiteral("Each row") : QStringLiteral("Each group");
  QTRY_VERIFY(desk.plot()->summary().startsWith(start));
  desk.settle();
  const double gain = 10 * std::log10(choice.curve.unclippedMse / mse);
  QVERIFY2(desk.plot()->summary().contains(QString::number(gain, 'f', 2)),
           qPrintable(desk.plot()->summary()));
  const int chosen = desk.column("chosen");
  QVERIFY(chosen >= 0);
  double total = 0;
  std::size_t i = 0;
  for (const auto& row : desk.plot()->table().rows) {
    const double expected =
        i < choice.ratioCounts.size() ? static_cast<double>(choice.ratioCounts[i]) : 0;
    QCOMPARE(row[chosen], expected);
    total += row[chosen];
    ++i;
  }
  QCOMPARE(total, index == 1 ? 24.0 : 48.0);

  desk.plot()->setFocus();
  QTest::keyClick(desk.plot(), Qt::Key_Return);
  QCOMPARE(desk.session->spec().clip.kind, kind);
  QCOMPARE(desk.session->spec().grid, grid);
  desk.settle();
  QCOMPARE(desk.session->result()->metrics->mse, mse);
  // And back to one ratio for the tensor.
  desk.choose("clipSearch", 0);
  QVERIFY(!desk.plot()->summary().startsWith(start));
  QCOMPARE(desk.column("chosen"), -1);
}

void ClipCurveTest::aSearchFollowsTheSpec() {
  Curve desk;
  desk.begin();
  desk.setBits(2);
  desk.choose("clipSearch", 1);
  QTRY_VERIFY(desk.plot()->summary().startsWith(QStringLiteral("Each row")));
  desk.settle();
  const QString before = desk.plot()->summary();
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("bits"));
  QVERIFY(desk.plot()->isStale() || desk.plot()->summary() != before);
  QTRY_VERIFY(desk.plot()->summary().startsWith(QStringLiteral("Each row")));
  desk.settle();
  QVERIFY(desk.plot()->summary() != before);
}

void ClipCurveTest::theWindowMayBeExtended() {
  Curve desk;
  desk.begin();
  desk.setBits(2);
  QTRY_VERIFY(desk.session->curve());
  desk.settle();
  const ClipCurve& curve = *desk.session->curve();
  const double inside = *desk.session->bestRatio();
  const double overall = curve.ratios[static_cast<std::size_t>(
      std::min_element(curve.mse.begin(), curve.mse.end()) - curve.mse.begin())];
  QVERIFY(overall < 0.805);  // else this shows nothing
  QCOMPARE(desk.plot()->optimumRatio().value(), inside);
  QVERIFY(desk.plot()->summary().contains(QStringLiteral("window")));
  desk.choose("clipWindow", 1);
  QCOMPARE(desk.plot()->optimumRatio().value(), overall);
  desk.choose("clipWindow", 0);
  QCOMPARE(desk.plot()->optimumRatio().value(), inside);
}

void ClipCurveTest::theSqnrIsThatOfTheMetrics() {
  Curve desk;
  desk.begin();
  desk.choose("clipUnit", 1);
  QVERIFY(desk.plot()->measure() == ClipCurvePlot::Measure::Sqnr);
  const int sqnr = desk.column("sqnr_db");
  QVERIFY(sqnr >= 0);
  QCOMPARE(desk.plot()->table().rows[0][0], 1.0);
  // Far from its optimum the curve is that of fast arithmetic.
  const double shown = desk.plot()->table().rows[0][sqnr];
  QVERIFY(std::abs(shown - desk.session->result()->metrics->sqnrDb) < 1e-4);
}

void ClipCurveTest::aClickOnTheCurveChoosesTheRatio() {
  Curve desk;
  desk.begin();
  ClipCurvePlot* plot = desk.plot();
  const int x = plot->width() / 2;
  QTest::mouseClick(plot, Qt::LeftButton, {}, {x, plot->height() * 2 / 3});  // off the curve
  QCOMPARE(desk.session->spec().clip.kind, ClipPolicy::Kind::None);
  int y = 40;
  while (y < plot->height() && desk.session->spec().clip.kind == ClipPolicy::Kind::None) {
    QTest::mouseClick(plot, Qt::LeftButton, {}, {x, y});
    y += 5;
  }
  QCOMPARE(desk.session->spec().clip.kind, ClipPolicy::Kind::Ratio);
  const double ratio = desk.session->spec().clip.ratio;
  QVERIFY2(ratio > 0.7 && ratio < 0.8, qPrintable(QString::number(ratio)));
  QCOMPARE(plot->currentRatio(), ratio);
  QCOMPARE(std::round(ratio * 200) / 200, ratio);  // of the grid
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), 1);
  desk.settle();
}

void ClipCurveTest::theUnitIsTurnedByKey() {
  Curve desk;
  desk.begin();
  desk.plot()->setFocus();
  QTest::keyClick(desk.plot(), Qt::Key_U);
  QVERIFY(desk.plot()->measure() == ClipCurvePlot::Measure::Sqnr);
  QCOMPARE(desk.find<QComboBox>("clipUnit")->currentIndex(), 1);
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::ClipCurveTest)
#include "clip_curve_test.moc"
#include "tests/support/quantizing.h"
