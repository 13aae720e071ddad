// Weights that are chosen in one view by mouse or keys, and seen in all of them.
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QDockWidget>
#include <QLabel>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTableView>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/support/fake_source.h"
#include "ui/main_window/main_window.h"
#include "ui/models/group_model.h"
#include "ui/models/selection_text.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/group_plot.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/weight_histogram_plot.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

/// A window over a fake file.
struct Desk {
  QTemporaryDir directory;
  std::shared_ptr<FakeSource> source = std::make_shared<FakeSource>();
  std::unique_ptr<Settings> settings;
  std::unique_ptr<Session> session;
  std::unique_ptr<MainWindow> window;

  Desk() {
    source->add("dense/kernel", 24, 64);
    source->add("dense_1/kernel", 16, 96);
    Session::Environment environment;
    environment.executor = Executor(2);
    environment.open = [known = source](const std::string&,
                                        const OpenOptions&) -> Result<SharedSource> {
      return SharedSource(known);
    };
    settings = std::make_unique<Settings>(std::make_unique<QSettings>(
        directory.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session = std::make_unique<Session>(environment);
    window = std::make_unique<MainWindow>(session.get(), settings.get());
  }
  ~Desk() {
    window.reset();
    session.reset();
  }

  void open() {
    window->show();
    QVERIFY(QTest::qWaitForWindowExposed(window.get()));
    window->activateWindow();
    session->openFile(QString::fromStdString(source->path()));
    QuantSpec spec;
    spec.groupSize = 32;
    spec.clip = ClipPolicy::fixed(0.8);
    QTRY_VERIFY(session->settled() && session->resultIsCurrent());
    session->editSpec(spec, QStringLiteral("clip"));
    settle();
  }
  void settle() {
    QTRY_VERIFY(session->settled() && session->resultIsCurrent() && session->detail());
    QTRY_VERIFY(!session->selection() || session->selected());
  }
  template <typename T>
  T* find() const {
    T* found = window->findChild<T*>();
    for (QWidget* tab = found; tab != nullptr; tab = tab->parentWidget()) {
      if (auto* dock = qobject_cast<QDockWidget*>(tab)) dock->raise();
    }
    QTest::qWait(1);
    return found;
  }
  QString sentence() const {
    return window->findChild<QLabel*>(QStringLiteral("selectionText"))->text();
  }
  QWidget* bar() const { return window->findChild<QWidget*>(QStringLiteral("selectionBar")); }
  QAction* action(const QString& text) const {
    for (QAction* action : window->findChildren<QAction*>()) {
      if (action->text().remove(QLatin1Char('&')) == text) return action;
    }
    return nullptr;
  }
};

/// The column of a plot's table, empty where it has none of that name.
std::vector<double> columnOf(const Plot& plot, const QString& name) {
  const Plot::Table table = plot.table();
  const qsizetype column = table.header.indexOf(name);
  std::vector<double> values;
  if (column < 0) return values;
  for (const auto& row : table.rows) values.push_back(row[column]);
  return values;
}

double sumOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

void moveMouse(QWidget& widget, QPoint to, Qt::KeyboardModifiers modifiers) {
  QMouseEvent event(QEvent::MouseMove, QPointF(to), QPointF(widget.mapToGlobal(to)), Qt::NoButton,
                    Qt::LeftButton, modifiers);
  QApplication::sendEvent(&widget, &event);
}

void shiftDrag(QWidget& widget, QPoint from, QPoint to) {
  QTest::mousePress(&widget, Qt::LeftButton, Qt::ShiftModifier, from);
  moveMouse(widget, to, Qt::ShiftModifier);
  QTest::mouseRelease(&widget, Qt::LeftButton, Qt::ShiftModifier, to);
}

/// That all views show `count` selected weights.
void checkAllViews(const Desk& desk, std::uint64_t count) {
  const auto expected = static_cast<double>(count);
  for (const char* type : {"ErrorHistogramPlot", "WeightHistogramPlot", "ErrorMapPlot",
                           "ProfilePlot", "CodeUsePlot"}) {
    bool found = false;
    for (const Plot* plot : desk.window->plots()) {
      if (!plot->inherits(QByteArray("quantoscope::ui::") + type)) continue;
      found = true;
      QVERIFY2(plot->table().header.contains(QStringLiteral("selected")), type);
      QCOMPARE(sumOf(columnOf(*plot, QStringLiteral("selected"))), expected);
    }
    QVERIFY2(found, type);
  }
}

}  // namespace

class BrushingTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }

  void aClickOnABinIsSeenEverywhere();
  void aDragWithShiftSelectsSeveralBins();
  void keysSelectAndExtend();
  void escapeClearsBeforeItStops();
  void aDoubleClickSelectsNothing();
  void absoluteErrorsAndUnitsAreSelected();
  void aRegionOfTheMapIsSelected();
  void codesAreSelected();
  void worstChannelsAreSelectedTogether();
  void rowsOfTheGroupTableSelectTheirWeights();
  void theGroupPlotSelectsAWeight();
  void aSelectionFollowsTheSpecAndTheTensor();
  void theBarSaysWhatIsSelected();
  void selectedWeightsAreDrawn();
  void anOvertakenSelectionIsNeverShown();
};

void BrushingTest::aClickOnABinIsSeenEverywhere() {
  Desk desk;
  desk.open();
  auto* errors = desk.find<ErrorHistogramPlot>();
  QVERIFY(!desk.bar()->isVisible());
  // Near the middle are most errors; bins are narrow, so what is under the pointer is asked.
  const auto counts = columnOf(*errors, QStringLiteral("count"));
  const QPoint place(errors->width() / 2 + 8, errors->height() / 2);
  QTest::mouseMove(errors, place);
  const auto bin = errors->cursorRow();
  QVERIFY(bin);
  QTest::mouseClick(errors, Qt::LeftButton, {}, place);
  desk.settle();
  QVERIFY(desk.session->selected());
  QCOMPARE(static_cast<double>(desk.session->selected()->count), counts[*bin]);
  QVERIFY(desk.session->selected()->count > 0);
  checkAllViews(desk, desk.session->selected()->count);
  const auto selected = columnOf(*errors, QStringLiteral("selected"));
  for (std::size_t i = 0; i < selected.size(); ++i) {
    QCOMPARE(selected[i], i == *bin ? counts[i] : 0.0);
  }
  QVERIFY(errors->hoverText().contains(QStringLiteral("selected")));

  QTest::mouseClick(errors, Qt::LeftButton, {}, place);  // again: none
  QVERIFY(!desk.session->selection());
  QVERIFY(!errors->table().header.contains(QStringLiteral("selected")));
}

void BrushingTest::aDragWithShiftSelectsSeveralBins() {
  Desk desk;
  desk.open();
  auto* weights = desk.find<WeightHistogramPlot>();
  const int middle = weights->height() / 2;
  shiftDrag(*weights, {weights->width() / 3, middle}, {weights->width() * 2 / 3, middle});
  desk.settle();
  QVERIFY(desk.session->selection());
  const auto range = std::get<WeightRange>(*desk.session->selection());
  QVERIFY(range.bins.last > range.bins.first + 10);
  QVERIFY(!weights->isZoomed());
  const auto counts = columnOf(*weights, QStringLiteral("count"));
  double expected = 0;
  for (std::size_t i = range.bins.first; i <= range.bins.last; ++i) expected += counts[i];
  QCOMPARE(static_cast<double>(desk.session->selected()->count), expected);
  checkAllViews(desk, desk.session->selected()->count);

  // Past the end of the axis the last bin is meant.
  shiftDrag(*weights, {weights->width() / 2, middle}, {weights->width() - 2, middle});
  desk.settle();
  QCOMPARE(std::get<WeightRange>(*desk.session->selection()).bins.last, counts.size() - 1);
}

void BrushingTest::keysSelectAndExtend() {
  Desk desk;
  desk.open();
  auto* errors = desk.find<ErrorHistogramPlot>();
  errors->setFocus();
  QTest::keyClick(errors, Qt::Key_Right);
  const std::size_t first = *errors->cursorRow();
  QTest::keyClick(errors, Qt::Key_Return);
  auto range = std::get<ErrorRange>(*desk.session->selection());
  QCOMPARE(range.bins.first, first);
  QCOMPARE(range.bins.last, first);
  QTest::keyClick(errors, Qt::Key_Right, Qt::ShiftModifier);
  QTest::keyClick(errors, Qt::Key_Right, Qt::ShiftModifier | Qt::ControlModifier);
  range = std::get<ErrorRange>(*desk.session->selection());
  QCOMPARE(range.bins.first, first);
  QCOMPARE(range.bins.last, first + 11);
  QTest::keyClick(errors, Qt::Key_Left, Qt::ShiftModifier | Qt::ControlModifier);
  QTest::keyClick(errors, Qt::Key_Left, Qt::ShiftModifier);
  QTest::keyClick(errors, Qt::Key_Left, Qt::ShiftModifier);  // to the other side
  range = std::get<ErrorRange>(*desk.session->selection());
  QCOMPARE(range.bins.first, first - 1);
  QCOMPARE(range.bins.last, first);
  QTest::keyClick(errors, Qt::Key_Right);  // only moves
  QCOMPARE(std::get<ErrorRange>(*desk.session->selection()), range);
  desk.settle();
  checkAllViews(desk, desk.session->selected()->count);
}

void BrushingTest::escapeClearsBeforeItStops() {
  Desk desk;
  desk.open();
  desk.session->setSelection(Region{{{0, 3}}, {}});
  desk.settle();
  QVERIFY(desk.bar()->isVisible());
  QAction* clear = desk.action(QStringLiteral("Clear Selection"));
  QAction* stop = desk.action(QStringLiteral("Stop"));
  QCOMPARE(clear->shortcut(), QKeySequence(Qt::Key_Escape));
  QVERIFY(stop->shortcut().isEmpty());
  QSignalSpy cancelled(desk.session.get(), &Session::cancelled);
  QTest::keyClick(desk.window.get(), Qt::Key_Escape);
  QVERIFY(!desk.session->selection());
  QCOMPARE(cancelled.size(), 0);
  QVERIFY(!desk.bar()->isVisible());
  QVERIFY(!clear->isEnabled());
  QCOMPARE(stop->shortcut(), QKeySequence(Qt::Key_Escape));
}

void BrushingTest::aDoubleClickSelectsNothing() {
  Desk desk;
  desk.open();
  auto* errors = desk.find<ErrorHistogramPlot>();
  desk.session->setSelection(Region{{{0, 3}}, {}});
  desk.settle();
  const QPoint place(errors->width() / 2, errors->height() / 2);
  QTest::mouseClick(errors, Qt::LeftButton, {}, place);
  QVERIFY(std::holds_alternative<ErrorRange>(*desk.session->selection()));
  QTest::mouseDClick(errors, Qt::LeftButton, {}, place);
  QVERIFY(desk.session->selection() == Selection(Region{{{0, 3}}, {}}));
}

void BrushingTest::absoluteErrorsAndUnitsAreSelected() {
  Desk desk;
  desk.open();
  auto* errors = desk.find<ErrorHistogramPlot>();
  for (const ErrorUnit unit : kErrorUnits) {
    errors->setUnit(unit);
    errors->setMagnitudes(true);
    errors->setFocus();
    QTest::keyClick(errors, Qt::Key_Right);
    const auto count = columnOf(*errors, QStringLiteral("count"))[*errors->cursorRow()];
    QTest::keyClick(errors, Qt::Key_Space);
    desk.settle();
    QCOMPARE(std::get<ErrorRange>(*desk.session->selection()).unit, unit);
    QCOMPARE(static_cast<double>(desk.session->selected()->count), count);
    errors->setMagnitudes(false);  // the same weights, on both sides
    QCOMPARE(sumOf(columnOf(*errors, QStringLiteral("selected"))), count);
  }
}

void BrushingTest::aRegionOfTheMapIsSelected() {
  Desk desk;
  desk.open();
  auto* map = desk.find<ErrorMapPlot>();
  const auto group = desk.session->group();
  // From above the first to below the last cell that the pointer can be on.
  shiftDrag(*map, {map->width() / 3, map->height() / 3}, {map->width() - 30, map->height() / 2});
  desk.settle();
  QVERIFY(desk.session->selection());
  const auto region = std::get<Region>(*desk.session->selection());
  QCOMPARE(region.rows.size(), 1u);
  QCOMPARE(region.columns.size(), 1u);
  QVERIFY(region.rows[0].size > 1);
  QCOMPARE(desk.session->selected()->count,
           std::uint64_t{region.rows[0].size * region.columns[0].size});
  QCOMPARE(desk.session->group(), group);  // a selection goes nowhere
  checkAllViews(desk, desk.session->selected()->count);

  map->setFocus();
  QTest::keyClick(map, Qt::Key_Right);
  QTest::keyClick(map, Qt::Key_Space);
  const auto one = std::get<Region>(*desk.session->selection());
  QCOMPARE(one.rows[0].size, 1u);
  QCOMPARE(one.columns[0].size, 32u);
  const bool atTheEnd = one.rows[0].first == 23;
  QTest::keyClick(map, atTheEnd ? Qt::Key_Up : Qt::Key_Down, Qt::ShiftModifier);
  QCOMPARE(std::get<Region>(*desk.session->selection()).rows[0].size, 2u);
}

void BrushingTest::codesAreSelected() {
  Desk desk;
  desk.open();
  auto* codes = desk.find<CodeUsePlot>();
  codes->setFocus();
  QTest::keyClick(codes, Qt::Key_Right);
  QTest::keyClick(codes, Qt::Key_Return);
  QTest::keyClick(codes, Qt::Key_Right, Qt::ShiftModifier);
  desk.settle();
  const auto& use = desk.session->detail()->report.codes->codes;
  QCOMPARE(std::get<CodeSet>(*desk.session->selection()).codes,
           (std::vector<int>{use[0].code, use[1].code}));
  QCOMPARE(desk.session->selected()->count, use[0].count + use[1].count);
  checkAllViews(desk, use[0].count + use[1].count);
}

void BrushingTest::worstChannelsAreSelectedTogether() {
  Desk desk;
  desk.open();
  auto* profile = desk.find<ProfilePlot>();
  profile->setSide(ProfilePlot::Side::InputChannels);
  profile->setSorted(true);
  profile->setFocus();
  QTest::keyClick(profile, Qt::Key_Right);
  QTest::keyClick(profile, Qt::Key_Return);
  for (int i = 0; i < 4; ++i) QTest::keyClick(profile, Qt::Key_Right, Qt::ShiftModifier);
  desk.settle();
  const auto region = std::get<Region>(*desk.session->selection());
  QVERIFY(region.rows.empty());
  QCOMPARE(desk.session->selected()->count, 5u * 24);
  const auto selected = columnOf(*profile, QStringLiteral("selected"));
  for (std::size_t i = 0; i < selected.size(); ++i) QCOMPARE(selected[i], i < 5 ? 24.0 : 0.0);
  checkAllViews(desk, 5u * 24);

  profile->setSide(ProfilePlot::Side::GroupPositions);
  profile->setSorted(false);
  QTest::keyClick(profile, Qt::Key_Right);
  QTest::keyClick(profile, Qt::Key_Right);
  QTest::keyClick(profile, Qt::Key_Return);
  QVERIFY(desk.session->selection() == Selection(Region{{}, {{32, 32}}}));
}

void BrushingTest::rowsOfTheGroupTableSelectTheirWeights() {
  Desk desk;
  desk.open();
  desk.session->setGroup(GroupIndex{5, 1});
  desk.settle();
  auto* table = desk.window->findChild<QTableView*>(QStringLiteral("groupTable"));
  table->setFocus();
  table->selectRow(3);
  desk.settle();
  QVERIFY(desk.session->selection() == Selection(Region{{{5, 1}}, {{35, 1}}}));
  QCOMPARE(desk.session->selected()->count, 1u);
  QTest::keyClick(table, Qt::Key_Down, Qt::ShiftModifier);
  desk.settle();
  QVERIFY(desk.session->selection() == Selection(Region{{{5, 1}}, {{35, 2}}}));
  checkAllViews(desk, 2);
  QTest::keyClick(table, Qt::Key_C, Qt::ControlModifier);
  QCOMPARE(QApplication::clipboard()->text().split(QLatin1Char('\n')).size(), 3);

  // What is selected elsewhere is marked in the table, and only that.
  const GroupDetail& group = *desk.session->result()->group;
  desk.session->setSelection(CodeSet{{group.codes[0]}});
  desk.settle();
  const QAbstractItemModel* shown = table->model();
  for (int row = 0; row < shown->rowCount(); ++row) {
    const bool same = group.codes[static_cast<std::size_t>(row)] == group.codes[0];
    QCOMPARE(shown->index(row, 0).data(GroupModel::SelectedRole).toBool(), same);
    QCOMPARE(shown->index(row, 0).data(Qt::BackgroundRole).isValid(), same);
    QCOMPARE(shown->index(row, 0).data(Qt::DisplayRole).toString().contains(QChar(0x25CF)), same);
  }
  QVERIFY(desk.session->selection() == Selection(CodeSet{{group.codes[0]}}));
}

void BrushingTest::theGroupPlotSelectsAWeight() {
  Desk desk;
  desk.open();
  desk.session->setGroup(GroupIndex{2, 1});
  desk.settle();
  auto* plot = desk.find<GroupPlot>();
  const GroupDetail& group = *desk.session->result()->group;
  const Plot::Table table = plot->table();
  QCOMPARE(table.rows.size(), 32);
  for (qsizetype i = 0; i < 32; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const QVector<double> expected = {2.0,
                                      32.0 + double(i),
                                      group.weights[at],
                                      double(group.codes[at]),
                                      group.values[at],
                                      -double{group.weights[at] - group.values[at]},
                                      group.scale,
                                      group.zeroPoint};
    QCOMPARE(table.rows[i], expected);
  }
  QVERIFY(plot->summary().contains(QStringLiteral("32 weights of row 2, group 1")));
  plot->setFocus();
  QTest::keyClick(plot, Qt::Key_Right);
  QTest::keyClick(plot, Qt::Key_Right, Qt::ControlModifier);
  QVERIFY(plot->hoverText().contains(QStringLiteral("column 42")));
  QVERIFY(plot->hoverText().contains(QStringLiteral("code %1").arg(group.codes[10])));
  QVERIFY(plot->hoverText().contains(QStringLiteral("scale")));
  QTest::keyClick(plot, Qt::Key_Return);
  desk.settle();
  QVERIFY(desk.session->selection() == Selection(Region{{{2, 1}}, {{42, 1}}}));
  QCOMPARE(desk.session->selected()->minWeight, group.weights[10]);
}

void BrushingTest::aSelectionFollowsTheSpecAndTheTensor() {
  Desk desk;
  desk.open();
  auto* errors = desk.find<ErrorHistogramPlot>();
  errors->setFocus();
  QTest::keyClick(errors, Qt::Key_Right);
  QTest::keyClick(errors, Qt::Key_Return);
  desk.settle();
  const auto selection = desk.session->selection();
  const auto before = desk.session->selected();
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("bits"));
  QVERIFY(!desk.session->selected());  // the last one is about 4 bits
  QVERIFY(!errors->table().header.contains(QStringLiteral("selected")));
  QVERIFY(desk.sentence().contains(QStringLiteral("counting")));
  desk.settle();
  QVERIFY(desk.session->selection() == selection);
  QVERIFY(desk.session->selected() != before);
  QCOMPARE(desk.session->selected()->spec.bits, 3);

  desk.session->selectTensor(QStringLiteral("dense_1/kernel"));
  QVERIFY(!desk.session->selected());
  desk.settle();
  QCOMPARE(desk.session->selected()->info.name, std::string("dense_1/kernel"));
  QCOMPARE(desk.session->selected()->total, std::uint64_t{16 * 96});
}

void BrushingTest::theBarSaysWhatIsSelected() {
  Desk desk;
  desk.open();
  desk.session->setSelection(Region{{{1, 2}}, {}});
  desk.settle();
  const SharedSelection selected = desk.session->selected();
  QCOMPARE(desk.sentence(), selectionSentence(*selected));
  QVERIFY(desk.sentence().startsWith(QStringLiteral("128 of 1")));
  QVERIFY(desk.sentence().contains(QStringLiteral("rows 1–2")));
  QVERIFY(desk.sentence().contains(QStringLiteral("%1 clipped").arg(selected->clipped)));
  QPushButton* clear = nullptr;
  for (auto* button : desk.bar()->findChildren<QPushButton*>()) {
    QVERIFY(!button->accessibleName().isEmpty());
    if (button->text() == QStringLiteral("Copy")) QTest::keyClick(button, Qt::Key_Space);
    if (button->text() == QStringLiteral("Clear")) clear = button;
  }
  const QString copied = QApplication::clipboard()->text();
  QVERIFY(copied.contains(QStringLiteral("count\t128\n")));
  bool parsed = false;
  for (const QString& line : copied.split(QLatin1Char('\n'))) {
    if (!line.startsWith(QStringLiteral("mean_error\t"))) continue;
    parsed = true;
    QCOMPARE(line.section(QLatin1Char('\t'), 1).toDouble(), selected->meanError);
  }
  QVERIFY(parsed);
  QTest::keyClick(clear, Qt::Key_Space);
  QVERIFY(!desk.session->selection());
}

/// Each view looks different with a selection, and as before without.
void BrushingTest::selectedWeightsAreDrawn() {
  Desk desk;
  desk.open();
  for (Plot* plot : desk.window->plots()) {
    if (qobject_cast<BrushPlot*>(plot) == nullptr || plot->table().rows.isEmpty()) continue;
    const QImage plain = plot->image({500, 300}, 1);
    const GroupIndex group = desk.session->result()->group->index;
    desk.session->setSelection(Region{{{group.row, 2}}, {}});
    desk.settle();
    const QImage marked = plot->image({500, 300}, 1);
    QVERIFY2(marked != plain, qPrintable(plot->title()));
    const QColor accent = PlotTheme::from(plot->palette()).selected;
    int accented = 0;
    for (int y = 0; y < marked.height(); ++y) {
      for (int x = 0; x < marked.width(); ++x) {
        accented += marked.pixelColor(x, y) == accent ? 1 : 0;
      }
    }
    QVERIFY2(accented > 3, qPrintable(plot->title()));
    desk.session->setSelection({});
    QTest::qWait(1);
    QVERIFY2(plot->image({500, 300}, 1) == plain, qPrintable(plot->title()));
  }
}

void BrushingTest::anOvertakenSelectionIsNeverShown() {
  Desk desk;
  desk.open();
  QSignalSpy changed(desk.session.get(), &Session::selectionChanged);
  for (std::size_t row = 0; row < 20; ++row) {
    desk.session->setSelection(Region{{{row, 1}}, {}});
    QVERIFY(!desk.session->selected() ||
            desk.session->selected()->selection == *desk.session->selection());
    QTest::qWait(static_cast<int>(row % 3));
    QVERIFY(!desk.session->selected() ||
            desk.session->selected()->selection == *desk.session->selection());
  }
  desk.settle();
  QVERIFY(desk.session->selected()->selection == *desk.session->selection());
  QVERIFY(desk.session->selected()->selection == Selection(Region{{{19, 1}}, {}}));
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::BrushingTest)
#include "brushing_test.moc"
