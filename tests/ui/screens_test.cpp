// Two screens of different pixel ratio.
#include <QApplication>
#include <QScreen>
#include <QWindow>
#include <QtTest>

#include "tests/support/topic.h"
#include "tests/ui/desk.h"

namespace quantoscope::ui {

namespace {

constexpr auto kScreens = R"({"screens": [
  {"name": "coarse", "x": 0, "y": 0, "width": 1600, "height": 1000,
   "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 1},
  {"name": "fine", "x": 1600, "y": 0, "width": 1600, "height": 1000,
   "logicalDpi": 96, "logicalBaseDpi": 96, "dpr": 2}]})";

/// Shows a window on a screen, as large on each.
void showOn(QWidget& window, const QScreen* screen) {
  window.setGeometry(QRect(screen->geometry().topLeft() + QPoint(20, 40), QSize(1400, 900)));
  window.show();
  QVERIFY(QTest::qWaitForWindowExposed(&window));
  QTRY_COMPARE(window.screen(), screen);
}

}  // namespace

class ScreensTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase();
  void plotsAreAsSharpAfterAMoveAsFromTheStart();
};

void ScreensTest::initTestCase() {
  QStandardPaths::setTestModeEnabled(true);
  QCOMPARE(QGuiApplication::screens().size(), 2);
  QCOMPARE(QGuiApplication::screens()[1]->devicePixelRatio(), 2.0);
}

void ScreensTest::plotsAreAsSharpAfterAMoveAsFromTheStart() {
  const QList<QScreen*> screens = QGuiApplication::screens();
  Desk desk;
  showOn(*desk.window, screens[0]);
  desk.window->openFiles({desk.path()});
  desk.settle();
  QTRY_VERIFY(desk.session->settled() && desk.session->detail() && desk.session->curve());
  QCOMPARE(desk.window->devicePixelRatioF(), 1.0);
  for (const int target : {1, 0}) {
    showOn(*desk.window, screens[target]);
    QTRY_COMPARE(desk.window->devicePixelRatioF(), screens[target]->devicePixelRatio());
    MainWindow fresh(desk.session.get(), desk.settings.get());
    showOn(fresh, screens[target]);
    QuantSpec spec = desk.session->spec();  // an answer that both windows see coming
    spec.bits = 2 + target;                 // not what it is at first
    desk.session->editSpec(spec, QStringLiteral("bits"));
    QTRY_VERIFY(desk.session->settled() && desk.session->detail() && desk.session->curve());
    const std::vector<Plot*> moved = desk.window->plots();
    const std::vector<Plot*> made = fresh.plots();
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (!moved[i]->isVisible() || !made[i]->isVisible()) continue;
      made[i]->resize(moved[i]->size());
      QCOMPARE(moved[i]->grab().devicePixelRatio(), screens[target]->devicePixelRatio());
      QTRY_VERIFY2(moved[i]->grab().toImage() == made[i]->grab().toImage(),
                   qPrintable(moved[i]->title()));
    }
  }
}

}  // namespace quantoscope::ui

QUANTOSCOPE_TOPIC_MAIN(argc, argv) {
  const QTemporaryDir folder;
  const QString path = folder.filePath(QStringLiteral("screens.json"));
  QFile file(path);
  if (!file.open(QIODevice::WriteOnly) || file.write(quantoscope::ui::kScreens) < 0) return 1;
  file.close();
  qputenv("QT_QPA_PLATFORM", ("offscreen:configfile=" + path).toLocal8Bit());
  QApplication application(argc, argv);
  quantoscope::ui::ScreensTest test;
  return QTest::qExec(&test, argc, argv);
}

#include "screens_test.moc"
