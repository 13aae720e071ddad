// The overview of all tensors, by keys and mouse.
#include <algorithm>
#include <cmath>

#include <QClipboard>
#include <QGuiApplication>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QStandardItemModel>
#include <QTableView>
#include <QToolButton>
#include <QtTest>

#include "core/engine/detail.h"
#include "tests/ui/desk.h"
#include "ui/models/model_totals.h"
#include "ui/models/tensor_list_model.h"
#include "ui/session/presets.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

void fourTensors(FakeSource& source) {
  source.add("dense/kernel", 24, 64);
  source.add("dense_1/kernel", 16, 96);
  source.addOther("dense_1/bias", 16, "one axis");
  source.add("dense_2/kernel", 8, 40);
  std::vector<float> loud = test::fakeWeights(16 * 64, 11);
  for (std::size_t row = 0; row < 16; ++row) loud[row * 64 + 5] *= 40;  // an outlier channel
  source.add("loud/kernel", 16, 64, loud);
}

/// The dock stands in front, so that clicks reach it.
struct Overview : Desk {
  explicit Overview(const std::function<void(FakeSource&)>& fill = fourTensors) : Desk(fill) {}

  QTableView* table() const { return find<QTableView>("overview"); }
  void begin() {
    open();
    raise();
    QTRY_VERIFY(table()->isVisible());
  }
  void raise() const {
    auto* dock = find<QWidget>("overviewDock");
    dock->show();
    dock->raise();
  }
  int rowOf(const char* name) const {
    for (int row = 0; row < table()->model()->rowCount(); ++row) {
      if (cell(row, TensorListModel::Name) == QLatin1String(name)) return row;
    }
    return -1;
  }
  QModelIndex index(int row, int column) const { return table()->model()->index(row, column); }
  QString cell(int row, int column) const { return index(row, column).data().toString(); }
  double number(const char* name, int column) const {
    return index(rowOf(name), column).data(TensorListModel::SortRole).toDouble();
  }
  void click(const char* name, Qt::KeyboardModifiers modifiers = {}) const {
    const QModelIndex at = index(rowOf(name), TensorListModel::Name);
    table()->scrollTo(at);
    QTest::mouseClick(table()->viewport(), Qt::LeftButton, modifiers,
                      table()->visualRect(at).center());
  }
  QuantSpec specOf(const char* name) const { return session->specOf(*findTensor(*source, name)); }
};

}  // namespace

class OverviewTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() {
    QStandardPaths::setTestModeEnabled(true);
    QLocale::setDefault(QLocale::c());
  }

  void theWorstTensorStandsFirst();
  void numbersEqualTheEngine();
  void whatIsNotMeasuredStandsLast();
  void severalTensorsGetTheSettingsInOneStep();
  void aPresetIsGivenToSeveral();
  void enterShowsATensor();
  void columnsAreChosenAndRemembered();
  void columnsStayAsTheyWereWhenMetricsAreAdded();
  void emptyTablesSayWhy();
  void theFilterKnowsWhatIsMeasured();
  void totalsAddUp();
  void rowsAreCopiedExactly();
  void tuningShowsTheModel();
};

void OverviewTest::theWorstTensorStandsFirst() {
  Overview desk;
  desk.begin();
  const auto sqnrs = [&] {
    std::vector<double> values;
    for (int row = 0; row < desk.table()->model()->rowCount(); ++row) {
      values.push_back(
          desk.index(row, TensorListModel::Sqnr).data(TensorListModel::SortRole).toDouble());
    }
    return values;
  };
  QCOMPARE(sqnrs().size(), std::size_t{4});
  const std::vector<double> before = sqnrs();
  QVERIFY(std::is_sorted(before.begin(), before.end()));
  // The best becomes the worst.
  const QString best = desk.cell(3, TensorListModel::Name);
  QuantSpec coarse = desk.session->spec();
  coarse.bits = 1;
  desk.session->applySpecTo({best}, coarse, QStringLiteral("coarse"));
  desk.settle();
  QTRY_COMPARE(desk.cell(0, TensorListModel::Name), best);
  const std::vector<double> after = sqnrs();
  QVERIFY(std::is_sorted(after.begin(), after.end()));
}

void OverviewTest::numbersEqualTheEngine() {
  Overview desk;
  desk.begin();
  for (const char* name : {"dense/kernel", "dense_2/kernel", "loud/kernel"}) {
    DetailRequest request;
    request.tensor = desk.weights(name);
    request.spec = desk.specOf(name);
    const SharedDetail detail = *analyseDetail(request, Executor(1));
    QCOMPARE(desk.number(name, TensorListModel::Sqnr), detail->report.metrics.sqnrDb);
    QCOMPARE(desk.number(name, TensorListModel::Mse), detail->report.metrics.mse);
    QCOMPARE(desk.number(name, TensorListModel::Bits), detail->storage.bitsPerWeight());
    QCOMPARE(desk.number(name, TensorListModel::Outliers),
             static_cast<double>(detail->report.outliers.count));
    QCOMPARE(desk.number(name, TensorListModel::Kurtosis),
             statisticsOf(*request.tensor, Executor(1))->kurtosis);
  }
  QCOMPARE(desk.number("loud/kernel", TensorListModel::Outliers), 1.0);
  QCOMPARE(desk.number("dense/kernel", TensorListModel::Outliers), 0.0);
  QVERIFY(desk.cell(desk.rowOf("dense/kernel"), TensorListModel::Spec)
              .contains(QStringLiteral("(default)")));
}

void OverviewTest::whatIsNotMeasuredStandsLast() {
  Overview desk;
  desk.source->breakTensor("dense_1/kernel");
  desk.begin();
  QCOMPARE(desk.rowOf("dense_1/kernel"), 3);
  desk.table()->sortByColumn(TensorListModel::Sqnr, Qt::DescendingOrder);
  QCOMPARE(desk.rowOf("dense_1/kernel"), 3);
  QVERIFY(desk.number(desk.cell(0, 0).toLatin1().constData(), TensorListModel::Sqnr) >
          desk.number(desk.cell(2, 0).toLatin1().constData(), TensorListModel::Sqnr));
}

void OverviewTest::severalTensorsGetTheSettingsInOneStep() {
  Overview desk;
  desk.begin();
  QuantSpec chosen = desk.session->spec();
  chosen.bits = 3;
  desk.session->editSpec(chosen, QStringLiteral("bits"));
  desk.settle();
  const int steps = desk.session->undoGroup()->activeStack()->count();
  desk.click("dense_1/kernel");
  desk.click("loud/kernel", Qt::ControlModifier);
  QCOMPARE(desk.table()->selectionModel()->selectedRows().size(), 2);
  QTest::keyClick(desk.table(), Qt::Key_Return, Qt::ControlModifier);
  QCOMPARE(desk.specOf("dense_1/kernel"), chosen);
  QCOMPARE(desk.specOf("loud/kernel"), chosen);
  QVERIFY(!(desk.specOf("dense_2/kernel") == chosen));
  QCOMPARE(desk.session->undoGroup()->activeStack()->count(), steps + 1);
  QVERIFY(
      desk.session->undoGroup()->activeStack()->undoText().contains(QStringLiteral("2 tensors")));
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));  // still shown
  QTest::keyClick(desk.window.get(), Qt::Key_Z, Qt::ControlModifier);
  QVERIFY(!(desk.specOf("dense_1/kernel") == chosen));
  QVERIFY(!(desk.specOf("loud/kernel") == chosen));
  QCOMPARE(desk.specOf("dense/kernel"), chosen);
  desk.settle();
}

void OverviewTest::aPresetIsGivenToSeveral() {
  Overview desk;
  desk.begin();
  desk.table()->setFocus();
  QTest::keyClick(desk.table(), Qt::Key_A, Qt::ControlModifier);
  QCOMPARE(desk.table()->selectionModel()->selectedRows().size(), 4);
  auto* button = desk.find<QToolButton>("overviewPresets");
  const Preset& preset = presets()[6];
  for (QAction* action : button->menu()->actions()) {
    if (action->text() == preset.name) action->trigger();
  }
  for (const char* name : {"dense/kernel", "dense_1/kernel", "dense_2/kernel", "loud/kernel"}) {
    QCOMPARE(desk.specOf(name), preset.spec);
  }
  QVERIFY(!desk.session->plan().tensors.contains("dense_1/bias"));
  desk.settle();
  QVERIFY(!desk.cell(0, TensorListModel::Spec).contains(QStringLiteral("(default)")));
}

void OverviewTest::enterShowsATensor() {
  Overview desk;
  desk.begin();
  desk.click("dense_2/kernel");
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));
  QTest::keyClick(desk.table(), Qt::Key_Return);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  QVERIFY(desk.index(desk.rowOf("dense_2/kernel"), 0).data(TensorListModel::ShownRole).toBool());
  QVERIFY(!desk.index(desk.rowOf("dense/kernel"), 0).data(TensorListModel::ShownRole).toBool());
  desk.settle();
}

void OverviewTest::columnsAreChosenAndRemembered() {
  Overview desk;
  desk.begin();
  QVERIFY(!desk.table()->isColumnHidden(TensorListModel::Kurtosis));
  QVERIFY(desk.table()->isColumnHidden(TensorListModel::Type));
  auto* menu = desk.find<QMenu>("overviewColumns");
  QTest::mouseClick(desk.table()->horizontalHeader()->viewport(), Qt::RightButton);
  for (QAction* action : menu->actions()) {
    if (action->text() == QStringLiteral("Kurtosis")) action->setChecked(false);
    if (action->text() == QStringLiteral("Type")) action->setChecked(true);
  }
  QVERIFY(desk.table()->isColumnHidden(TensorListModel::Kurtosis));
  desk.table()->sortByColumn(TensorListModel::Bits, Qt::DescendingOrder);
  desk.restart();
  QVERIFY(desk.table()->isColumnHidden(TensorListModel::Kurtosis));
  QVERIFY(!desk.table()->isColumnHidden(TensorListModel::Type));
  QCOMPARE(desk.table()->horizontalHeader()->sortIndicatorSection(), int{TensorListModel::Bits});
}

void OverviewTest::columnsStayAsTheyWereWhenMetricsAreAdded() {
  Overview desk;
  desk.window.reset();
  QStandardItemModel columns(0, TensorListModel::kFurtherMetrics);
  QTableView older;
  older.setModel(&columns);
  older.setColumnHidden(TensorListModel::Kurtosis, true);
  older.horizontalHeader()->moveSection(TensorListModel::Bits, 1);
  const auto name = [](int count) { return QStringLiteral("overview.%1").arg(count); };
  desk.settings->setTableState(name(TensorListModel::kColumns), {});
  desk.settings->setTableState(name(TensorListModel::kFurtherMetrics),
                               older.horizontalHeader()->saveState());
  desk.window = std::make_unique<MainWindow>(desk.session.get(), desk.settings.get());
  const QHeaderView* header = desk.table()->horizontalHeader();
  for (int column = 0; column < TensorListModel::kColumns; ++column) {
    const bool hidden =
        column == TensorListModel::Kurtosis || column >= TensorListModel::kFurtherMetrics;
    QCOMPARE(header->isSectionHidden(column), hidden);
  }
  QVERIFY(header->visualIndex(TensorListModel::Bits) < header->visualIndex(TensorListModel::Shape));
}

void OverviewTest::emptyTablesSayWhy() {
  Overview desk;
  auto* message = desk.find<QLabel>("overviewMessage");
  QVERIFY(message->text().contains(QStringLiteral("Open a file")));
  desk.begin();
  auto* filter = desk.find<QLineEdit>("overviewFilter");
  filter->setFocus();
  QTest::keyClicks(filter, QStringLiteral("nowhere"));
  QVERIFY(message->isVisible());
  QVERIFY(message->text().contains(QStringLiteral("No tensor passes the filter")));
  QTest::keyClick(filter, Qt::Key_Escape);
  QVERIFY(filter->text().isEmpty() && desk.table()->isVisible());

  Overview biases([](FakeSource& source) { source.addOther("bias", 8, "one axis"); });
  biases.window->show();
  biases.raise();
  biases.window->openFiles({biases.path()});
  QTRY_COMPARE(biases.session->currentFile(), 0);
  QTRY_VERIFY(biases.find<QLabel>("overviewMessage")
                  ->text()
                  .contains(QStringLiteral("no tensors to quantize")));
}

void OverviewTest::theFilterKnowsWhatIsMeasured() {
  Overview desk;
  desk.begin();
  auto* filter = desk.find<QLineEdit>("overviewFilter");
  auto* problem = desk.find<QLabel>("overviewProblem");
  const auto shown = [&](const char* words) {
    filter->setText(QString::fromLatin1(words));
    return desk.table()->model()->rowCount();
  };
  QCOMPARE(shown("outliers:>0"), 1);
  QCOMPARE(desk.cell(0, TensorListModel::Name), QStringLiteral("loud/kernel"));
  QCOMPARE(shown("kurtosis:>8"), 1);
  QCOMPARE(shown("-kurtosis:>8"), 3);
  QCOMPARE(shown("layer:dense_1"), 1);
  QCOMPARE(shown("spec:nf4"), 0);
  QCOMPARE(shown("bits:>4 bits:<16"), 4);
  QCOMPARE(shown("mse:>0"), 4);
  QCOMPARE(shown("mse:<0"), 0);
  QVERIFY(problem->isHidden());
  QCOMPARE(shown("snr:<20"), 4);
  QVERIFY(!problem->isHidden());
  QVERIFY(problem->text().contains(QStringLiteral("snr: no such field")));
  QVERIFY(problem->text().contains(QStringLiteral("kurtosis")));
}

void OverviewTest::totalsAddUp() {
  Overview desk;
  desk.begin();
  const ModelTotals totals = ModelTotals::of(*desk.session);
  QCOMPARE(totals.tensors, std::size_t{4});
  QCOMPARE(totals.measured, std::size_t{4});
  const std::uint64_t weights = 24 * 64 + 16 * 96 + 8 * 40 + 16 * 64;
  QCOMPARE(totals.weights, weights);
  QCOMPARE(totals.storedBytes, 4 * weights);
  double signal = 0;
  double noise = 0;
  std::uint64_t bits = 0;
  for (const char* name : {"dense/kernel", "dense_1/kernel", "dense_2/kernel", "loud/kernel"}) {
    AnalysisRequest request;
    request.tensor = desk.weights(name);
    request.spec = desk.specOf(name);
    const SharedResult result = *analyse(request, Executor(1));
    std::vector<float> scratch;
    for (const float w : request.tensor->block(0, request.tensor->rows(), scratch).all()) {
      signal += static_cast<double>(w) * w;
    }
    noise += result->metrics->mse * static_cast<double>(request.tensor->elements());
    bits += result->storage.totalBits();
  }
  QCOMPARE(totals.quantizedBits, bits);
  QVERIFY(std::abs(*totals.sqnrDb() - 10 * std::log10(signal / noise)) < 1e-9);

  auto* line = desk.find<QLabel>("overviewTotals");
  QTRY_VERIFY(line->text().startsWith(QStringLiteral("4 tensors, ")));
  desk.click("dense/kernel");
  desk.click("loud/kernel", Qt::ShiftModifier | Qt::ControlModifier);
  const auto selected = desk.table()->selectionModel()->selectedRows().size();
  QVERIFY(selected > 1);
  QTRY_VERIFY(line->text().startsWith(QStringLiteral("Selected: %1 tensors").arg(selected)));
}

void OverviewTest::rowsAreCopiedExactly() {
  Overview desk;
  desk.begin();
  desk.click("loud/kernel");
  QTest::keyClick(desk.table(), Qt::Key_C, Qt::ControlModifier);
  const QStringList lines = QGuiApplication::clipboard()->text().split(QLatin1Char('\n'));
  QCOMPARE(lines.size(), 2);
  const QStringList titles = lines[0].split(QLatin1Char('\t'));
  const QStringList cells = lines[1].split(QLatin1Char('\t'));
  QCOMPARE(cells.size(), titles.size());
  QCOMPARE(cells[titles.indexOf(QStringLiteral("SQNR, dB"))].toDouble(),
           desk.number("loud/kernel", TensorListModel::Sqnr));
}

void OverviewTest::tuningShowsTheModel() {
  Overview desk;
  desk.open();
  QTest::keyClick(desk.window.get(), Qt::Key_2, Qt::ControlModifier);
  QVERIFY(desk.table()->isVisible());
  QTest::keyClick(desk.window.get(), Qt::Key_3, Qt::ControlModifier);
  QVERIFY(!desk.table()->isVisible());
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::OverviewTest)
#include "overview_test.moc"
