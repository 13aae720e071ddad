// What people expect of any program: names, keys, colours, sizes, numbers, a log.
#include <set>

#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QDialog>
#include <QDockWidget>
#include <QDoubleSpinBox>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QScrollBar>
#include <QStatusBar>
#include <QTableView>
#include <QTextStream>
#include <QToolTip>
#include <QtTest>

#include "core/exporting/plan_file.h"
#include "tests/ui/desk.h"
#include "ui/main_window/about_dialog.h"
#include "ui/panels/appearance.h"
#include "ui/panels/text_size.h"
#include "ui/plots/theme.h"
#include "ui/session/log_file.h"

namespace quantoscope::ui {

namespace {

QString contentOf(const QString& path) {
  QFile file(path);
  return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

void trigger(const Desk& desk, const QString& text) {
  for (QAction* action : desk.window->findChildren<QAction*>()) {
    if (action->text().remove(QLatin1Char('&')) == text) return action->trigger();
  }
  QFAIL(qPrintable(QStringLiteral("no action ") + text));
}

QString placeOf(const QWidget* widget) {
  QStringList parts;
  for (const QWidget* at = widget; at != nullptr; at = at->parentWidget()) {
    parts << QStringLiteral("%1 '%2'").arg(QString::fromLatin1(at->metaObject()->className()),
                                           at->objectName());
  }
  return parts.join(QStringLiteral(" in "));
}

/// Parts that Qt puts into its own controls speak through those.
bool isPart(const QWidget* widget) {
  const QString name = QString::fromLatin1(widget->metaObject()->className());
  return widget->objectName().startsWith(QStringLiteral("qt_")) ||
         name.startsWith(QStringLiteral("QComboBoxPrivate")) ||
         name == QStringLiteral("QDockWidgetTitleButton") || name == QStringLiteral("QTabBar") ||
         qobject_cast<const QComboBox*>(widget->parentWidget()) != nullptr ||
         qobject_cast<const QScrollBar*>(widget) != nullptr;
}

/// Interactive widgets of all windows that say nothing of themselves.
QStringList nameless() {
  QStringList found;
  for (QWidget* widget : QApplication::allWidgets()) {
    if (!widget->isVisible() || widget->focusPolicy() == Qt::NoFocus || isPart(widget)) continue;
    const QAccessibleInterface* said = QAccessible::queryAccessibleInterface(widget);
    if (said == nullptr || said->text(QAccessible::Name).isEmpty()) found << placeOf(widget);
  }
  return found;
}

QRgb groundOf(QWidget* plot) {
  const QImage image = plot->grab().toImage();
  return image.pixel(image.width() / 2, image.height() - 3);
}

}  // namespace

class HabitsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void cleanup();
  void noInteractiveWidgetIsNameless();
  void everythingIsReachedWithTab();
  void coloursFollowTheSystemLive();
  void highContrastIsHighContrast();
  void textGrowsWithItsLayout();
  void theWindowFitsASmallScreen();
  void numbersAreTypedTheUsersWay();
  void filesAndCommandsHaveAPoint();
  void theStatusBarTellsOfTheMachine();
  void whatIsShownIsCopiedAsACommand();
  void everyLibraryIsNamed();
  void theLogTellsWhatHappened();
  void theLogIsPutAsideWhenLarge();
};

void HabitsTest::initTestCase() {
  QStandardPaths::setTestModeEnabled(true);
  applyTextSize(100);  // remembers the system's font
}

void HabitsTest::cleanup() {
  LogFile::end();
  QLocale::setDefault(QLocale::c());
  applyTextSize(100);
  applyAppearance(Appearance::System);
}

void HabitsTest::noInteractiveWidgetIsNameless() {
  Desk desk;
  desk.open();
  desk.session->setGroup(GroupIndex{1, 1});  // shows the fields of a chosen group
  desk.settle();
  QTest::keyClick(desk.window.get(), Qt::Key_P, Qt::ControlModifier);
  desk.messages()->showMessage(MessageBar::Kind::Error, QStringLiteral("wrong"),
                               QStringLiteral("Repair"), [] {});
  for (const Qt::Key perspective : {Qt::Key_1, Qt::Key_2, Qt::Key_3}) {
    QTest::keyClick(desk.window.get(), perspective, Qt::ControlModifier);
    for (QDockWidget* dock : desk.window->findChildren<QDockWidget*>()) {
      if (!dock->isVisible()) continue;
      dock->raise();
      QCoreApplication::processEvents();
      QVERIFY2(nameless().isEmpty(), qPrintable(nameless().join(QLatin1Char('\n'))));
    }
  }
  for (const char* opens : {"Find Anything…", "Own Presets…", "About Quantoscope"}) {
    trigger(desk, QString::fromUtf8(opens));
    QTRY_VERIFY(QApplication::activeModalWidget() != nullptr);
    QVERIFY2(nameless().isEmpty(), qPrintable(nameless().join(QLatin1Char('\n'))));
    QApplication::activeModalWidget()->close();
    QTRY_VERIFY(QApplication::activeModalWidget() == nullptr);
  }
}

void HabitsTest::everythingIsReachedWithTab() {
  Desk desk;
  desk.open();
  desk.window->activateWindow();
  QVERIFY(QTest::qWaitForWindowActive(desk.window.get()));
  std::set<const QWidget*> reached;
  for (int i = 0; i < 300; ++i) {
    QWidget* focused = QApplication::focusWidget();
    QVERIFY(focused != nullptr);
    reached.insert(focused);
    QTest::keyClick(focused, Qt::Key_Tab);
  }
  QStringList missed;
  for (const QWidget* widget : desk.window->findChildren<QWidget*>()) {
    const bool wanted = widget->isVisible() && widget->isEnabled() && !isPart(widget) &&
                        (widget->focusPolicy() & Qt::TabFocus) != 0 &&
                        widget->focusProxy() == nullptr && widget->window() == desk.window.get();
    if (wanted && !reached.contains(widget)) missed << placeOf(widget);
  }
  QVERIFY2(missed.isEmpty(), qPrintable(missed.join(QLatin1Char('\n'))));
  QVERIFY(reached.size() > 15);
}

void HabitsTest::coloursFollowTheSystemLive() {
  Desk desk;
  desk.open();
  QWidget* plot = desk.map();
  // What a platform does when its theme changes.
  QGuiApplication::setPalette(darkPalette());
  QTRY_VERIFY(qGray(groundOf(plot)) < 80);
  QVERIFY(qGray(desk.window->grab().toImage().pixel(desk.window->width() / 2, 5)) < 80);
  QGuiApplication::setPalette(lightPalette());
  QTRY_VERIFY(qGray(groundOf(plot)) > 200);
  // Once colours of our own are given up, tooltips follow, too.
  applyAppearance(Appearance::Dark);
  applyAppearance(Appearance::System);
  QGuiApplication::setPalette(lightPalette());
  QTRY_VERIFY(qGray(groundOf(plot)) > 200);
  QToolTip::showText({10, 10}, QStringLiteral("tip"), desk.window.get());
  QWidget* tip = nullptr;
  for (QWidget* widget : QApplication::topLevelWidgets()) {
    if (widget->inherits("QTipLabel")) tip = widget;
  }
  QVERIFY(tip != nullptr);
  QCOMPARE(tip->palette().color(QPalette::ToolTipBase),
           lightPalette().color(QPalette::ToolTipBase));
}

void HabitsTest::highContrastIsHighContrast() {
  QVERIFY(PlotTheme::from(highContrastPalette()).highContrast);
  QVERIFY(!PlotTheme::from(darkPalette()).highContrast);
  Desk desk;
  desk.open();
  trigger(desk, QStringLiteral("High Contrast"));
  QCOMPARE(desk.settings->appearance(), Appearance::HighContrast);
  QTRY_COMPARE(groundOf(desk.map()), QColor(Qt::black).rgb());
  const QPalette palette = QApplication::palette();
  for (const auto group : {QPalette::Active, QPalette::Inactive}) {
    for (const auto& [ink, ground] : {std::pair{QPalette::Text, QPalette::Base},
                                      {QPalette::WindowText, QPalette::Window},
                                      {QPalette::ButtonText, QPalette::Button},
                                      {QPalette::ToolTipText, QPalette::ToolTipBase},
                                      {QPalette::HighlightedText, QPalette::Highlight},
                                      {QPalette::Link, QPalette::Base}}) {
      QVERIFY(contrastRatio(palette.color(group, ink), palette.color(group, ground)) >= 7);
    }
  }
  // The drawings of the toolbar are as bright as its text.
  for (const QAction* action : desk.window->findChildren<QAction*>()) {
    if (action->icon().isNull() || !action->isEnabled()) continue;
    const QImage icon = action->icon().pixmap(24).toImage();
    int brightest = 0;
    for (int y = 0; y < icon.height(); ++y) {
      for (int x = 0; x < icon.width(); ++x) {
        const QColor color = icon.pixelColor(x, y);
        if (color.alpha() > 200) brightest = std::max(brightest, qGray(color.rgb()));
      }
    }
    QVERIFY2(brightest > 240, qPrintable(action->text()));
  }
}

void HabitsTest::textGrowsWithItsLayout() {
  Desk desk;
  desk.open();
  const auto* tensors = desk.find<QTableView>("tensors");
  const auto* metrics = desk.window->findChild<MetricsPanel*>();
  const int row = tensors->rowHeight(0);
  const int metricsRow = metrics->rowHeight(1);
  const int text = desk.window->fontMetrics().height();
  for (int i = 0; i < 5; ++i) {
    QTest::keyClick(desk.window.get(), Qt::Key_Plus, Qt::ControlModifier);
  }
  QCOMPARE(desk.settings->textPercent(), 150);
  QTRY_VERIFY(desk.window->fontMetrics().height() > text * 5 / 4);
  QTRY_VERIFY(tensors->rowHeight(0) > row * 5 / 4);
  QTRY_VERIFY(metrics->rowHeight(1) > metricsRow * 5 / 4);
  QString cut;  // a label that has less room than its letters are high
  const auto nothingIsCutOff = [&] {
    cut.clear();
    for (const QLabel* label : desk.window->findChildren<QLabel*>()) {
      if (!label->isVisible() || label->wordWrap() || label->text().isEmpty()) continue;
      if (label->height() < label->fontMetrics().height() - 1) cut = label->text();
    }
    return cut.isEmpty();
  };
  QTRY_VERIFY2(nothingIsCutOff(), qPrintable(cut));
  QTest::keyClick(desk.window.get(), Qt::Key_0, Qt::ControlModifier | Qt::AltModifier);
  QCOMPARE(desk.settings->textPercent(), 100);
  QTRY_COMPARE(tensors->rowHeight(0), row);
  QTest::keyClick(desk.window.get(), Qt::Key_Minus, Qt::ControlModifier);
  QCOMPARE(desk.settings->textPercent(), 90);
}

void HabitsTest::theWindowFitsASmallScreen() {
  Desk desk;
  desk.open();
  desk.settle();
  const QSize least = desk.window->minimumSizeHint();
  QVERIFY2(least.width() <= 1024 && least.height() <= 700,
           qPrintable(QStringLiteral("%1x%2").arg(least.width()).arg(least.height())));
}

void HabitsTest::numbersAreTypedTheUsersWay() {
  QLocale::setDefault(QLocale(QLocale::German));
  Desk desk;
  desk.open();
  auto* ratio = desk.find<QDoubleSpinBox>("ratio");
  QVERIFY2(ratio->text().contains(QLatin1Char(',')), qPrintable(ratio->text()));
  const auto type = [&](const QString& text) {
    ratio->setFocus();
    ratio->selectAll();
    QTest::keyClicks(ratio, text);
    QTest::keyClick(ratio, Qt::Key_Return);
  };
  type(QStringLiteral("0,95"));
  QCOMPARE(desk.session->spec().clip, ClipPolicy::fixed(0.95));
  type(QStringLiteral("0.9"));  // a point is no less clear
  QCOMPARE(desk.session->spec().clip, ClipPolicy::fixed(0.9));
  QCOMPARE(ratio->text(), QStringLiteral("0,9000"));
  auto* filter = desk.find<QLineEdit>("filter");
  QTRY_VERIFY(desk.session->overview(3).settled);
  filter->setText(QStringLiteral("sqnr:>1,5"));
  QCOMPARE(desk.find<QTableView>("tensors")->model()->rowCount(), 3);
  filter->setText(QStringLiteral("sqnr:>1.5"));
  QCOMPARE(desk.find<QTableView>("tensors")->model()->rowCount(), 3);
  desk.settle();
}

void HabitsTest::filesAndCommandsHaveAPoint() {
  QMap<QString, QString> written[2];
  QString commands[2];
  const QLocale locales[] = {QLocale::c(), QLocale(QLocale::German)};
  for (int i = 0; i < 2; ++i) {
    QLocale::setDefault(locales[i]);
    Desk desk;
    desk.open();
    QuantSpec spec = desk.session->spec();
    spec.clip = ClipPolicy::fixed(0.925);
    desk.session->editSpec(spec, QStringLiteral("ratio"));
    desk.settle();
    QTRY_VERIFY(desk.session->settled() && desk.session->detail());
    const QString metrics = desk.directory.filePath(QStringLiteral("metrics.csv"));
    const QString overview = desk.directory.filePath(QStringLiteral("overview.csv"));
    QSignalSpy exported(desk.session.get(), &Session::exported);
    desk.window->exportMetrics(metrics);
    QTRY_COMPARE(exported.size(), 1);
    desk.window->exportOverview(overview);
    QTRY_COMPARE(exported.size(), 2);
    written[i][QStringLiteral("metrics")] = contentOf(metrics);
    written[i][QStringLiteral("overview")] = contentOf(overview);
    for (const Plot* plot : desk.window->plots()) {
      written[i][plot->title()] = plot->tableAsCsv();
    }
    commands[i] = desk.window->commandLine().section(QLatin1Char(' '), 3);
    QVERIFY2(commands[i].contains(QStringLiteral("0.925")), qPrintable(commands[i]));
  }
  QVERIFY(written[0][QStringLiteral("metrics")].contains(QStringLiteral("clip_ratio,0.925")));
  for (auto one = written[0].cbegin(); one != written[0].cend(); ++one) {
    QVERIFY2(written[1][one.key()] == one.value(), qPrintable(one.key()));
  }
  QCOMPARE(commands[1], commands[0]);
}

void HabitsTest::theStatusBarTellsOfTheMachine() {
  Desk desk;
  desk.open();
  QString said;
  for (const QLabel* label : desk.window->statusBar()->findChildren<QLabel*>()) {
    said += label->text() + QLatin1Char('\n');
  }
  QVERIFY2(said.contains(QStringLiteral("2 threads")), qPrintable(said));
  QVERIFY(said.contains(QStringLiteral("MiB")) || said.contains(QStringLiteral("GiB")));
  QVERIFY(said.contains(QRegularExpression(QStringLiteral("AVX|SSE|EMU|SCALAR"))));
  QVERIFY(said.contains(QStringLiteral("Analysed in")));
}

void HabitsTest::whatIsShownIsCopiedAsACommand() {
  Desk desk;
  desk.open();
  QuantSpec spec = desk.session->spec();
  spec.clip = ClipPolicy::fixed(0.9);
  desk.session->editSpec(spec, QStringLiteral("ratio"));
  desk.settle();
  const auto copied = [](const QWidget* view) {
    auto* action =
        view->findChild<QAction*>(QStringLiteral("copyAsCommand"), Qt::FindDirectChildrenOnly);
    if (action == nullptr || !view->actions().contains(action)) return QString();
    action->trigger();
    return QApplication::clipboard()->text();
  };
  const QString start = QStringLiteral("quantoscope-cli %1 %2");
  const QString inspects = start.arg(QStringLiteral("inspect"), desk.path());
  for (const Plot* plot : desk.window->plots()) {
    const QString text = copied(plot);
    const bool curve = plot == desk.curve();
    QVERIFY2(text.startsWith(curve ? start.arg(QStringLiteral("search"), desk.path()) : inspects),
             qPrintable(plot->title() + text));
    QCOMPARE(text.contains(QStringLiteral("0.9")), !curve);
  }
  QVERIFY(copied(desk.map()).endsWith(QStringLiteral("--detail")));
  QVERIFY(copied(desk.find<QTableView>("metrics")).startsWith(inspects));
  QVERIFY(copied(desk.find<QTableView>("groupTable")).startsWith(inspects));
  QVERIFY(copied(desk.find<QTableView>("tensors"))
              .startsWith(start.arg(QStringLiteral("overview"), desk.path())));
  // From the keyboard, whatever has the focus.
  for (QWidget* focused : std::initializer_list<QWidget*>{desk.curve(), desk.map(),
                                                          desk.find<QTableView>("tensors")}) {
    QApplication::clipboard()->clear();
    focused->setFocus();
    QTest::keyClick(focused, Qt::Key_C, Qt::ControlModifier | Qt::ShiftModifier);
    QCOMPARE(QApplication::clipboard()->text(), desk.window->commandLine());
  }
}

void HabitsTest::everyLibraryIsNamed() {
  Desk desk;
  desk.open();
  trigger(desk, QStringLiteral("About Quantoscope"));
  auto* about = desk.find<QDialog>("about");
  QVERIFY(about != nullptr);
  QString said;
  for (const QLabel* label : about->findChildren<QLabel*>()) said += label->text();
  for (const char* name : {"Qt", "QCustomPlot", "HDF5", "oneTBB", "Highway", "zlib", "libdeflate",
                           "libseccomp", "OpenSSL", "JSON for Modern C++", "CLI11"}) {
    QVERIFY2(said.contains(QString::fromLatin1(name)), name);
  }
  for (const Library& library : libraries()) {
    const QString version = QString::fromStdString(library.version);
    QVERIFY2(version.contains(QRegularExpression(QStringLiteral("^[0-9]+\\.[0-9]+"))),
             (library.name + ' ' + library.version).c_str());
    QVERIFY(!library.licence.empty());
  }
  about->close();
}

void HabitsTest::theLogTellsWhatHappened() {
  Desk desk;
  LogFile::begin(desk.directory.path());
  const QString path = LogFile::path();
  QVERIFY(!path.isEmpty());
  LogFile::follow(*desk.session);
  desk.open();
  desk.window->openFiles({desk.directory.filePath(QStringLiteral("wrong.h5"))});
  QTRY_VERIFY(desk.messages()->isVisible());
  QTest::ignoreMessage(QtWarningMsg, "something Qt\nsays");
  qWarning("something Qt\nsays");
  trigger(desk, QStringLiteral("Copy Log Path"));
  QCOMPARE(QApplication::clipboard()->text(), path);
  const QStringList lines = contentOf(path).split(QLatin1Char('\n'), Qt::SkipEmptyParts);
  const auto has = [&](const QString& text) {
    return std::any_of(lines.begin(), lines.end(),
                       [&](const QString& line) { return line.contains(text); });
  };
  QVERIFY(has(QStringLiteral("opened ") + desk.path()));
  QVERIFY(has(QStringLiteral("analysed dense/kernel")));
  QVERIFY(has(QStringLiteral("failed: ") + desk.directory.filePath(QStringLiteral("wrong.h5"))));
  QVERIFY(has(QStringLiteral("Qt warning: something Qt\\nsays")));
  for (const QString& line : lines) {
    QVERIFY2(line.contains(QRegularExpression(QStringLiteral("^\\d{4}-\\d\\d-\\d\\dT"))),
             qPrintable(line));
  }
  LogFile::end();
  LogFile::write(QStringLiteral("too late"));
  QVERIFY(!contentOf(path).contains(QStringLiteral("too late")));
}

void HabitsTest::theLogIsPutAsideWhenLarge() {
  QTemporaryDir folder;
  LogFile::begin(folder.path());
  const QString line(1000, QLatin1Char('x'));
  const int enough = 6 * static_cast<int>(LogFile::kLargest / line.size());
  for (int i = 0; i < enough; ++i) LogFile::write(line);
  const QStringList files = QDir(folder.path()).entryList(QDir::Files, QDir::Name);
  QCOMPARE(files,
           QStringList({QStringLiteral("quantoscope.log"), QStringLiteral("quantoscope.log.1"),
                        QStringLiteral("quantoscope.log.2"), QStringLiteral("quantoscope.log.3")}));
  for (const QString& file : files) {
    QVERIFY(QFileInfo(folder.filePath(file)).size() <= LogFile::kLargest + 2 * line.size());
  }
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::HabitsTest)
#include "habits_test.moc"
