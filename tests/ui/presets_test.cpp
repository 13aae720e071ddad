// Presets of one's own and the locator.
#include <QDialog>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QMenu>
#include <QPushButton>
#include <QToolButton>
#include <QtTest>

#include "tests/ui/desk.h"
#include "ui/panels/locator.h"
#include "ui/panels/preset_dialog.h"
#include "ui/session/preset_store.h"

namespace quantoscope::ui {

namespace {

QuantSpec spec(int bits) {
  QuantSpec made;
  made.bits = bits;
  made.groupSize = 24;
  return made;
}

QStringList namesOf(const PresetStore& store) {
  QStringList names;
  for (const Preset& preset : store.own()) names << preset.name;
  return names;
}

/// Opens the locator with its key, types, and returns it.
QDialog* locate(const Desk& desk, const QString& typed) {
  desk.window->activateWindow();
  if (!QTest::qWaitForWindowActive(desk.window.get())) qFatal("the window does not become active");
  QTest::keyClick(desk.window.get(), Qt::Key_K, Qt::ControlModifier);
  auto* dialog = desk.find<QDialog>("locator");
  QTest::keyClicks(dialog->findChild<QLineEdit*>(), typed);
  return dialog;
}

QStringList found(const QDialog* locator) {
  QStringList names;
  const auto* list = locator->findChild<QListWidget*>();
  for (int i = 0; i < list->count(); ++i) {
    names << list->item(i)->text().section(QStringLiteral("   —   "), 0, 0);
  }
  return names;
}

}  // namespace

class PresetsTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }
  void ownPresetsOutliveTheProgram();
  void namesAreKeptApart();
  void changesAreUndone();
  void aPresetIsSavedRenamedAndUsedWithKeys();
  void theLocatorRanksAndFilters();
};

void PresetsTest::ownPresetsOutliveTheProgram() {
  Desk desk;
  PresetStore store(desk.session.get(), desk.settings.get());
  QVERIFY(store.save(QStringLiteral("zebra"), spec(3)));
  QVERIFY(store.save(QStringLiteral("  my   own "), spec(5)));
  const auto settings = desk.newSettings();
  const PresetStore again(desk.session.get(), settings.get());
  QCOMPARE(namesOf(again), QStringList({QStringLiteral("my own"), QStringLiteral("zebra")}));
  QCOMPARE(again.own()[0].spec, spec(5));
  settings->setPresets(QStringLiteral("nonsense"));
  QVERIFY(PresetStore(desk.session.get(), settings.get()).own().empty());
}

void PresetsTest::namesAreKeptApart() {
  Desk desk;
  PresetStore store(desk.session.get(), desk.settings.get());
  QString problem;
  QVERIFY(!store.save(QStringLiteral("  "), spec(3), &problem));
  QVERIFY(!problem.isEmpty());
  QVERIFY(!store.save(QStringLiteral("nf4 g64"), spec(3), &problem));
  QVERIFY(problem.contains(QStringLiteral("comes with the program")));
  QVERIFY(store.save(QStringLiteral("one"), spec(3), &problem));
  QVERIFY(problem.isEmpty());
  QVERIFY(store.save(QStringLiteral("two"), spec(4)));
  QVERIFY(!store.rename(QStringLiteral("one"), QStringLiteral("Two"), &problem));
  QVERIFY(problem.contains(QStringLiteral("Two")));
  QVERIFY(store.rename(QStringLiteral("one"), QStringLiteral("ONE")));
  QCOMPARE(namesOf(store), QStringList({QStringLiteral("ONE"), QStringLiteral("two")}));
  QVERIFY(store.save(QStringLiteral("two"), spec(8)));  // replaced
  QCOMPARE(store.own()[1].spec, spec(8));
}

void PresetsTest::changesAreUndone() {
  Desk desk;
  desk.open();
  PresetStore store(desk.session.get(), desk.settings.get());
  QUndoStack* stack = desk.session->undoGroup()->activeStack();
  QVERIFY(store.save(QStringLiteral("one"), spec(3)));
  QVERIFY(store.save(QStringLiteral("one"), spec(5)));
  QVERIFY(store.rename(QStringLiteral("one"), QStringLiteral("One")));
  store.remove(QStringLiteral("One"));
  QVERIFY(store.own().empty());
  QCOMPARE(stack->count(), 4);
  QCOMPARE(stack->undoText(), QStringLiteral("remove preset One"));
  stack->undo();
  QCOMPARE(namesOf(store), QStringList{QStringLiteral("One")});
  stack->undo();
  QCOMPARE(namesOf(store), QStringList{QStringLiteral("one")});
  QCOMPARE(store.own()[0].spec, spec(5));
  stack->undo();
  QCOMPARE(store.own()[0].spec, spec(3));
  stack->undo();
  QVERIFY(store.own().empty());
  for (int i = 0; i < 3; ++i) stack->redo();
  QCOMPARE(namesOf(store), QStringList{QStringLiteral("One")});
}

void PresetsTest::aPresetIsSavedRenamedAndUsedWithKeys() {
  Desk desk;
  desk.open();
  desk.session->editSpec(spec(3), QStringLiteral("3 bits"));
  QDialog* locator = locate(desk, QStringLiteral("own presets"));
  QTest::keyClick(locator->findChild<QLineEdit*>(), Qt::Key_Return);
  QTRY_VERIFY(desk.find<QDialog>("presetDialog") != nullptr);
  auto* dialog = desk.find<QDialog>("presetDialog");
  auto* name = dialog->findChild<QLineEdit*>(QStringLiteral("presetName"));
  name->selectAll();
  QTest::keyClicks(name, QStringLiteral("tiny"));
  QTest::keyClick(name, Qt::Key_Return);
  auto* list = dialog->findChild<QListWidget*>(QStringLiteral("ownPresets"));
  QTRY_COMPARE(list->count(), 1);
  QVERIFY(dialog->isVisible());
  list->setFocus();
  QTest::keyClick(list, Qt::Key_F2);
  auto* editor = list->findChild<QLineEdit*>();
  QVERIFY(editor != nullptr);
  editor->selectAll();
  QTest::keyClicks(editor, QStringLiteral("smallest"));
  QTest::keyClick(editor, Qt::Key_Return);
  QTRY_COMPARE(list->item(0)->text(), QStringLiteral("smallest"));
  dialog->close();

  desk.session->editSpec(spec(8), QStringLiteral("8 bits"));
  locator = locate(desk, QStringLiteral("smallest"));
  QTest::keyClick(locator->findChild<QLineEdit*>(), Qt::Key_Return);
  QCOMPARE(desk.session->spec(), spec(3));
  QCOMPARE(desk.session->undoGroup()->undoText(), QStringLiteral("preset smallest"));
  QStringList offered;
  for (const QAction* action : desk.find<QToolButton>("presets")->menu()->actions()) {
    offered << action->text();
  }
  QVERIFY(offered.contains(QStringLiteral("smallest")));
  desk.settle();
}

void PresetsTest::theLocatorRanksAndFilters() {
  QVERIFY(fuzzyScore(QStringLiteral("proj 3"), QStringLiteral("layers.3.q_proj")));
  QVERIFY(!fuzzyScore(QStringLiteral("proj 4"), QStringLiteral("layers.3.q_proj")));
  QVERIFY(*fuzzyScore(QStringLiteral("open"), QStringLiteral("Open…")) >
          *fuzzyScore(QStringLiteral("open"), QStringLiteral("Reopen Last Session")));

  Desk desk;
  desk.open();
  QTRY_VERIFY(desk.session->overview(3).settled);
  QDialog* locator = locate(desk, QStringLiteral("kernel shape:>1000"));
  QCOMPARE(found(locator),
           QStringList({QStringLiteral("dense/kernel"), QStringLiteral("dense_1/kernel")}));
  auto* field = locator->findChild<QLineEdit*>();
  field->clear();
  QTest::keyClicks(field, QStringLiteral("sqnr:>1 -dense_1"));
  QCOMPARE(found(locator),
           QStringList({QStringLiteral("dense/kernel"), QStringLiteral("dense_2/kernel")}));
  field->clear();
  QTest::keyClicks(field, QStringLiteral("shape:nonsense"));
  auto* note = locator->findChild<QLabel*>(QStringLiteral("locatorNote"));
  QVERIFY2(note->text().contains(QStringLiteral("shape")), qPrintable(note->text()));
  field->clear();
  QTest::keyClicks(field, QStringLiteral("image clip"));
  QCOMPARE(found(locator).first(), QStringLiteral("Plot Image › Clip Curve…"));
  field->clear();
  QTest::keyClicks(field, QStringLiteral("rows:<=16"));
  QTest::keyClick(field, Qt::Key_Down);
  QTest::keyClick(field, Qt::Key_Return);
  QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));
  desk.settle();
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::PresetsTest)
#include "presets_test.moc"
