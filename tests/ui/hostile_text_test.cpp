// Names as an attacker, or a careless script, would choose them: nothing that a file says is markup
// anywhere in the window, nor hides what it is.
#include <set>

#include <QAccessible>
#include <QAction>
#include <QApplication>
#include <QCheckBox>
#include <QComboBox>
#include <QDockWidget>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QStatusBar>
#include <QTableView>
#include <QToolTip>
#include <QtTest>

#include "core/base/printable.h"
#include "core/quant/codebooks.h"
#include "tests/ui/desk.h"
#include "ui/main_window/export_dialog.h"
#include "ui/panels/spec_panel.h"
#include "ui/plots/plot.h"
#include "ui/session/pin_store.h"
#include "ui/session/preset_store.h"
#include "ui/session/session_document.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

using std::string_literals::operator""s;

const std::string kTag = "<img src=\"file:///nowhere.png\"><b>bold<i>";
// NOLINTBEGIN(bugprone-suspicious-missing-comma): cut where a digit would belong to an escape
const std::vector<std::string> kNames = {
    kTag,
    "a & b &lt;u&gt; &c",
    "left\xe2\x80\xae"
    "right\xe2\x80\x8b\xe2\x81\xa6",
    "new\nline\ttab\x1b[2J\x7f",
    "",
    "nul\0byte"s,
    "bytes \xff\xfe",
    std::string(std::size_t{1} << 20, 'w') + "/<img src=x>",
};
// NOLINTEND(bugprone-suspicious-missing-comma)

void fill(test::FakeSource& source) {
  for (const std::string& name : kNames) source.add(name, 8, 64);
  for (const std::string& name : kNames) source.addOther("other" + name, 4, "why not: " + name);
  source.addRefused("refused" + kTag, "refused, " + kTag);
}

/// Finds texts that are, or could be taken for, something else than themselves.
class Inspector {
 public:
  void look() {
    for (QWidget* widget : QApplication::allWidgets()) lookAt(*widget);
    for (const QWidget* window : QApplication::topLevelWidgets()) {
      for (const QAction* action : window->findChildren<QAction*>()) lookAt(*action);
    }
  }

  const QStringList& problems() const { return problems_; }
  bool saw(const char* part) const {
    return std::any_of(seen_.begin(), seen_.end(), [part](const QString& text) {
      return text.contains(QString::fromUtf8(part));
    });
  }

 private:
  static constexpr qsizetype kLongest = 8000;

  void check(const QString& where, const QString& text) {
    if (!seen_.insert(text).second) return;
    QString plain = text;
    plain.remove(QLatin1Char('\n'));  // messages and tips have lines
    plain.remove(QChar(0x200b));      // where the details may wrap a name
    const QString shown = QString::fromStdString(printable(plain.toStdString()));
    if (shown != plain) tell(where, QStringLiteral("raw characters"), shown);
    if (text.size() > kLongest) tell(where, QStringLiteral("too long"), text);
  }
  void checkTip(const QString& where, const QString& text) {
    check(where, text);
    if (Qt::mightBeRichText(text)) tell(where, QStringLiteral("rich text"), text);
  }
  void tell(const QString& where, const QString& what, const QString& text) {
    problems_ << QStringLiteral("%1: %2: %3").arg(where, what, text.left(80));
  }

  void lookAt(QWidget& widget) {
    const QString where = QStringLiteral("%1 '%2'").arg(
        QString::fromLatin1(widget.metaObject()->className()), widget.objectName());
    checkTip(where + QStringLiteral(" tip"), widget.toolTip());
    check(where + QStringLiteral(" status tip"), widget.statusTip());
    check(where + QStringLiteral(" name"), widget.accessibleName());
    check(where + QStringLiteral(" description"), widget.accessibleDescription());
    check(where + QStringLiteral(" title"), widget.windowTitle());
    if (const QAccessibleInterface* said = QAccessible::queryAccessibleInterface(&widget)) {
      for (const QAccessible::Text kind :
           {QAccessible::Name, QAccessible::Description, QAccessible::Value}) {
        check(where + QStringLiteral(" said"), said->text(kind));
      }
    }
    if (const auto* label = qobject_cast<QLabel*>(&widget)) lookAtLabel(where, *label);
    if (const auto* view = qobject_cast<QAbstractItemView*>(&widget)) lookAtView(where, *view);
    if (const auto* box = qobject_cast<QComboBox*>(&widget)) {
      for (int i = 0; i < box->count(); ++i) {
        check(where, box->itemText(i));
        checkTip(where, box->itemData(i, Qt::ToolTipRole).toString());
      }
    }
    if (const auto* bar = qobject_cast<QStatusBar*>(&widget)) check(where, bar->currentMessage());
    if (const auto* plot = qobject_cast<Plot*>(&widget)) {
      check(where + QStringLiteral(" subject"), plot->subject());
      check(where + QStringLiteral(" summary"), plot->summary());
      check(where + QStringLiteral(" hover"), plot->hoverText());
    }
  }
  void lookAtLabel(const QString& where, const QLabel& label) {
    check(where, label.text());
    if (!label.isVisible()) return;
    if (label.textFormat() == Qt::AutoText) tell(where, QStringLiteral("guesses"), label.text());
    if (label.textFormat() == Qt::RichText && label.text().contains(QLatin1String("<img"))) {
      tell(where, QStringLiteral("rich text"), label.text());
    }
  }
  void lookAtView(const QString& where, const QAbstractItemView& view) {
    const QAbstractItemModel* model = view.model();
    if (model == nullptr) return;
    const int rows = std::min(model->rowCount(), 64);
    for (int column = 0; column < model->columnCount(); ++column) {
      checkTip(where, model->headerData(column, Qt::Horizontal, Qt::ToolTipRole).toString());
      for (int row = 0; row < rows; ++row) {
        const QModelIndex index = model->index(row, column);
        for (const int role : {int(Qt::DisplayRole), int(Qt::AccessibleTextRole),
                               int(Qt::AccessibleDescriptionRole)}) {
          check(where, index.data(role).toString());
        }
        for (const int role : {int(Qt::ToolTipRole), int(Qt::StatusTipRole)}) {
          checkTip(where, index.data(role).toString());
        }
      }
    }
  }
  void lookAt(const QAction& action) {
    const QString where = QStringLiteral("action '%1'").arg(action.objectName());
    check(where, action.text());
    checkTip(where, action.toolTip());
    check(where, action.statusTip());
    // An ampersand that marks a letter is one of ours: a file's are doubled.
    QString text = action.text();
    text.remove(QLatin1String("&&"));
    if (text.count(QLatin1Char('&')) > 1) tell(where, QStringLiteral("mnemonics"), text);
  }

  std::set<QString> seen_;
  QStringList problems_;
};

QuantSpec ownCodebook() {
  QuantSpec spec = QuantSpec{}.withDtype(Dtype::Codebook);
  auto book = makeNamedCodebook("levels", {-1, -0.25, 0.25, 1}, {});
  book->name = kTag + "\xe2\x80\xae";
  spec.codebook = *book;
  spec.bits = 2;
  return spec;
}

/// Each target, with findings about every tensor: no configuration holds a clip ratio.
void lookAtExports(Desk& desk, Inspector& inspector) {
  QuantSpec spec;
  spec.clip = ClipPolicy::fixed(0.9);
  desk.session->editSpec(spec, QStringLiteral("clip ratio"));
  desk.session->applyToAll();
  desk.window->findChild<QAction*>(QStringLiteral("exportModel"))->trigger();
  auto* dialog = desk.window->findChild<ExportDialog*>();
  QVERIFY(dialog != nullptr);
  auto* target = dialog->findChild<QComboBox*>(QStringLiteral("exportTarget"));
  std::size_t findings = 0;
  for (int i = 0; i < target->count(); ++i) {
    target->setCurrentIndex(i);
    QTRY_VERIFY(dialog->study()->isCurrent());
    findings += dialog->study()->lines().size();
    inspector.look();
  }
  QVERIFY(findings >= kNames.size());
  dialog->close();
}

}  // namespace

class HostileTextTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }
  void textsAreShortenedAndEscaped();
  void nothingInTheWindowIsMarkupOrRaw();
  void aTensorWithoutANameIsATensor();
  void aNameThatIsNoUtf8CanBeChosen();
  void whatQtShowsByItselfIsPlain();
  void picturesNameTensorsPlainly();
};

void HostileTextTest::textsAreShortenedAndEscaped() {
  QCOMPARE(shownText("dense/kernel"s), QStringLiteral("dense/kernel"));
  QCOMPARE(shownText("a\xe2\x80\xae"
                     "b"s),
           QStringLiteral("a\\u202eb"));
  QCOMPARE(shownName(""s), QStringLiteral("(empty name)"));
  QCOMPARE(shownText(""s), QString());
  // NOLINTNEXTLINE(bugprone-string-constructor): as long as that it is
  const QString name = shownName(std::string(10'000'000, 'a') + "/the_end");
  QVERIFY(name.size() <= kMostOfName && name.endsWith(QStringLiteral("/the_end")));
  QVERIFY(name.contains(QChar(0x2026)));
  // NOLINTNEXTLINE(bugprone-string-constructor): as long as that it is
  const QString escaped = shownText(std::string(10'000'000, '\x01'));
  QVERIFY(escaped.size() <= kMostOfText);
  QCOMPARE(shownLines(QStringLiteral("one\n\ttwo")), QStringLiteral("one\n\\ttwo"));
  QVERIFY(shownLines(QString(100000, QLatin1Char('\n'))).size() < kMostOfText);
  QCOMPARE(menuText(QStringLiteral("a & b")), QStringLiteral("a && b"));
  QCOMPARE(tipText(QStringLiteral("a < b & c")), QStringLiteral("a < b & c"));
  QCOMPARE(tipText(QStringLiteral("<b>x")), QStringLiteral("\\x3cb>x"));
  QVERIFY(!Qt::mightBeRichText(tipText(QStringLiteral("&lt;b>"))));
}

void HostileTextTest::nothingInTheWindowIsMarkupOrRaw() {
  Desk desk(fill);
  const QString evil = desk.directory.filePath(QStringLiteral("<img src=x>&evil") + QChar(0x202e) +
                                               QStringLiteral(".h5"));
  desk.settings->addRecentFile(evil);
  desk.open();
  for (const Qt::Key perspective : {Qt::Key_1, Qt::Key_2, Qt::Key_3}) {
    QTest::keyClick(desk.window.get(), perspective, Qt::ControlModifier);
  }
  for (QDockWidget* dock : desk.window->findChildren<QDockWidget*>()) dock->show();
  Inspector inspector;
  for (const TensorInfo& info : std::vector<TensorInfo>(desk.session->tensors())) {
    desk.session->selectTensor(tensorText(info.name));
    desk.settle();
    desk.session->setOrientation(Orientation::Rows);  // a step of undo with the name
    desk.settle();
    inspector.look();
  }
  auto* table = desk.find<QTableView>("tensors");
  desk.find<QCheckBox>("showAll")->setChecked(true);
  for (int row = 0; row < table->model()->rowCount(); ++row) {
    table->setCurrentIndex(table->model()->index(row, 0));  // the details and the note
    desk.settle();
    inspector.look();
  }
  auto* pins = desk.window->findChild<PinStore*>();
  desk.session->editSpec(ownCodebook(), QString::fromStdString(kTag));
  desk.settle();
  const int pin = pins->pinCurrent();
  inspector.look();
  pins->rename(pin, QString::fromStdString(kTag) + QStringLiteral(" & &more") + QChar(0x202e));
  auto* presets = desk.window->findChild<PresetStore*>();
  QVERIFY(presets->save(QString::fromStdString(kTag + "&\xe2\x80\xae"), desk.session->spec()));
  desk.settle();
  inspector.look();
  // Errors and notices.
  desk.window->openFiles({evil});
  QTRY_VERIFY(!desk.messages()->text().isEmpty());
  inspector.look();
  Q_EMIT desk.session->failed(QString::fromStdString(kTag) + QString(3'000'000, QChar(0x202e)));
  inspector.look();
  for (const char* opens : {"Find Anything…", "Own Presets…"}) {
    for (QAction* action : desk.window->findChildren<QAction*>()) {
      if (action->text().remove(QLatin1Char('&')) != QString::fromUtf8(opens)) continue;
      action->trigger();
      break;
    }
    QTRY_VERIFY(QApplication::activeModalWidget() != nullptr);
    inspector.look();
    QWidget* dialog = QApplication::activeModalWidget();
    const QString title = dialog->windowTitle();
    dialog->close();
    QTRY_VERIFY2(QApplication::activeModalWidget() == nullptr, qPrintable(title));
  }
  lookAtExports(desk, inspector);
  QVERIFY2(inspector.problems().isEmpty(),
           qPrintable(inspector.problems().mid(0, 40).join(QLatin1Char('\n'))));
  for (const char* part :
       {"\\u202e", "\\x00", "\\x1b", "\\xff", "(empty name)", "<img", "\\x26evil"}) {
    QVERIFY2(inspector.saw(part), part);
  }
}

void HostileTextTest::aTensorWithoutANameIsATensor() {
  Desk desk([](test::FakeSource& source) { source.add("", 8, 64); });
  desk.open();
  QVERIFY(desk.session->hasTensor());
  QVERIFY(desk.session->currentInfo() != nullptr);
  QVERIFY(desk.window->findChild<SpecPanel*>()->isEnabled());
  QVERIFY(desk.window->windowTitle().startsWith(QStringLiteral("(empty name)")));
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("bits"));
  desk.settle();
  QVERIFY(desk.session->hasOwnSpec());
  QCOMPARE(desk.session->result()->spec.bits, 3);
  QVERIFY(desk.window->findChild<PinStore*>()->pinCurrent() > 0);
}

void HostileTextTest::aNameThatIsNoUtf8CanBeChosen() {
  const std::string name = "bad \xff";
  Desk desk([&](test::FakeSource& source) {
    source.add("good", 8, 64);
    source.add(name, 4, 32);
  });
  desk.open();
  desk.session->selectTensor(tensorText(name));
  desk.settle();
  QCOMPARE(desk.session->result()->info.name, name);
  QuantSpec spec = desk.session->spec();
  spec.bits = 3;
  desk.session->editSpec(spec, QStringLiteral("bits"));
  desk.settle();
  QCOMPARE(desk.session->result()->spec.bits, 3);
  desk.session->dropOwnSpec();
  QVERIFY(!desk.session->hasOwnSpec());
}

void HostileTextTest::whatQtShowsByItselfIsPlain() {
  Desk desk;
  desk.open();
  const auto formatOf = [](const QString& text) {
    for (const QWidget* widget : QApplication::allWidgets()) {
      const auto* label = qobject_cast<const QLabel*>(widget);
      if (label != nullptr && label->isVisible() && label->text() == text) {
        return label->textFormat();
      }
    }
    return Qt::AutoText;
  };
  const QString tag = QString::fromStdString(kTag);
  QToolTip::showText(desk.window->geometry().center(), tag, desk.window.get());
  QTRY_COMPARE(formatOf(tag), Qt::PlainText);
  QToolTip::hideText();
  // As the file chooser of Qt asks whether a file may be replaced.
  QMessageBox box(QMessageBox::Warning, QStringLiteral("Save"), tag, QMessageBox::Yes,
                  desk.window.get());
  box.open();
  QTRY_COMPARE(formatOf(tag), Qt::PlainText);
  box.close();
}

void HostileTextTest::picturesNameTensorsPlainly() {
  Desk desk([](test::FakeSource& source) { source.add(kTag + "\x1b & \xe2\x80\xae", 8, 64); });
  desk.open();
  const QString path = desk.directory.filePath(QStringLiteral("curve.svg"));
  QVERIFY(desk.curve()->exportImage(path, {400, 300}, 1));
  QFile file(path);
  QVERIFY(file.open(QIODevice::ReadOnly));
  const QByteArray svg = file.readAll();
  QXmlStreamReader reader(svg);
  bool named = false;
  while (!reader.atEnd()) {
    reader.readNext();
    QVERIFY2(reader.name() != QLatin1String("img"),
             svg.mid(reader.characterOffset() - 300, 400).constData());
    named = named || reader.text().contains(QLatin1String("<img"));
  }
  QVERIFY2(!reader.hasError(), qPrintable(reader.errorString()));
  QVERIFY(named);
}

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::HostileTextTest)
#include "hostile_text_test.moc"
