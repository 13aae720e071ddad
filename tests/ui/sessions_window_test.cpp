// Sessions in the window: keys, menu and message bar.
#include <QAction>
#include <QDialog>
#include <QPushButton>
#include <QtTest>

#include "tests/ui/desk.h"
#include "ui/session/session_document.h"

namespace quantoscope::ui {

namespace {

QAction* actionCalled(const Desk& desk, const QString& text) {
  for (QAction* action : desk.window->findChildren<QAction*>()) {
    if (action->text().remove(QLatin1Char('&')) == text) return action;
  }
  return nullptr;
}

}  // namespace

class SessionsWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }
  void saveWritesToTheSameFileAgain();
  void aMissingSourceIsOfferedUntilItIsLocated();
  void aDroppedSessionIsOpened();
};

void SessionsWindowTest::saveWritesToTheSameFileAgain() {
  Desk desk;
  desk.open();
  const QString path = desk.directory.filePath(QStringLiteral("mine.json"));
  QSignalSpy saved(desk.window->document(), &SessionDocument::saved);
  desk.window->document()->save(path);
  QTRY_COMPARE(saved.count(), 1);
  QVERIFY(desk.window->windowTitle().contains(QStringLiteral("mine")));
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("3 bits"));
  QTest::keyClick(desk.window.get(), Qt::Key_S, Qt::ControlModifier);
  QTRY_COMPARE(saved.count(), 2);
  const auto read = readSession(path);
  QVERIFY(read);
  QCOMPARE(read->files[0].state.plan.tensors.at("dense/kernel").spec.bits, 3);
  QVERIFY(desk.settings->recentFiles().contains(path));
  desk.settle();
}

void SessionsWindowTest::aMissingSourceIsOfferedUntilItIsLocated() {
  Desk desk;
  QAction* locate = actionCalled(desk, QStringLiteral("Locate Missing Source…"));
  QVERIFY(locate != nullptr && !locate->isEnabled());
  SavedSession session;
  session.files.push_back(
      {{QStringLiteral("/gone/w.h5"), QStringLiteral("dense_1/kernel"), {}}, {}});
  session.current = 0;
  const QString path = desk.directory.filePath(QStringLiteral("s.json"));
  QVERIFY(writeSession(session, path));
  desk.open();
  desk.window->openFiles({path});
  QTRY_VERIFY(desk.messages()->isVisible());
  QVERIFY(desk.messages()->text().contains(QStringLiteral("w.h5")));
  QVERIFY(desk.messages()->text().contains(QStringLiteral("/gone")));
  QVERIFY(locate->isEnabled());
  // Work goes on meanwhile; the offer stays.
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("3 bits"));
  desk.settle();
  QVERIFY(desk.messages()->isVisible());

  // The button asks for the file, without stopping anything.
  auto* button = desk.messages()->findChild<QPushButton*>(QStringLiteral("messageAction"));
  QTest::mouseClick(button, Qt::LeftButton);
  auto* dialog = desk.window->findChild<QDialog*>();
  QVERIFY(dialog != nullptr);
  QVERIFY(dialog->windowTitle().contains(QStringLiteral("w.h5")));
  dialog->reject();
  desk.window->locateMissing(desk.path());
  QTRY_VERIFY(desk.window->document()->missing().empty());
  QVERIFY(!locate->isEnabled());
  QTRY_COMPARE(desk.session->currentTensor(), QStringLiteral("dense_1/kernel"));
  desk.settle();
}

void SessionsWindowTest::aDroppedSessionIsOpened() {
  Desk first;
  first.open();
  first.session->selectTensor(QStringLiteral("dense_2/kernel"));
  first.settle();
  const QString path = first.directory.filePath(QStringLiteral("s.json"));
  QVERIFY(writeSession(first.window->document()->snapshot(true), path));
  Desk second;
  // The fake of the second stands for the file of the first.
  SavedSession moved = *readSession(path);
  moved.files[0].state.path = second.path();
  QVERIFY(writeSession(moved, second.directory.filePath(QStringLiteral("s.json"))));
  second.window->show();
  second.window->openFiles({second.directory.filePath(QStringLiteral("s.json"))});
  second.settle();
  QCOMPARE(second.session->currentTensor(), QStringLiteral("dense_2/kernel"));
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::SessionsWindowTest)
#include "sessions_window_test.moc"
