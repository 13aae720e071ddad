// The window as people use it: keys, mouse, files.
#include "ui/main_window/main_window.h"

#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QClipboard>
#include <QComboBox>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QDragEnterEvent>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMimeData>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QSlider>
#include <QSpinBox>
#include <QTabBar>
#include <QTableView>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/text.h"
#include "core/exporting/plan_file.h"
#include "core/exporting/registry.h"
#include "tests/ui/desk.h"
#include "ui/models/comparison_model.h"
#include "ui/models/group_model.h"
#include "ui/models/tensor_list_model.h"
#include "ui/panels/appearance.h"
#include "ui/panels/head_to_head_panel.h"
#include "ui/panels/locator.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/plot_rows.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/trade_off_plot.h"

namespace quantoscope::ui {

namespace {

QString contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

}  // namespace

class MainWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();

  void metricsEqualTheEngine();
  void aClickInTheMapChoosesTheGroup();
  void theGroupTableShowsTheGroup();
  void profilesAreSortedAndTurned();
  void codesAddUp();
  void errorUnitsAreChosen();
  void pinsAreComparedAndUsed();
  void pinsSurviveARestart();
  void eightPinsAreEnough();
  void tensorsAreChosenWithKeys();
  void theFilterIsReachedAndLeftWithKeys();
  void formatsThatPrescribeTheirGroupsSetThem();
  void knobsChangeTheSpec();
  void onlyOneRangeIsOn();
  void aCodebookIsNamedInTheBoxOfTypes();
  void knobsThatDoNotApplySayWhy();
  void theGroupSizeCanBeTyped();
  void doubleQuantizationHasItsOwnKnobs();
  void theSliderIsDraggedInOneStep();
  void theLineInTheCurveIsDraggedInOneStep();
  void theBestRatioIsOneKeyAway();
  void aKnobNeverBlocksTheWindow();
  void escapeCancels();
  void escapeClearsTheFilterFirst();
  void aWrongFileIsToldAndLeavesWhatWasShown();
  void oneWrongFileOfSeveralIsToldToo();
  void droppedFilesAreOpened();
  void aChangedFileIsReloadedOnRequest();
  void whatIsRefusedCanBeAllowed();
  void plansAreExportedAndReadBack();
  void tablesAreExported();
  void quantizedTensorsAreExported();
  void plotsAreExported();
  void everyPlotHasARow();
  void theCommandIsQuotedForAShell();
  void layoutIsRestored();
  void layoutOfAnotherVersionIsLeftAlone();
  void theLocatorFindsEverything();
  void perspectivesKeepTheirDocks();
  void recentFilesAreListed();
  void hintsAreShownUntilDismissed();
  void logCountsAreShared();
  void everyControlHasAName();
  void appearanceIsSwitchedLive();
  void closingWhileWorkRunsIsSafe();
};

void MainWindowTest::initTestCase() {
  QStandardPaths::setTestModeEnabled(true);
  QLocale::setDefault(QLocale::c());
}

void MainWindowTest::metricsEqualTheEngine() {
  Desk desk;
  desk.open();
  const SharedResult expected = desk.expected();
  QCOMPARE(desk.shownMetric("mse"), expected->metrics->mse);
  QCOMPARE(desk.shownMetric("sqnr_db"), expected->metrics->sqnrDb);
  QCOMPARE(desk.shownMetric("bytes"), static_cast<double>(expected->storage.bytes()));
  QCOMPARE(desk.shownMetric("kurtosis"), expected->statistics.kurtosis);
  QVERIFY(desk.window->windowTitle().contains(QStringLiteral("dense/kernel")));
  QVERIFY(desk.window->windowTitle().contains(QStringLiteral("model.h5")));
  for (const Plot* plot : desk.window->plots()) {
    if (desk.window->findChild<HeadToHeadPanel*>()->isAncestorOf(plot)) continue;  // it needs a pin
    QVERIFY2(!plot->table().rows.isEmpty(), qPrintable(plot->title()));
    QVERIFY(!plot->isStale());
  }
}

void MainWindowTest::aClickInTheMapChoosesTheGroup() {
  Desk desk;
  desk.open();
  ErrorMapPlot* map = desk.map();
  map->setFocus();
  const BlockMap& cells = desk.session->detail()->report.map;
  const auto worst = std::max_element(cells.maximum.begin(), cells.maximum.end());
  const GroupIndex expected =
      cells.worstOf(static_cast<std::size_t>(worst - cells.maximum.begin()));

  QTest::keyClick(map, Qt::Key_Right);  // the cursor begins at the worst cell
  QTest::keyClick(map, Qt::Key_Return);
  QCOMPARE(desk.session->group(), std::optional(expected));
  desk.settle();
  QCOMPARE(desk.session->result()->group->index, expected);

  QTest::keyClick(map, Qt::Key_Down, Qt::ControlModifier);
  QTest::keyClick(map, Qt::Key_Left, Qt::ControlModifier);
  QTest::keyClick(map, Qt::Key_Enter);
  QCOMPARE(desk.session->group()->group, std::size_t{0});
  QVERIFY(desk.session->group()->row != expected.row || expected.group != 0);
  desk.settle();

  // The mouse chooses what is under it, and says so beforehand.
  const QPoint place(map->width() * 3 / 4, map->height() / 3);
  QTest::mouseMove(map, place);
  QVERIFY(!map->hoverText().isEmpty());
  const auto before = desk.session->group();
  QTest::mouseClick(map, Qt::LeftButton, {}, place);
  QTest::mouseMove(map, place + QPoint(1, 0));
  QVERIFY(desk.session->group() != before);
  const QString named = QStringLiteral("Row %1,").arg(desk.session->group()->row);
  QVERIFY2(map->hoverText().contains(named), qPrintable(map->hoverText()));

  auto* measure = desk.find<QComboBox>("mapMeasure");
  measure->setFocus();
  QTest::keyClick(measure, Qt::Key_Down);
  QCOMPARE(map->measure(), ErrorMapPlot::Measure::Rms);
}

void MainWindowTest::theGroupTableShowsTheGroup() {
  Desk desk;
  desk.open();
  desk.session->setGroup(GroupIndex{2, 1});
  desk.settle();
  const GroupDetail& group = *desk.session->result()->group;
  const auto* table = desk.find<QTableView>("groupTable");
  const QAbstractItemModel* shown = table->model();
  QCOMPARE(shown->rowCount(), 32);
  const SharedResult result = desk.session->result();
  const Codec codec = codecOf(result->spec);
  for (int row = 0; row < shown->rowCount(); ++row) {
    const auto number = [&](int column) {
      return shown->index(row, column).data(GroupModel::NumberRole).toDouble();
    };
    const double weight = number(GroupModel::Weight);
    QCOMPARE(number(GroupModel::Channel), 32.0 + row);
    const float decoded =
        (static_cast<float>(number(GroupModel::Code)) - group.zeroPoint) * group.scale;
    QCOMPARE(static_cast<float>(number(GroupModel::Value)), decoded);
    QVERIFY(number(GroupModel::Code) >= codec.minCode && number(GroupModel::Code) <= codec.maxCode);
    QVERIFY(std::fabs(number(GroupModel::Value) - weight - number(GroupModel::Error)) < 1e-6);
  }
}

void MainWindowTest::profilesAreSortedAndTurned() {
  Desk desk;
  desk.open();
  auto* profile = desk.window->findChild<ProfilePlot*>();
  QCOMPARE(profile->table().rows.size(), 24);  // rows, few enough for a point each
  auto* side = desk.find<QComboBox>("profileSide");
  side->setCurrentIndex(2);
  QCOMPARE(profile->table().rows.size(), 64);
  profile->setSorted(true);
  const Plot::Table sorted = profile->table();
  for (qsizetype i = 1; i < sorted.rows.size(); ++i) {
    QVERIFY(sorted.rows[i - 1][4] >= sorted.rows[i][4]);
  }
  double squares = 0;
  for (const auto& row : sorted.rows) squares += row[2] * row[2];
  const double mse = desk.session->result()->metrics->mse;
  QVERIFY(std::fabs(squares / 64 - mse) < 1e-12 * mse);
}

void MainWindowTest::codesAddUp() {
  Desk desk;
  desk.open();
  const auto* codes = desk.window->findChild<CodeUsePlot*>();
  double counted = 0;
  for (const auto& row : codes->table().rows) counted += row[2];
  QCOMPARE(counted, 24.0 * 64);
  QVERIFY(codes->summary().contains(QStringLiteral("entropy")));
}

void MainWindowTest::errorUnitsAreChosen() {
  Desk desk;
  desk.open();
  auto* plot = desk.window->findChild<ErrorHistogramPlot*>();
  auto* units = desk.find<QComboBox>("errorUnit");
  units->setFocus();
  QTest::keyClick(units, Qt::Key_Down);
  QCOMPARE(plot->unit(), ErrorUnit::Step);
  auto* magnitudes = desk.find<QCheckBox>("errorMagnitudes");
  QTest::keyClick(magnitudes, Qt::Key_Space);
  QVERIFY(plot->magnitudes());
  plot->setFocus();
  QTest::keyClick(plot, Qt::Key_U);
  QCOMPARE(units->currentIndex(), 2);
  double counted = 0;
  for (const auto& row : plot->table().rows) counted += row[2];
  QCOMPARE(counted, 24.0 * 64);
  QVERIFY(!plot->isStale());

  // The last answer stays, marked, until the next is there.
  desk.gate->shut();
  QuantSpec coarse = desk.session->spec();
  coarse.bits = 2;
  desk.session->editSpec(coarse, QStringLiteral("2 bits"));
  QVERIFY(plot->isStale());
  desk.gate->open();
  desk.settle();
  QVERIFY(!plot->isStale());
  QVERIFY(!plot->awaitsDetail());
}

void MainWindowTest::pinsAreComparedAndUsed() {
  Desk desk;
  desk.open();
  const auto* table = desk.find<QTableView>("comparison");
  const QAbstractItemModel* shown = table->model();
  const auto number = [&](int row, int column) {
    return shown->index(row, column).data(ComparisonModel::NumberRole).toDouble();
  };
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  const double gentle = desk.session->result()->metrics->sqnrDb;
  QuantSpec coarse = desk.session->spec();
  coarse.bits = 2;
  desk.session->editSpec(coarse, QStringLiteral("2 bits"));
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);  // before its answer is there
  desk.settle();
  QCOMPARE(shown->rowCount(), 3);
  QCOMPARE(number(1, ComparisonModel::Sqnr), gentle);
  QCOMPARE(number(2, ComparisonModel::Sqnr), desk.session->result()->metrics->sqnrDb);
  QCOMPARE(number(0, ComparisonModel::Mse), desk.session->result()->metrics->mse);
  QCOMPARE(number(2, ComparisonModel::SqnrGain), number(2, ComparisonModel::Sqnr) - gentle);
  QCOMPARE(desk.window->findChild<TradeOffPlot*>()->table().rows.size(), 3);

  // Renamed in place, as one step.
  auto* view = desk.find<QTableView>("comparison");
  view->model()->setData(view->model()->index(1, ComparisonModel::Name), QStringLiteral("gentle"));
  QCOMPARE(shown->index(1, ComparisonModel::Name).data().toString(), QStringLiteral("gentle"));
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QVERIFY(shown->index(1, ComparisonModel::Name).data().toString() != QStringLiteral("gentle"));

  // Used, and taken back.
  view->setCurrentIndex(view->model()->index(1, ComparisonModel::Mse));
  for (QAction* action : view->actions()) {
    if (action->text() == QStringLiteral("Use")) action->trigger();
  }
  QCOMPARE(desk.session->spec().bits, 4);
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QCOMPARE(desk.session->spec().bits, 2);

  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);  // the second pin
  QCOMPARE(shown->rowCount(), 2);
}

void MainWindowTest::pinsSurviveARestart() {
  Desk desk;
  desk.open();
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  const double mse = desk.session->result()->metrics->mse;
  desk.window = std::make_unique<MainWindow>(desk.session.get(), desk.settings.get());
  const QAbstractItemModel* shown = desk.find<QTableView>("comparison")->model();
  QCOMPARE(shown->rowCount(), 2);
  QCOMPARE(shown->index(1, ComparisonModel::Mse).data(ComparisonModel::NumberRole).toDouble(), mse);
}

void MainWindowTest::eightPinsAreEnough() {
  Desk desk;
  desk.open();
  for (int bits = 1; bits <= 8; ++bits) {
    QuantSpec spec = desk.session->spec();
    spec.bits = bits;
    desk.session->editSpec(spec, QStringLiteral("bits"));
    QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  }
  const QAbstractItemModel* shown = desk.find<QTableView>("comparison")->model();
  QCOMPARE(shown->rowCount(), 9);
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);  // the same settings again
  QVERIFY(desk.messages()->isVisible());
  QuantSpec other = desk.session->spec();
  other.groupSize = 16;
  desk.session->editSpec(other, QStringLiteral("group size"));
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  QCOMPARE(shown->rowCount(), 9);
  QVERIFY(desk.messages()->isVisible());
}

void MainWindowTest::tensorsAreChosenWithKeys() {
  Desk desk;
  desk.open();
  auto* table = desk.find<QTableView>("tensors");
  table->setFocus();
  QTest::keyClick(table, Qt::Key_Down);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_1/kernel"));
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  QTest::keyClick(table, Qt::Key_Down);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  QTest::keyClick(desk.window.get(), Qt::Key_Up, Qt::AltModifier);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_1/kernel"));
  QTest::mouseClick(table->viewport(), Qt::LeftButton, {},
                    table->visualRect(table->model()->index(0, 0)).center());
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));
  desk.settle();
}

void MainWindowTest::theFilterIsReachedAndLeftWithKeys() {
  Desk desk;
  desk.open();
  auto* filter = desk.find<QLineEdit>("filter");
  auto* table = desk.find<QTableView>("tensors");
  QTest::keyClick(desk.window.get(), Qt::Key_F, Qt::ControlModifier);
  QTRY_VERIFY(filter->hasFocus());
  QTest::keyClicks(filter, QStringLiteral("_2"));
  QCOMPARE(table->model()->rowCount(), 1);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));
  QTest::keyClick(filter, Qt::Key_Return);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  QVERIFY(table->hasFocus());
  desk.find<QCheckBox>("showAll")->setChecked(true);
  filter->clear();
  QCOMPARE(table->model()->rowCount(), 4);
  QCOMPARE(table->currentIndex().data().toString(), QStringLiteral("dense_2/kernel"));
  QTest::keyClick(table, Qt::Key_Up);  // onto the bias, which is shown but not chosen
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
}

void MainWindowTest::formatsThatPrescribeTheirGroupsSetThem() {
  Desk desk;
  desk.open();
  auto* dtype = desk.find<QComboBox>("dtype");
  dtype->setCurrentText("nvfp4");
  Q_EMIT dtype->activated(dtype->currentIndex());
  QCOMPARE(desk.session->spec().dtype, Dtype::Nvfp4);
  QCOMPARE(desk.session->spec().groupSize, 16LL);
  QVERIFY(!desk.find<QComboBox>("groupSize")->isEnabled());
  QVERIFY(!desk.find<QSpinBox>("bits")->isEnabled());
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
}

void MainWindowTest::knobsChangeTheSpec() {
  Desk desk;
  desk.open();
  QUndoStack* stack = desk.session->undoGroup()->activeStack();
  QTest::keyClick(desk.find<QSpinBox>("bits"), Qt::Key_Down);
  QCOMPARE(desk.session->spec().bits, 3);
  QTest::keyClick(desk.find<QComboBox>("scheme"), Qt::Key_Down);
  QCOMPARE(desk.session->spec().scheme, Scheme::Sym);
  desk.find<QCheckBox>("fullRange")->click();
  QVERIFY(desk.session->spec().fullRange);
  QTest::keyClick(desk.find<QComboBox>("policy"), Qt::Key_End);
  QCOMPARE(desk.session->spec().clip.kind, ClipPolicy::Kind::Optimal);
  QCOMPARE(stack->count(), 4);
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QVERIFY(!desk.session->spec().fullRange);
  QVERIFY(!desk.find<QCheckBox>("fullRange")->isChecked());
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
}

void MainWindowTest::onlyOneRangeIsOn() {
  Desk desk;
  desk.open();
  auto* full = desk.find<QCheckBox>("fullRange");
  auto* half = desk.find<QCheckBox>("halfRange");
  QVERIFY(!half->isEnabled());  // with scheme asym
  QVERIFY(half->toolTip().contains(QStringLiteral("sym")));
  QTest::keyClick(desk.find<QComboBox>("scheme"), Qt::Key_Down);
  half->click();
  QVERIFY(desk.session->spec().halfRange);
  full->click();
  QVERIFY(desk.session->spec().fullRange && !desk.session->spec().halfRange);
  QVERIFY(full->isChecked() && !half->isChecked());
  half->click();
  QVERIFY(desk.session->spec().halfRange && !desk.session->spec().fullRange);
  QVERIFY(half->isChecked() && !full->isChecked());
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  desk.find<QSpinBox>("bits")->setValue(1);  // which has no such range
  QCOMPARE(desk.session->spec().bits, 1);
  QVERIFY(!desk.session->spec().halfRange && !half->isEnabled());
  desk.settle();
}

void MainWindowTest::aCodebookIsNamedInTheBoxOfTypes() {
  Desk desk;
  desk.open();
  auto* dtype = desk.find<QComboBox>("dtype");
  const int formats = dtype->count();
  const QuantSpec spec = desk.session->spec().withDtype(
      Dtype::Codebook, *makeNamedCodebook("my levels", {-1, -0.25, 0.25, 1}));
  desk.session->editSpec(spec, QStringLiteral("preset"));
  QCOMPARE(dtype->currentText(), QStringLiteral("codebook my levels"));
  QVERIFY(dtype->toolTip().startsWith(QStringLiteral("4 levels")));
  QVERIFY(desk.find<QSpinBox>("bits")->toolTip().contains(QStringLiteral("my levels")));
  Q_EMIT dtype->activated(dtype->currentIndex());  // chosen again: nothing to do
  QCOMPARE(desk.session->spec(), spec);

  dtype->setCurrentIndex(1);
  Q_EMIT dtype->activated(1);
  QCOMPARE(desk.session->spec().dtype, Dtype::Nf4);
  QCOMPARE(dtype->count(), formats);
  desk.session->undoGroup()->undo();
  QCOMPARE(dtype->currentText(), QStringLiteral("codebook my levels"));
  desk.settle();
}

void MainWindowTest::knobsThatDoNotApplySayWhy() {
  Desk desk;
  desk.open();
  auto* bits = desk.find<QSpinBox>("bits");
  auto* scheme = desk.find<QComboBox>("scheme");
  auto* fullRange = desk.find<QCheckBox>("fullRange");
  QVERIFY(!fullRange->isEnabled());  // with scheme asym
  QVERIFY(fullRange->toolTip().contains(QStringLiteral("sym")));
  QTest::keyClick(scheme, Qt::Key_Down);
  QVERIFY(fullRange->isEnabled());
  bits->setValue(1);
  QVERIFY(!fullRange->isEnabled());
  QVERIFY(fullRange->toolTip().contains(QStringLiteral("1 bit")));
  bits->setValue(3);
  fullRange->click();

  QTest::keyClick(desk.find<QComboBox>("dtype"), Qt::Key_Down);
  const QuantSpec spec = desk.session->spec();
  QCOMPARE(spec.dtype, Dtype::Nf4);
  QCOMPARE(spec.bits, 4);
  QVERIFY(!spec.fullRange);
  for (QWidget* control : std::initializer_list<QWidget*>{bits, scheme, fullRange}) {
    QVERIFY(!control->isEnabled());
    QVERIFY(control->toolTip().contains(QStringLiteral("nf4")));
  }
  QVERIFY(!desk.find<QPushButton>("useDefault")->toolTip().isEmpty());
  desk.settle();
}

void MainWindowTest::theGroupSizeCanBeTyped() {
  Desk desk;
  desk.open();
  auto* box = desk.find<QComboBox>("groupSize");
  const auto type = [&](const QString& text) {
    box->setFocus();
    box->lineEdit()->selectAll();
    QTest::keyClicks(box->lineEdit(), text);
    QTest::keyClick(box->lineEdit(), Qt::Key_Return);
  };
  type(QStringLiteral("48"));
  QCOMPARE(desk.session->spec().groupSize, 48);
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), 1);
  type(QStringLiteral("-1"));
  QCOMPARE(desk.session->spec().groupSize, -1);
  QCOMPARE(box->currentText(), QStringLiteral("whole row"));
  type(QStringLiteral("0"));  // not accepted by the validator
  QCOMPARE(desk.session->spec().groupSize, -1);
  desk.session->undoGroup()->activeStack()->undo();
  QCOMPARE(box->currentText(), QStringLiteral("48"));
}

void MainWindowTest::doubleQuantizationHasItsOwnKnobs() {
  Desk desk;
  desk.open();
  auto* on = desk.find<QCheckBox>("doubleQuant");
  auto* bits = desk.find<QSpinBox>("secondBits");
  QVERIFY(!bits->isVisible());
  on->click();
  QCOMPARE(desk.session->spec().doubleQuant, std::optional(DoubleQuant{}));
  QVERIFY(bits->isVisible());
  bits->setValue(6);
  QTest::keyClick(desk.find<QComboBox>("secondScheme"), Qt::Key_Down);
  QCOMPARE(desk.session->spec().doubleQuant->bits, 6);
  QCOMPARE(desk.session->spec().doubleQuant->scheme, Scheme::Sym);
  QTest::keyClick(desk.find<QComboBox>("secondDtype"), Qt::Key_Down);
  QCOMPARE(desk.session->spec().doubleQuant->bits, 4);
  QVERIFY(!bits->isEnabled());
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  on->click();
  QVERIFY(!desk.session->spec().doubleQuant);
}

void MainWindowTest::theSliderIsDraggedInOneStep() {
  Desk desk;
  desk.open();
  auto* slider = desk.find<QSlider>("ratioSlider");
  QUndoStack* stack = desk.session->undoGroup()->activeStack();
  const int middle = slider->height() / 2;
  QTest::mousePress(slider, Qt::LeftButton, {}, {slider->width() - 6, middle});
  for (int x = slider->width() - 6; x > slider->width() / 2; x -= 3) {
    QTest::mouseMove(slider, {x, middle});
  }
  QTest::mouseRelease(slider, Qt::LeftButton, {}, {slider->width() / 2, middle});
  const QuantSpec spec = desk.session->spec();
  QCOMPARE(spec.clip.kind, ClipPolicy::Kind::Ratio);
  QVERIFY(spec.clip.ratio < 0.9 && spec.clip.ratio >= 0.5);
  QCOMPARE(stack->count(), 1);
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  QCOMPARE(desk.shownMetric("clip_ratio"), spec.clip.ratio);
  QCOMPARE(desk.curve()->currentRatio(), spec.clip.ratio);
  QVERIFY(std::abs(desk.find<QDoubleSpinBox>("ratio")->value() - spec.clip.ratio) < 1e-9);
  stack->undo();
  QCOMPARE(desk.session->spec(), QuantSpec{});
}

void MainWindowTest::theLineInTheCurveIsDraggedInOneStep() {
  Desk desk;
  desk.open();
  ClipCurvePlot* curve = desk.curve();
  Q_EMIT curve->ratioDragged(0.95);
  Q_EMIT curve->ratioDragged(0.9);
  Q_EMIT curve->ratioDragFinished(0.9);
  QCOMPARE(desk.session->spec().clip, ClipPolicy::fixed(0.9));
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), 1);
  Q_EMIT curve->ratioDragged(0.85);
  Q_EMIT curve->ratioDragFinished(0.85);
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), 2);
  curve->setFocus();
  QTest::keyClick(curve, Qt::Key_Left);
  QVERIFY(desk.session->spec().clip.ratio < 0.85);
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), 3);
  desk.settle();
}

void MainWindowTest::theBestRatioIsOneKeyAway() {
  Desk desk;
  desk.open();
  QTest::keyClick(desk.window.get(), Qt::Key_B, Qt::ControlModifier);
  QCOMPARE(desk.session->spec().clip, ClipPolicy::fixed(*desk.session->bestRatio()));
  desk.settle();
  QCOMPARE(desk.curve()->optimumRatio().value(), *desk.session->bestRatio());
}

void MainWindowTest::aKnobNeverBlocksTheWindow() {
  Desk desk;
  desk.open();
  const double before = desk.shownMetric("mse");
  desk.gate->shut();
  auto* bits = desk.find<QSpinBox>("bits");
  for (const int value : {8, 7, 6, 5, 2}) bits->setValue(value);
  QTRY_COMPARE(desk.gate->waiting(), 1);
  QCoreApplication::processEvents();
  QCOMPARE(desk.shownMetric("mse"), before);
  QVERIFY(desk.window->findChild<ErrorHistogramPlot*>()->isStale());
  desk.gate->open();
  desk.settle();
  QCOMPARE(desk.session->result()->spec.bits, 2);
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  QVERIFY(!desk.window->findChild<ErrorHistogramPlot*>()->isStale());
}

void MainWindowTest::escapeCancels() {
  Desk desk;
  desk.open();
  const double before = desk.shownMetric("mse");
  desk.gate->shut();
  desk.find<QSpinBox>("bits")->setValue(2);
  QTRY_COMPARE(desk.gate->waiting(), 1);
  QTest::keyClick(desk.window.get(), Qt::Key_Escape);
  QVERIFY(desk.session->settled());
  QTRY_COMPARE(desk.gate->waiting(), 0);
  desk.gate->open();
  QCOMPARE(desk.shownMetric("mse"), before);
  QTest::keyClick(desk.window.get(), Qt::Key_F5);
  desk.settle();
  QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
}

void MainWindowTest::escapeClearsTheFilterFirst() {
  Desk desk;
  desk.open();
  desk.gate->shut();
  desk.find<QSpinBox>("bits")->setValue(2);
  QTRY_COMPARE(desk.gate->waiting(), 1);
  auto* filter = desk.find<QLineEdit>("filter");
  filter->setFocus();
  QTest::keyClicks(filter, QStringLiteral("dense"));
  QTest::keyClick(filter, Qt::Key_Escape);
  QVERIFY(filter->text().isEmpty());
  QVERIFY(!desk.session->settled());
  QTest::keyClick(filter, Qt::Key_Escape);
  QVERIFY(desk.session->settled());
}

void MainWindowTest::aWrongFileIsToldAndLeavesWhatWasShown() {
  Desk desk;
  desk.open();
  const double before = desk.shownMetric("mse");
  desk.window->openFiles({desk.directory.filePath(QStringLiteral("wrong.h5"))});
  QTRY_VERIFY(desk.messages()->isVisible());
  QCOMPARE(desk.messages()->kind(), MessageBar::Kind::Error);
  QVERIFY(desk.messages()->text().contains(QStringLiteral("wrong.h5: not a weight file")));
  QVERIFY(QApplication::activeModalWidget() == nullptr);
  QTRY_VERIFY(desk.session->settled());
  QCOMPARE(desk.shownMetric("mse"), before);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));
  QVERIFY(desk.session->resultIsCurrent());
}

void MainWindowTest::oneWrongFileOfSeveralIsToldToo() {
  Desk desk;
  desk.window->show();
  desk.window->openFiles({desk.directory.filePath(QStringLiteral("wrong.h5")), desk.path()});
  desk.settle();
  QVERIFY(desk.messages()->isVisible());
  QVERIFY(desk.messages()->text().contains(QStringLiteral("wrong.h5")));
  desk.find<QSpinBox>("bits")->setValue(3);
  QVERIFY(!desk.messages()->isVisible());
  desk.settle();
}

void MainWindowTest::droppedFilesAreOpened() {
  Desk desk;
  desk.window->show();
  QMimeData data;
  data.setUrls({QUrl::fromLocalFile(desk.path())});
  QDragEnterEvent enter({5, 5}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QCoreApplication::sendEvent(desk.window.get(), &enter);
  QVERIFY(enter.isAccepted());
  QDropEvent drop({5, 5}, Qt::CopyAction, &data, Qt::LeftButton, Qt::NoModifier);
  QCoreApplication::sendEvent(desk.window.get(), &drop);
  desk.settle();
  QCOMPARE(desk.session->openFiles(), QStringList{desk.path()});
}

void MainWindowTest::aChangedFileIsReloadedOnRequest() {
  Desk desk;
  desk.open();
  desk.session->selectTensor(QStringLiteral("dense_1/kernel"));
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("3 bits"));
  desk.settle();
  QFile file(desk.path());
  QVERIFY(file.open(QIODevice::WriteOnly | QIODevice::Append));
  file.write("more");
  file.close();
  QTRY_VERIFY(desk.messages()->isVisible());
  QVERIFY(desk.messages()->text().contains(QStringLiteral("changed on disk")));
  auto* reload = desk.messages()->findChild<QPushButton*>(QStringLiteral("messageAction"));
  QVERIFY(reload->isVisible());
  QTest::mouseClick(reload, Qt::LeftButton);
  QTRY_COMPARE(desk.opened->size(), std::size_t{2});
  desk.settle();
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_1/kernel"));
  QCOMPARE(desk.session->spec().bits, 3);
  QVERIFY(!desk.messages()->isVisible());
  QCOMPARE(desk.session->openFiles().size(), 1);
  // What was done before can still be undone.
  desk.session->undoGroup()->undo();
  desk.settle();
  QCOMPARE(desk.session->spec().bits, 4);
  desk.session->undoGroup()->redo();
  desk.settle();
  QCOMPARE(desk.session->spec().bits, 3);
}

void MainWindowTest::whatIsRefusedCanBeAllowed() {
  Desk desk;
  desk.source->addRefused("outside/kernel", "a link to /w in another file, other.h5");
  desk.open();
  QVERIFY(desk.session->refusesSomething());
  desk.find<QCheckBox>("showAll")->setChecked(true);
  auto* table = desk.find<QTableView>("tensors");
  for (int row = 0; row < table->model()->rowCount(); ++row) {
    const QModelIndex index = table->model()->index(row, 0);
    if (index.data(TensorListModel::NameRole) == QStringLiteral("outside/kernel")) {
      table->setCurrentIndex(index);
    }
  }
  auto* note = desk.find<QLabel>("note");
  QVERIFY2(note->text().contains(QStringLiteral("another file")), qPrintable(note->text()));
  QVERIFY(note->text().contains(QStringLiteral("href")));
  Q_EMIT note->linkActivated(QStringLiteral("allow"));
  QTRY_COMPARE(desk.opened->size(), std::size_t{2});
  QCOMPARE(desk.opened->back(), true);
  desk.settle();
}

void MainWindowTest::plansAreExportedAndReadBack() {
  Desk desk;
  desk.open();
  desk.find<QSpinBox>("bits")->setValue(3);
  desk.settle();
  const QString path = desk.directory.filePath(QStringLiteral("plan.json"));
  QSignalSpy exported(desk.session.get(), &Session::exported);
  desk.window->exportPlan(path);
  QTRY_COMPARE(exported.size(), 1);
  QCOMPARE(desk.messages()->kind(), MessageBar::Kind::Info);
  const auto plan = readPlan(path.toStdString());
  QVERIFY(plan.hasValue());
  QCOMPARE(plan->tensors.at("dense/kernel").spec.bits, 3);
  QCOMPARE(plan->sourceSha256.size(), 64u);

  const QString config = desk.directory.filePath(QStringLiteral("rtn.json"));
  desk.session->exportModel(**findExportFormat("inc-config"), config, {});
  QTRY_COMPARE(exported.size(), 2);
  QVERIFY(contentOf(config).contains(QStringLiteral("\"rtn\"")));

  desk.session->undoGroup()->activeStack()->undo();
  QCOMPARE(desk.session->spec().bits, 4);
  desk.session->adoptPlan(*plan);
  QCOMPARE(desk.session->spec().bits, 3);
}

void MainWindowTest::tablesAreExported() {
  Desk desk;
  desk.open();
  QSignalSpy exported(desk.session.get(), &Session::exported);
  const QString metrics = desk.directory.filePath(QStringLiteral("metrics.csv"));
  desk.window->exportMetrics(metrics);
  QTRY_COMPARE(exported.size(), 1);
  const QString mse = QString::fromStdString(formatNumber(desk.expected()->metrics->mse));
  QVERIFY(contentOf(metrics).contains(QStringLiteral("\nmse,%1,weight²\n").arg(mse)));

  const QString overview = desk.directory.filePath(QStringLiteral("overview.csv"));
  desk.window->exportOverview(overview);
  QTRY_COMPARE(exported.size(), 2);
  const QStringList lines = contentOf(overview).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
  QCOMPARE(lines.size(), 4);
  QVERIFY(lines[0].startsWith(QStringLiteral("tensor,rows,cols")));
  QVERIFY(lines[1].contains(mse));
}

void MainWindowTest::quantizedTensorsAreExported() {
  Desk desk;
  desk.open();
  QSignalSpy exported(desk.session.get(), &Session::exported);
  const QString path = desk.directory.filePath(QStringLiteral("quantized.h5"));
  desk.session->exportModel(**findExportFormat("native"), path, {.dequantized = true});
  QTRY_COMPARE_WITH_TIMEOUT(exported.size(), 1, 20000);
  QVERIFY(QFileInfo(path).size() > 1000);
}

void MainWindowTest::plotsAreExported() {
  Desk desk;
  desk.open();
  const QString suffixes[] = {QStringLiteral("png"), QStringLiteral("svg"), QStringLiteral("pdf")};
  for (std::size_t plot = 0; plot < std::size(suffixes); ++plot) {
    const QString path = desk.directory.filePath(QStringLiteral("plot.") + suffixes[plot]);
    desk.window->exportPlotImage(*desk.window->plots()[plot], path);
    QVERIFY(QFileInfo(path).size() > 500);
    QCOMPARE(desk.messages()->kind(), MessageBar::Kind::Info);
  }
  desk.window->exportPlotImage(*desk.window->plots()[0],
                               desk.directory.filePath(QStringLiteral("no/such/place.png")));
  QCOMPARE(desk.messages()->kind(), MessageBar::Kind::Error);
}

void MainWindowTest::everyPlotHasARow() {
  Desk desk;
  desk.open();
  const std::vector<Plot*>& plots = desk.window->plots();
  QCOMPARE(plots.size(), plotRows().size());
  QCOMPARE(static_cast<qsizetype>(plots.size()), desk.window->findChildren<Plot*>().size());
  QSet<QString> files;
  for (std::size_t i = 0; i < plots.size(); ++i) {
    const PlotRow& row = plotRows()[i];
    QCOMPARE(&rowOf(*plots[i]), &row);
    files.insert(QString::fromLatin1(row.fileEnd));
    QVERIFY(!plots[i]->accessibleName().isEmpty());
    if (row.dock != nullptr) {
      const auto* dock = desk.find<QDockWidget>(row.dock);
      QVERIFY2(dock != nullptr && dock->isAncestorOf(plots[i]), row.dock);
      QCOMPARE(dock->windowTitle(), row.title());
    }
    // Offered as an image and as a table, and as a command.
    int entries = 0;
    for (const QAction* action : desk.window->findChildren<QAction*>()) {
      if (action->text() == row.menuText() + QStringLiteral("…")) ++entries;
    }
    QCOMPARE(entries, 2);
    QVERIFY(plots[i]->findChild<QAction*>(QStringLiteral("copyAsCommand")) != nullptr);
  }
  QCOMPARE(static_cast<std::size_t>(files.size()), plots.size());
}

void MainWindowTest::theCommandIsQuotedForAShell() {
  Desk desk;
  desk.open();
  desk.find<QSpinBox>("bits")->setValue(3);
  QTest::keyClick(desk.window.get(), Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
  const QString expected =
      QStringLiteral("quantoscope-cli inspect %1 dense/kernel %2")
          .arg(desk.path(), QString::fromStdString(commandLineOptions(desk.session->spec())));
  QCOMPARE(QApplication::clipboard()->text(), expected);
}

void MainWindowTest::layoutIsRestored() {
  Desk desk;
  desk.open();
  auto* metrics = desk.find<QDockWidget>("metricsDock");
  metrics->hide();
  desk.window->resize(1111, 777);
  desk.window->close();
  const auto settings = desk.newSettings();
  MainWindow again(desk.session.get(), settings.get());
  QCOMPARE(again.size(), QSize(1111, 777));
  QVERIFY(again.findChild<QDockWidget*>(QStringLiteral("metricsDock"))->isHidden());
  again.resetLayout();
  QVERIFY(!again.findChild<QDockWidget*>(QStringLiteral("metricsDock"))->isHidden());
}

void MainWindowTest::layoutOfAnotherVersionIsLeftAlone() {
  Desk desk;
  desk.open();
  desk.find<QDockWidget>("metricsDock")->hide();
  desk.window->close();
  const auto settings = desk.newSettings();
  const auto layout = settings->windowLayout(MainWindow::kLayoutVersion);
  QVERIFY(layout.has_value());
  settings->setWindowLayout(MainWindow::kLayoutVersion + 1, *layout);
  MainWindow again(desk.session.get(), settings.get());
  QVERIFY(!again.findChild<QDockWidget*>(QStringLiteral("metricsDock"))->isHidden());
  settings->setWindowLayout(MainWindow::kLayoutVersion, {"nonsense", "more of it", {}});
  MainWindow third(desk.session.get(), settings.get());
  QVERIFY(!third.findChild<QDockWidget*>(QStringLiteral("metricsDock"))->isHidden());
}

void MainWindowTest::theLocatorFindsEverything() {
  QVERIFY(*fuzzyScore("q_proj", "layers.0.q_proj.weight") >
          *fuzzyScore("q_proj", "quantize_preset_object"));
  QVERIFY(!fuzzyScore("xyz", "layers.0.q_proj.weight"));
  QCOMPARE(*fuzzyScore("", "anything"), 0);

  Desk desk;
  desk.open();
  const auto locate = [&](const QString& typed) {
    desk.window->activateWindow();
    QVERIFY(QTest::qWaitForWindowActive(desk.window.get()));
    QTest::keyClick(desk.window.get(), Qt::Key_K, Qt::ControlModifier);
    auto* dialog = desk.find<QDialog>("locator");
    QVERIFY(dialog != nullptr);
    auto* field = dialog->findChild<QLineEdit*>();
    QTest::keyClicks(field, typed);
    QTest::keyClick(field, Qt::Key_Return);
    QTRY_VERIFY(desk.find<QDialog>("locator") == nullptr);
  };
  locate(QStringLiteral("dense_2"));
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  desk.settle();
  locate(QStringLiteral("apply settings to all"));
  QVERIFY(!desk.session->hasOwnSpec());
  locate(QStringLiteral("nf4"));
  QCOMPARE(desk.session->spec().dtype, Dtype::Nf4);
}

void MainWindowTest::perspectivesKeepTheirDocks() {
  Desk desk;
  desk.open();
  const auto visible = [&](const char* dock) { return desk.find<QDockWidget>(dock)->isVisible(); };
  QVERIFY(visible("groupDock") && visible("metricsDock"));
  QTest::keyClick(desk.window.get(), Qt::Key_2, Qt::ControlModifier);
  QVERIFY(desk.window->perspective() == MainWindow::Perspective::Tune);
  QVERIFY(!visible("groupDock") && !visible("mapDock") && !visible("comparisonDock"));
  QVERIFY(visible("overviewDock"));
  QVERIFY(visible("specDock") && desk.curve()->isVisible());
  QTest::keyClick(desk.window.get(), Qt::Key_3, Qt::ControlModifier);
  QVERIFY(visible("comparisonDock") && !visible("groupDock") && !desk.curve()->isVisible());
  desk.find<QDockWidget>("metricsDock")->close();  // a change of one's own
  QTest::keyClick(desk.window.get(), Qt::Key_1, Qt::ControlModifier);
  QVERIFY(visible("metricsDock") && visible("groupDock") && desk.curve()->isVisible());
  QTest::keyClick(desk.window.get(), Qt::Key_3, Qt::ControlModifier);
  QVERIFY(!visible("metricsDock"));  // as it was left
  desk.window->resetLayout();
  QVERIFY(visible("metricsDock") && visible("comparisonDock"));
  QTest::keyClick(desk.window.get(), Qt::Key_2, Qt::ControlModifier);
  desk.window->close();

  MainWindow next(desk.session.get(), desk.settings.get());
  QVERIFY(next.perspective() == MainWindow::Perspective::Tune);
}

void MainWindowTest::recentFilesAreListed() {
  Desk desk;
  desk.settings->addRecentFile(desk.directory.filePath(QStringLiteral("gone.h5")));
  desk.open();
  QMenu* recent = nullptr;
  for (QMenu* menu : desk.window->findChildren<QMenu*>()) {
    if (menu->title().contains(QStringLiteral("Recent"))) recent = menu;
  }
  QVERIFY(recent != nullptr);
  Q_EMIT recent->aboutToShow();
  QVERIFY(recent->actions()[0]->text().contains(QStringLiteral("model.h5")));
  QVERIFY(recent->actions()[0]->isEnabled());
  QVERIFY(recent->actions()[1]->text().contains(QStringLiteral("gone.h5")));
  QVERIFY(!recent->actions()[1]->isEnabled());
}

void MainWindowTest::hintsAreShownUntilDismissed() {
  Desk desk;
  desk.open();
  auto* hints = desk.find<MessageBar>("hints");
  QVERIFY(hints->isVisible());
  QTest::keyClick(hints, Qt::Key_Escape);
  QVERIFY(!hints->isVisible());
  MainWindow again(desk.session.get(), desk.settings.get());
  QVERIFY(again.findChild<MessageBar*>(QStringLiteral("hints"))->isHidden());
}

void MainWindowTest::logCountsAreShared() {
  Desk desk;
  desk.open();
  QTest::keyClick(desk.window.get(), Qt::Key_L, Qt::ControlModifier);
  for (const HistogramPlot* plot : desk.window->findChildren<HistogramPlot*>()) {
    QVERIFY(plot->logCounts());
  }
  desk.window->findChild<ErrorHistogramPlot*>()->setLogCounts(false);
  for (const HistogramPlot* plot : desk.window->findChildren<HistogramPlot*>()) {
    QVERIFY(!plot->logCounts());
  }
}

void MainWindowTest::everyControlHasAName() {
  Desk desk;
  desk.open();
  for (const QWidget* widget : desk.window->findChildren<QWidget*>()) {
    // Parts that Qt puts into its own controls speak through those.
    const bool part = widget->objectName().startsWith(QStringLiteral("qt_")) ||
                      qobject_cast<QComboBox*>(widget->parentWidget()) != nullptr ||
                      widget->window() != desk.window.get() ||
                      QString::fromLatin1(widget->metaObject()->className())
                          .startsWith(QStringLiteral("QComboBoxPrivate"));
    // Qt keeps the bars of docks that lay upon each other before.
    const auto* tabs = qobject_cast<const QTabBar*>(widget);
    const bool unused = tabs != nullptr && tabs->count() == 0;
    if (widget->focusPolicy() == Qt::NoFocus || part || unused) continue;
    QAccessibleInterface* interface =
        QAccessible::queryAccessibleInterface(const_cast<QWidget*>(widget));
    QVERIFY(interface != nullptr);
    QVERIFY2(
        !interface->text(QAccessible::Name).isEmpty(),
        qPrintable(
            QStringLiteral("%1 '%2' in %3")
                .arg(QString::fromLatin1(widget->metaObject()->className()), widget->objectName(),
                     QString::fromLatin1(widget->parentWidget()->metaObject()->className()))));
  }
}

void MainWindowTest::appearanceIsSwitchedLive() {
  Desk desk;
  desk.open();
  const auto brightness = [&] {
    return qGray(desk.window->grab().toImage().pixel(desk.window->width() / 2, 5));
  };
  applyAppearance(Appearance::Dark);
  QTRY_VERIFY(brightness() < 80);
  applyAppearance(Appearance::Light);
  QTRY_VERIFY(brightness() > 200);
  applyAppearance(Appearance::System);
}

void MainWindowTest::closingWhileWorkRunsIsSafe() {
  Desk desk;
  desk.open();
  desk.gate->shut();
  desk.find<QSpinBox>("bits")->setValue(2);
  QTRY_COMPARE(desk.gate->waiting(), 1);
  desk.window->close();
  QVERIFY(desk.session->settled());
  desk.window.reset();
  desk.session.reset();
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::MainWindowTest)
#include "main_window_test.moc"
