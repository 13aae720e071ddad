// Values, rows, tables and pictures of plots, by keys and from the context menu.
#include <QtGui/QAction>
#include <QtGui/QClipboard>
#include <QtGui/QGuiApplication>
#include <QtTest>
#include <QtWidgets/QApplication>
#include <QtWidgets/QLabel>
#include <QtWidgets/QMenu>
#include <QtWidgets/QTableView>

#include "core/engine/detail.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/group_plot.h"
#include "ui/plots/plot_table.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/trade_off_plot.h"
#include "ui/plots/weight_histogram_plot.h"

using namespace quantoscope;
using namespace quantoscope::ui;

namespace {

struct Answers {
  SharedResult result;
  SharedDetail detail;
  std::shared_ptr<const ClipCurve> curve;
};

const Answers& answers() {
  static const Answers made = [] {
    QuantSpec spec;
    spec.groupSize = 32;
    AnalysisRequest request;
    request.tensor = std::make_shared<const WeightTensor>(test::normalTensor(40, 96, 3));
    request.spec = spec;
    Answers found;
    found.result = *analyse(request, Executor(1));
    DetailRequest more;
    more.tensor = request.tensor;
    more.spec = spec;
    found.detail = *analyseDetail(more, Executor(1));
    found.curve = std::make_shared<const ClipCurve>(
        *clipCurveOf(*request.tensor, test::coded(*request.tensor, spec), Executor(1)));
    return found;
  }();
  return made;
}

/// Every kind of plot with something to show.
std::vector<std::unique_ptr<Plot>> allPlots() {
  std::vector<std::unique_ptr<Plot>> plots;
  auto errors = std::make_unique<ErrorHistogramPlot>();
  errors->setResult(answers().result);
  plots.push_back(std::move(errors));
  auto weights = std::make_unique<WeightHistogramPlot>();
  weights->setResult(answers().result);
  plots.push_back(std::move(weights));
  auto curve = std::make_unique<ClipCurvePlot>();
  curve->setCurve(answers().curve, RatioGrid{});
  plots.push_back(std::move(curve));
  auto map = std::make_unique<ErrorMapPlot>();
  map->setDetail(answers().detail);
  plots.push_back(std::move(map));
  auto profile = std::make_unique<ProfilePlot>();
  profile->setDetail(answers().detail);
  plots.push_back(std::move(profile));
  auto codes = std::make_unique<CodeUsePlot>();
  codes->setDetail(answers().detail);
  plots.push_back(std::move(codes));
  auto group = std::make_unique<GroupPlot>();
  group->setResult(answers().result);
  plots.push_back(std::move(group));
  auto trade = std::make_unique<TradeOffPlot>();
  trade->setPoints({{"one", 4.25, 20.5, 0}, {"two", 3.25, 14.125, 1}});
  plots.push_back(std::move(trade));
  return plots;
}

void present(Plot& plot) {
  plot.resize(620, 380);
  plot.show();
  QVERIFY(QTest::qWaitForWindowExposed(&plot));
  plot.activateWindow();
  plot.setFocus();
  QTest::qWait(10);
}

QAction* actionOf(const QWidget& widget, const QString& text) {
  for (QAction* action : widget.actions()) {
    if (action->text().remove('&') == text) return action;
  }
  return nullptr;
}

QString clipboard() {
  return QGuiApplication::clipboard()->text();
}

}  // namespace

class PlotTablesTest : public QObject {
  Q_OBJECT

 private slots:
  void initTestCase() { QLocale::setDefault(QLocale(QLocale::German, QLocale::Germany)); }

  void theValueAtTheCursorIsCopied();
  void theMenuMeansWhatThePointerWasOn();
  void everyPlotOpensItsTable();
  void theTableFollowsThePlot();
  void aTableSortsByNumberAndCopiesRows();
  void rowsOfTheTableSelectWeights();
  void pagesMoveTheView();
};

void PlotTablesTest::theValueAtTheCursorIsCopied() {
  for (const auto& plot : allPlots()) {
    present(*plot);
    QAction* value = actionOf(*plot, "Copy Value");
    QVERIFY(value);
    if (!qobject_cast<ClipCurvePlot*>(plot.get())) {
      QVERIFY2(!value->isEnabled(), qPrintable(plot->title()));  // nothing is pointed at
    }
    QTest::keyClick(plot.get(), Qt::Key_Right);
    QTest::keyClick(plot.get(), Qt::Key_Right);
    QVERIFY2(plot->cursorRow().has_value(), qPrintable(plot->title()));
    QVERIFY(value->isEnabled());
    QGuiApplication::clipboard()->clear();
    QTest::keyClick(plot.get(), Qt::Key_C, Qt::ControlModifier);
    const QVector<double> row = plot->table().rows[static_cast<qsizetype>(*plot->cursorRow())];
    bool parsed = false;
    const double copied = clipboard().toDouble(&parsed);  // C locale: with a point
    QVERIFY2(parsed, qPrintable(plot->title() + clipboard()));
    QVERIFY2(row.contains(copied), qPrintable(plot->title()));

    QTest::keyClick(plot.get(), Qt::Key_C, Qt::ControlModifier | Qt::AltModifier);
    const QStringList lines = clipboard().split('\n', Qt::SkipEmptyParts);
    QCOMPARE(lines.size(), 2);
    QCOMPARE(lines[0], plot->table().header.join('\t'));
    const QStringList cells = lines[1].split('\t');
    QCOMPARE(cells.size(), row.size());
    for (qsizetype i = 0; i < row.size(); ++i) QCOMPARE(cells[i].toDouble(), row[i]);

    QTest::keyClick(plot.get(), Qt::Key_T, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(clipboard(), plot->tableAsTsv());
    QTest::keyClick(plot.get(), Qt::Key_I, Qt::ControlModifier | Qt::ShiftModifier);
    QVERIFY(!QGuiApplication::clipboard()->image().isNull());
  }
}

void PlotTablesTest::theMenuMeansWhatThePointerWasOn() {
  WeightHistogramPlot plot;
  plot.setResult(answers().result);
  present(plot);
  const QPoint place(plot.width() / 2, plot.height() / 2);
  QTest::mouseMove(&plot, place);
  const auto row = plot.cursorRow();
  QVERIFY(row);
  const QString expected = plot.valueAsText();
  QVERIFY(!expected.isEmpty());
  bool triggered = false;
  QTimer::singleShot(50, &plot, [&] {
    QEvent leave(QEvent::Leave);
    QApplication::sendEvent(&plot, &leave);  // what opening a menu does
    QVERIFY(!plot.cursorRow());
    auto* menu = qobject_cast<QMenu*>(QApplication::activePopupWidget());
    QVERIFY(menu);
    QAction* value = actionOf(plot, "Copy Value");
    QVERIFY(value->isEnabled());
    value->trigger();
    triggered = true;
    menu->close();
  });
  QContextMenuEvent menu(QContextMenuEvent::Mouse, place, plot.mapToGlobal(place));
  QApplication::sendEvent(&plot, &menu);
  QVERIFY(triggered);
  QCOMPARE(clipboard(), expected);
  QVERIFY(!actionOf(plot, "Copy Value")->isEnabled());
}

void PlotTablesTest::everyPlotOpensItsTable() {
  for (const auto& plot : allPlots()) {
    present(*plot);
    QVERIFY(plot->findChild<PlotTable*>() == nullptr);
    QTest::keyClick(plot.get(), Qt::Key_T);
    auto* table = plot->findChild<PlotTable*>();
    QVERIFY2(table, qPrintable(plot->title()));
    QVERIFY(table->isVisible());
    QVERIFY(!table->view()->accessibleName().isEmpty());
    const Plot::Table numbers = plot->table();
    const QAbstractItemModel* shown = table->view()->model();
    QCOMPARE(shown->rowCount(), int(numbers.rows.size()));
    QCOMPARE(shown->columnCount(), int(numbers.header.size()));
    QCOMPARE(shown->headerData(0, Qt::Horizontal).toString(), numbers.header[0]);
    const int last = shown->rowCount() - 1;
    for (int column = 0; column < shown->columnCount(); ++column) {
      const QModelIndex index = shown->index(last, column);
      QCOMPARE(index.data(PlotTableModel::NumberRole).toDouble(), numbers.rows[last][column]);
      // As people there write it, and not a digit less.
      QCOMPARE(QLocale().toDouble(index.data().toString()), numbers.rows[last][column]);
    }
    QCOMPARE(table->findChild<QLabel*>()->text(), plot->summary());
    QTest::keyClick(table, Qt::Key_Escape);
    QVERIFY(!table->isVisible());
    plot->showAsTable();
    QCOMPARE(plot->findChildren<PlotTable*>().size(), 1);
  }
}

void PlotTablesTest::theTableFollowsThePlot() {
  ErrorHistogramPlot plot;
  plot.setResult(answers().result);
  present(plot);
  plot.showAsTable();
  const auto* shown = plot.findChild<PlotTable*>()->view()->model();
  QCOMPARE(shown->headerData(0, Qt::Horizontal).toString(), QString("error_from"));
  const int rows = shown->rowCount();
  plot.setMagnitudes(true);
  QCOMPARE(shown->headerData(0, Qt::Horizontal).toString(), QString("abs_error_from"));
  QCOMPARE(shown->rowCount(), rows / 2);
  plot.setResult(nullptr);
  QCOMPARE(shown->rowCount(), 0);
}

void PlotTablesTest::aTableSortsByNumberAndCopiesRows() {
  CodeUsePlot plot;
  plot.setDetail(answers().detail);
  present(plot);
  plot.showAsTable();
  QTableView* view = plot.findChild<PlotTable*>()->view();
  view->sortByColumn(2, Qt::DescendingOrder);
  double before = view->model()->index(0, 2).data(PlotTableModel::NumberRole).toDouble();
  for (int row = 1; row < view->model()->rowCount(); ++row) {
    const double count = view->model()->index(row, 2).data(PlotTableModel::NumberRole).toDouble();
    QVERIFY(count <= before);
    before = count;
  }
  QVERIFY(QTest::qWaitForWindowActive(view->window()));
  view->selectRow(0);
  view->setFocus();
  QTest::keyClick(view, Qt::Key_C, Qt::ControlModifier);
  const QStringList lines = clipboard().split('\n', Qt::SkipEmptyParts);
  QVERIFY2(lines.size() == 2, qPrintable(clipboard()));
  QCOMPARE(lines[0], QString("code\tlevel\tcount\tshare"));
  QCOMPARE(lines[1].split('\t')[2].toDouble(),
           view->model()->index(0, 2).data(PlotTableModel::NumberRole).toDouble());
}

void PlotTablesTest::rowsOfTheTableSelectWeights() {
  CodeUsePlot plot;
  plot.setDetail(answers().detail);
  present(plot);
  QSignalSpy chosen(&plot, &BrushPlot::selectionChosen);
  plot.showAsTable();
  QTableView* view = plot.findChild<PlotTable*>()->view();
  view->setFocus();
  view->setCurrentIndex(view->model()->index(3, 0));
  QTest::keyClick(view, Qt::Key_Return);
  QCOMPARE(chosen.size(), 1);
  const auto selection = chosen.last().first().value<Selection>();
  QVERIFY(selection == Selection(CodeSet{{answers().detail->report.codes->codes[3].code}}));
}

void PlotTablesTest::pagesMoveTheView() {
  WeightHistogramPlot plot;
  plot.setResult(answers().result);
  present(plot);
  for (int i = 0; i < 5; ++i) QTest::keyClick(&plot, Qt::Key_Plus);
  QVERIFY(plot.isZoomed());
  // What is under the middle of the plot tells where the view is.
  const auto middle = [&] {
    QMouseEvent move(QEvent::MouseMove, QPointF(plot.rect().center()),
                     QPointF(plot.mapToGlobal(plot.rect().center())), Qt::NoButton, Qt::NoButton,
                     Qt::NoModifier);
    QApplication::sendEvent(&plot, &move);
    return *plot.cursorRow();
  };
  const std::size_t before = middle();
  QTest::keyClick(&plot, Qt::Key_PageDown);
  QVERIFY(middle() > before + 5);
  QTest::keyClick(&plot, Qt::Key_PageUp);
  QCOMPARE(middle(), before);
}

QTEST_MAIN(PlotTablesTest)
#include "plot_tables_test.moc"
