// Pins against each other, by keys and mouse.
#include <atomic>

#include <QComboBox>
#include <QDockWidget>
#include <QLabel>
#include <QMenu>
#include <QSignalSpy>
#include <QTableView>
#include <QtTest>

#include "core/engine/win_rate.h"
#include "tests/ui/desk.h"
#include "ui/main_window/workbench.h"
#include "ui/models/comparison_model.h"
#include "ui/panels/win_bar.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/difference_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/trade_off_plot.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

struct Comparison : Desk {
  Comparison()
      : Desk([](FakeSource& file) {
          file.add("dense/kernel", 24, 64);
          file.add("dense_1/kernel", 16, 96);
        }) {}

  void begin() {
    open();
    QTest::keyClick(window.get(), Qt::Key_3, Qt::ControlModifier);
    QTRY_VERIFY(table()->isVisible());
    settle();
  }
  QTableView* table() const { return find<QTableView>("comparison"); }
  PinStore* pins() const { return window->findChild<PinStore*>(); }
  Workbench* workbench() const { return window->findChild<Workbench*>(); }
  QLabel* verdict() const { return find<QLabel>("headToHeadVerdict"); }

  /// Pins the present spec with these bits and group size.
  void pin(int bits, long long groupSize = 32) {
    edit([&](QuantSpec& spec) {
      spec.bits = bits;
      spec.groupSize = groupSize;
    });
    QTest::keyClick(window.get(), Qt::Key_P, Qt::ControlModifier);
    settle();
  }
  void edit(const std::function<void(QuantSpec&)>& change) {
    QuantSpec spec = session->spec();
    change(spec);
    session->editSpec(spec, QStringLiteral("edit"));
    settle();
  }
  double number(int row, int column) const {
    return table()->model()->index(row, column).data(ComparisonModel::NumberRole).toDouble();
  }
  SharedWinRate counted(const QuantSpec& first, const QuantSpec& second, long long size) const {
    WinRateRequest request;
    request.tensor = weights(session->currentTensor().toStdString());
    request.first = first;
    request.second = second;
    request.groupSize = size;
    request.bins = 511;
    return *winRate(request, Executor(1));
  }
  const WinBar* bar() const { return window->findChild<WinBar*>(); }
};

}  // namespace

class ComparisonTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QLocale::setDefault(QLocale::c());
  }

  void differencesAreFromTheBaseline();
  void anotherTensorsPinHasNoDifferences();
  void pinsAreHiddenColouredAndRemovedByKeys();
  void theChosenRowStays();
  void pinsLieOverEveryPlot();
  void pinsOfAnotherUnitLieOverTheErrors();
  void aPinWithoutAMeasureIsMeasured();
  void groupsAreWonAsCounted();
  void headToHeadFollowsAnEdit();
  void drawsAreShown();
  void nothingIsCountedWhileHidden();
  void codebooksOfOneNameAreToldApart();
  void headToHeadSaysWhatIsMissing();
  void foregroundWorkCancelsABackgroundJobWhichIsAskedForAgain();
  void anOwnerThatDiedGetsNothing();
  void plotsOfTheSameQuantityZoomTogether();
  void compareShowsWhatItNeeds();
};

void ComparisonTest::differencesAreFromTheBaseline() {
  Comparison desk;
  desk.begin();
  desk.edit([](QuantSpec& spec) { spec.clip = ClipPolicy::fixed(0.9); });
  desk.pin(4);
  desk.edit([](QuantSpec& spec) { spec.clip = ClipPolicy::fixed(0.95); });
  desk.pin(3, 64);
  for (int column = 1; column < ComparisonModel::Tensor; column += 2) {
    QCOMPARE(desk.number(2, column + 1), desk.number(2, column) - desk.number(1, column));
    QCOMPARE(desk.number(1, column + 1), 0.0);
    QVERIFY(desk.number(2, column + 1) != 0);
  }
  QCOMPARE(desk.number(2, ComparisonModel::BitsMore),
           desk.number(2, ComparisonModel::Bits) - desk.number(1, ComparisonModel::Bits));
  QVERIFY(desk.table()
              ->model()
              ->index(2, ComparisonModel::BitsMore)
              .data()
              .toString()
              .startsWith(QStringLiteral("−")));
  // The other one as baseline.
  desk.table()->setCurrentIndex(desk.table()->model()->index(2, ComparisonModel::Sqnr));
  for (QAction* action : desk.table()->actions()) {
    if (action->text() == QStringLiteral("Baseline")) action->trigger();
  }
  QCOMPARE(desk.number(1, ComparisonModel::SqnrGain),
           desk.number(1, ComparisonModel::Sqnr) - desk.number(2, ComparisonModel::Sqnr));
  QCOMPARE(desk.number(2, ComparisonModel::SqnrGain), 0.0);
}

void ComparisonTest::anotherTensorsPinHasNoDifferences() {
  Comparison desk;
  desk.begin();
  desk.pin(4);
  desk.session->selectTensor(QStringLiteral("dense_1/kernel"));
  desk.settle();
  QVERIFY(!desk.table()
               ->model()
               ->index(0, ComparisonModel::SqnrGain)
               .data(ComparisonModel::NumberRole)
               .isValid());
  QVERIFY(desk.workbench()->pinOverlays().empty());
}

void ComparisonTest::pinsAreHiddenColouredAndRemovedByKeys() {
  Comparison desk;
  desk.begin();
  desk.pin(4);
  desk.pin(2);
  QCOMPARE(desk.workbench()->pinOverlays().size(), std::size_t{2});
  QCOMPARE(desk.window->findChild<TradeOffPlot*>()->table().rows.size(), 3);
  desk.table()->setFocus();
  desk.table()->setCurrentIndex(desk.table()->model()->index(1, ComparisonModel::Name));
  QTest::keyClick(desk.table(), Qt::Key_Space);
  QVERIFY(!desk.pins()->pins()[0].shown);
  QCOMPARE(desk.workbench()->pinOverlays().size(), std::size_t{1});
  QCOMPARE(desk.window->findChild<TradeOffPlot*>()->table().rows.size(), 2);
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QVERIFY(desk.pins()->pins()[0].shown);

  desk.find<QMenu>("pinColors")->actions()[5]->trigger();
  QCOMPARE(desk.pins()->pins()[0].color, 5);
  QVERIFY(desk.session->undoGroup()->activeStack()->undoText().contains(QStringLiteral("colour")));

  QTest::keyClick(desk.table(), Qt::Key_Delete);
  QCOMPARE(desk.pins()->pins().size(), std::size_t{1});
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QCOMPARE(desk.pins()->pins().size(), std::size_t{2});
  QCOMPARE(desk.pins()->pins()[0].color, 5);
}

void ComparisonTest::theChosenRowStays() {
  Comparison desk;
  desk.begin();
  desk.pin(4);
  desk.pin(2);
  desk.table()->setCurrentIndex(desk.table()->model()->index(2, ComparisonModel::Mse));
  desk.edit([](QuantSpec& spec) { spec.bits = 5; });
  QCOMPARE(desk.table()->currentIndex().row(), 2);
  QVERIFY(desk.table()->selectionModel()->isRowSelected(2));
}

void ComparisonTest::pinsLieOverEveryPlot() {
  Comparison desk;
  desk.begin();
  desk.pin(4);
  const QString name = desk.pins()->pins()[0].name;
  desk.edit([](QuantSpec& spec) { spec.scheme = Scheme::Sym; });
  QTRY_VERIFY(!desk.workbench()->pinOverlays().empty() &&
              desk.workbench()->pinOverlays()[0].detail);
  const PinOverlay overlay = desk.workbench()->pinOverlays()[0];
  DetailRequest request;
  request.tensor = desk.weights("dense/kernel");
  request.spec = desk.pins()->pins()[0].spec;
  const SharedDetail expected = *analyseDetail(request, Executor(1));
  QCOMPARE(overlay.detail->report.metrics.mse, expected->report.metrics.mse);
  QCOMPARE(overlay.errors.counts, expected->report.errors.counts);
  QVERIFY(overlay.curve && overlay.result && overlay.result->group);
  // Each plot tells the pin's value where the cursor is.
  desk.window->showPerspective(MainWindow::Perspective::Inspect);
  const auto hovered = [](Plot* plot) {
    QTest::keyClick(plot, Qt::Key_Left);
    return plot->hoverText();
  };
  QVERIFY(hovered(desk.window->findChild<ProfilePlot*>()).contains(name));
  QVERIFY(hovered(desk.window->findChild<CodeUsePlot*>()).contains(name));
  auto* curve = desk.window->findChild<ClipCurvePlot*>();
  QVERIFY(hovered(curve).contains(name));
  desk.settle();
}

void ComparisonTest::pinsOfAnotherUnitLieOverTheErrors() {
  Comparison desk;
  desk.begin();
  desk.pin(2);
  desk.edit([](QuantSpec& spec) { spec.bits = 4; });
  auto* errors = desk.window->findChild<ErrorHistogramPlot*>();
  QTRY_VERIFY(desk.workbench()->pinOverlays()[0].detail);
  const QPixmap hidden = [&] {
    errors->setUnit(ErrorUnit::Step);
    desk.pins()->setShown(desk.pins()->pins()[0].id, false);
    QTest::qWait(50);
    return errors->grab();
  }();
  desk.pins()->setShown(desk.pins()->pins()[0].id, true);
  QTest::qWait(50);
  QVERIFY(errors->grab().toImage() != hidden.toImage());
}

void ComparisonTest::aPinWithoutAMeasureIsMeasured() {
  Comparison desk;
  desk.begin();
  Pin pin;
  pin.name = QStringLiteral("old");
  pin.file = desk.path();
  pin.tensor = QStringLiteral("dense/kernel");
  pin.spec.bits = 3;
  desk.pins()->restore({pin}, -1);
  QTRY_VERIFY(desk.pins()->pins()[0].measure);
  AnalysisRequest request;
  request.tensor = desk.weights("dense/kernel");
  request.spec = pin.spec;
  QCOMPARE(desk.number(1, ComparisonModel::Mse), (*analyse(request, Executor(1)))->metrics->mse);
  QVERIFY(desk.pins()->pins()[0].measure->curve);
  desk.settle();
}

void ComparisonTest::groupsAreWonAsCounted() {
  Comparison desk;
  desk.begin();
  desk.pin(4, 32);
  desk.edit([](QuantSpec& spec) { spec = spec.withDtype(Dtype::Nf4); });
  const SharedWinRate expected =
      desk.counted(desk.session->spec(), desk.pins()->pins()[0].spec, 32);
  auto* plot = desk.window->findChild<DifferencePlot*>();
  QTRY_COMPARE(plot->table().rows.size(), static_cast<int>(expected->difference.counts.size()));
  for (int bin = 0; bin < plot->table().rows.size(); ++bin) {
    QCOMPARE(plot->table().rows[bin][2],
             static_cast<double>(expected->difference.counts[static_cast<std::size_t>(bin)]));
  }
  QVERIFY(expected->firstWins > 0 && expected->secondWins > 0);
  QVERIFY(desk.verdict()->text().contains(
      QStringLiteral("%1 groups of %2 weights").arg(expected->groups).arg(expected->groupSize)));
  QVERIFY(desk.bar()->accessibleDescription().contains(
      QStringLiteral("wins %1 groups").arg(expected->firstWins)));
  // Turned about by the choosers.
  auto* first = desk.find<QComboBox>("headToHeadFirst");
  auto* second = desk.find<QComboBox>("headToHeadSecond");
  first->setCurrentIndex(1);
  second->setCurrentIndex(0);
  Q_EMIT second->activated(0);
  QTRY_VERIFY(desk.bar()->accessibleDescription().contains(
      QStringLiteral("wins %1 groups").arg(expected->secondWins)));
}

void ComparisonTest::headToHeadFollowsAnEdit() {
  Comparison desk;
  desk.begin();
  desk.pin(4, 32);
  const auto* headToHead = desk.window->findChild<HeadToHead*>();
  for (const int bits : {2, 3, 5, 6}) {
    QuantSpec spec = desk.session->spec();
    spec.bits = bits;
    desk.session->editSpec(spec, QStringLiteral("bits"));
    QVERIFY(!headToHead->answer());  // not that of the edit before
    QTRY_VERIFY(headToHead->answer());
    QCOMPARE(headToHead->answer()->first, spec);
    QCOMPARE(headToHead->answer()->firstWins,
             desk.counted(spec, desk.pins()->pins()[0].spec, 32)->firstWins);
  }
  desk.settle();
}

void ComparisonTest::drawsAreShown() {
  Comparison desk;
  desk.begin();
  desk.pin(4, 32);
  desk.edit([](QuantSpec& spec) { spec.clip = ClipPolicy::fixed(1.0); });  // the same in effect
  QTRY_VERIFY(desk.verdict()->text().contains(QStringLiteral("48 drawn")));
  QVERIFY(desk.bar()->accessibleDescription().contains(QStringLiteral("48 are drawn")));
}

void ComparisonTest::nothingIsCountedWhileHidden() {
  Comparison desk;
  desk.begin();
  desk.window->showPerspective(MainWindow::Perspective::Tune);
  desk.pin(4, 32);
  desk.edit([](QuantSpec& spec) { spec.bits = 3; });
  desk.settle();
  const auto* headToHead = desk.window->findChild<HeadToHead*>();
  QVERIFY(!headToHead->answer());
  desk.window->showPerspective(MainWindow::Perspective::Compare);
  QTRY_VERIFY(headToHead->answer());
  desk.settle();
}

void ComparisonTest::codebooksOfOneNameAreToldApart() {
  Comparison desk;
  desk.begin();
  const auto withLevels = [&](const std::vector<double>& levels) {
    return desk.session->spec().withDtype(Dtype::Codebook, *makeNamedCodebook("mine", levels));
  };
  const QuantSpec coarse = withLevels({-1, 0, 0.5, 1});
  const QuantSpec fine = withLevels({-1, -0.25, 0.25, 1});
  for (const QuantSpec& spec : {coarse, fine}) {
    desk.session->editSpec(spec, QStringLiteral("codebook"));
    QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
    desk.settle();
  }
  const auto* reports = desk.window->findChild<PinReports*>();
  for (const Pin& pin : desk.pins()->pins()) {
    QVERIFY(reports->of(pin));
    QCOMPARE(reports->of(pin)->result->spec, pin.spec);
    QCOMPARE(reports->of(pin)->result->metrics->mse, pin.measure->metrics.mse);
  }
  // The present settings are the second pin's; then those of another name's worth of levels.
  const auto* headToHead = desk.window->findChild<HeadToHead*>();
  QTRY_VERIFY(headToHead->answer());
  QCOMPARE(headToHead->answer()->first, fine);
  const QuantSpec other = withLevels({-1, -0.5, 0.25, 1});
  desk.session->editSpec(other, QStringLiteral("codebook"));
  QVERIFY(!headToHead->answer());
  QTRY_VERIFY(headToHead->answer());
  QCOMPARE(headToHead->answer()->first, other);
  desk.settle();
}

void ComparisonTest::headToHeadSaysWhatIsMissing() {
  Comparison desk;
  desk.begin();
  QVERIFY(desk.verdict()->text().contains(QStringLiteral("Pin settings")));
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  QVERIFY(desk.verdict()->text().contains(QStringLiteral("same settings")));
  QVERIFY(!desk.find<QComboBox>("headToHeadFirst")->currentText().isEmpty());
}

void ComparisonTest::foregroundWorkCancelsABackgroundJobWhichIsAskedForAgain() {
  Comparison desk;
  desk.begin();
  std::atomic<int> begun = 0;
  std::atomic<int> cancelled = 0;
  int delivered = 0;
  QObject owner;
  desk.session->serve(&owner, [&]() -> std::optional<BackgroundJob> {
    if (delivered > 0) return std::nullopt;
    return BackgroundJob{
        QStringLiteral("waiting"),
        [&](const auto&, const auto&, const TaskControl& control) -> BackgroundJob::Delivery {
          if (++begun == 1) {
            while (!control.cancel.cancelled()) QThread::msleep(1);
            ++cancelled;
            return {};
          }
          return [&delivered] { ++delivered; };
        }};
  });
  desk.session->wakeBackgroundJobs();
  QTRY_COMPARE(begun.load(), 1);
  QCOMPARE(desk.session->activity().kind, Activity::Kind::Comparing);
  QCOMPARE(desk.session->activity().text, QStringLiteral("waiting"));
  desk.edit([](QuantSpec& spec) { spec.bits = 3; });
  QTRY_COMPARE(delivered, 1);
  QCOMPARE(cancelled.load(), 1);
  QCOMPARE(begun.load(), 2);
  desk.settle();
}

void ComparisonTest::anOwnerThatDiedGetsNothing() {
  Comparison desk;
  desk.begin();
  std::atomic<bool> begun = false;
  std::atomic<bool> mayEnd = false;
  bool delivered = false;
  auto owner = std::make_unique<QObject>();
  desk.session->serve(owner.get(), [&]() -> std::optional<BackgroundJob> {
    return BackgroundJob{QStringLiteral("waiting"),
                         [&](const auto&, const auto&, const auto&) -> BackgroundJob::Delivery {
                           begun = true;
                           while (!mayEnd) QThread::msleep(1);
                           return [&delivered] { delivered = true; };
                         }};
  });
  desk.session->wakeBackgroundJobs();
  QTRY_VERIFY(begun);
  owner.reset();
  mayEnd = true;
  desk.settle();
  QVERIFY(!delivered);
}

void ComparisonTest::plotsOfTheSameQuantityZoomTogether() {
  Comparison desk;
  desk.begin();
  desk.pin(4, 32);
  desk.edit([](QuantSpec& spec) { spec.bits = 3; });
  auto* errors = desk.window->findChild<ErrorHistogramPlot*>();
  auto* difference = desk.window->findChild<DifferencePlot*>();
  QTRY_VERIFY(!difference->table().rows.empty());
  QSignalSpy moved(difference, &Plot::viewChanged);
  QTest::keyClick(errors, Qt::Key_Plus);
  QVERIFY(errors->isZoomed());
  QCOMPARE(moved.size(), 1);
  QTest::keyClick(difference, Qt::Key_Plus);
  QTest::keyClick(difference, Qt::Key_Plus);
  QVERIFY(difference->isZoomed());
  QTest::keyClick(difference, Qt::Key_Home);
  QVERIFY(!errors->isZoomed());
  // In other units there is nothing to share.
  errors->setUnit(ErrorUnit::Step);
  QTest::keyClick(difference, Qt::Key_Plus);
  QVERIFY(!errors->isZoomed());
  errors->setUnit(ErrorUnit::Weight);
  for (QAction* action : desk.window->findChildren<QAction*>()) {
    if (action->text() == QStringLiteral("Lin&ked Axes")) action->trigger();
  }
  QTest::keyClick(difference, Qt::Key_Plus);
  QVERIFY(!errors->isZoomed());
}

void ComparisonTest::compareShowsWhatItNeeds() {
  Comparison desk;
  desk.begin();
  const int width = desk.window->width();
  QVERIFY(desk.find<QDockWidget>("comparisonDock")->isVisible());
  QVERIFY(desk.find<QDockWidget>("duelDock")->isVisible());
  QVERIFY(!desk.find<QDockWidget>("mapDock")->isVisible());
  QVERIFY(!desk.find<QDockWidget>("overviewDock")->isVisible());
  for (const int key : {Qt::Key_1, Qt::Key_2, Qt::Key_3}) {
    QTest::keyClick(desk.window.get(), static_cast<Qt::Key>(key), Qt::ControlModifier);
    QTest::qWait(20);
    QCOMPARE(desk.window->width(), width);
  }
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::ComparisonTest)
#include "comparison_test.moc"
