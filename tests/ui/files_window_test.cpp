// Files in the window: changes on disk, several at once, what is said of a file.
#include <algorithm>
#include <filesystem>

#include <QAction>
#include <QCheckBox>
#include <QComboBox>
#include <QFile>
#include <QFileDialog>
#include <QLabel>
#include <QPushButton>
#include <QSettings>
#include <QSignalSpy>
#include <QTableView>
#include <QTemporaryDir>
#include <QToolButton>
#include <QtTest>

#include "core/io/registry.h"
#include "tests/support/fake_source.h"
#include "tests/ui/desk.h"
#include "ui/main_window/main_window.h"
#include "ui/models/tensor_list_model.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/tensor_details.h"
#include "ui/session/file_watch.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;

void write(const QString& path, const char* content) {
  QFile file(path);
  QVERIFY(file.open(QIODevice::WriteOnly));
  file.write(content);
}

/// As most programs save: a new file takes the place of the old one.
void replace(const QString& path, const char* content) {
  write(path + QStringLiteral(".new"), content);
  std::filesystem::rename((path + QStringLiteral(".new")).toStdString(), path.toStdString());
}

/// A window on two files that are there.
struct TwoFiles {
  QTemporaryDir folder;
  QString first = folder.filePath(QStringLiteral("first.h5"));
  QString second = folder.filePath(QStringLiteral("second.h5"));
  /// How often each was opened.
  std::shared_ptr<std::map<std::string, int>> opened =
      std::make_shared<std::map<std::string, int>>();
  /// Of each opening, whether words were to be taken for bfloat16.
  std::shared_ptr<std::vector<bool>> words = std::make_shared<std::vector<bool>>();
  std::unique_ptr<Settings> settings;
  std::unique_ptr<Session> session;
  std::unique_ptr<MainWindow> window;

  TwoFiles() {
    write(first, "one");
    write(second, "two");
    Session::Environment environment;
    environment.executor = Executor(2);
    environment.open = [opened = opened, words = words](
                           const std::string& path,
                           const OpenOptions& options) -> Result<SharedSource> {
      ++(*opened)[path];
      words->push_back(options.wordsAreBFloat16);
      auto source = std::make_shared<FakeSource>(path);
      source->add("dense/kernel", 8, 32);
      source->add("dense_1/kernel", 8, 64);
      return SharedSource(source);
    };
    settings = std::make_unique<Settings>(std::make_unique<QSettings>(
        folder.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session = std::make_unique<Session>(environment);
    window = std::make_unique<MainWindow>(session.get(), settings.get());
    window->show();
    window->openFiles({first, second});
    settle(2);
  }
  ~TwoFiles() {
    window.reset();
    session.reset();
  }

  void settle(int files) const {
    QTRY_COMPARE(session->openFiles().size(), files);
    QTRY_VERIFY(session->settled() && session->resultIsCurrent());
  }
  int timesOpened(const QString& path) const { return (*opened)[path.toStdString()]; }
  MessageBar* messages() const {
    return window->findChild<MessageBar*>(QStringLiteral("messages"));
  }
  void takeOffer() const {
    auto* button = messages()->findChild<QPushButton*>(QStringLiteral("messageAction"));
    QVERIFY(button->isVisible());
    QTest::mouseClick(button, Qt::LeftButton);
  }
};

/// A Keras Conv2D kernel.
TensorInfo kernel() {
  TensorInfo info;
  info.name = "conv/kernel";
  info.dtype = "float32";
  info.shape = {3, 3, 16, 64};
  info.bytes = 4 * 3 * 3 * 16 * 64;
  info.transposed = true;
  info.quantizable = true;
  setAxes(info, {{3, 2, 0, 1}, 1, {}});
  return info;
}

QStringList textsOf(const TensorInfo& info) {
  QStringList texts;
  for (const TensorBadge& badge : badgesOf(info)) texts << badge.text;
  return texts;
}

}  // namespace

class FilesWindowTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }

  void aWatchTellsWritingAndReplacing() {
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("a.h5"));
    write(path, "old");
    FileWatch watch(nullptr, 20);
    QSignalSpy changes(&watch, &FileWatch::changed);
    watch.setFiles({path});
    write(path, "longer");
    QTRY_COMPARE(changes.size(), 1);
    QVERIFY(watch.isChanged(path));
    // Twice, since a file that was replaced is no longer the one that was watched.
    replace(path, "a third");
    QTRY_COMPARE(changes.size(), 2);
    replace(path, "a fourth");
    QTRY_COMPARE(changes.size(), 3);
    watch.accept(path);
    QVERIFY(!watch.isChanged(path));
    QTest::qWait(60);
    QCOMPARE(changes.size(), 3);
  }

  void aFileThatIsGoneForAWhileChangesWhenItIsBack() {
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("a.h5"));
    write(path, "old");
    FileWatch watch(nullptr, 20);
    QSignalSpy changes(&watch, &FileWatch::changed);
    watch.setFiles({path});
    QVERIFY(QFile::remove(path));
    QTest::qWait(120);
    QCOMPARE(changes.size(), 0);
    write(path, "new");
    QTRY_COMPARE(changes.size(), 1);
    write(path, "newer");  // it is watched itself again
    QTRY_COMPARE(changes.size(), 2);
  }

  void otherFilesOfTheFolderAreNoChange() {
    QTemporaryDir folder;
    const QString path = folder.filePath(QStringLiteral("a.h5"));
    write(path, "old");
    FileWatch watch(nullptr, 20);
    QSignalSpy changes(&watch, &FileWatch::changed);
    watch.setFiles({path});
    write(folder.filePath(QStringLiteral("b.h5")), "other");
    QTest::qWait(120);
    QCOMPARE(changes.size(), 0);
  }

  void aFileThatIsNotShownIsReloadedInItsPlace() {
    TwoFiles desk;
    desk.session->setCurrentFile(1);
    desk.session->selectTensor(QStringLiteral("dense_1/kernel"));
    QuantSpec spec = desk.session->spec();
    spec.bits = 3;
    desk.session->editSpec(spec, QStringLiteral("3 bits"));
    desk.session->setCurrentFile(0);
    desk.settle(2);
    replace(desk.second, "two, again");
    QTRY_VERIFY(desk.messages()->text().contains(QStringLiteral("second.h5")));
    QCOMPARE(desk.session->currentPath(), desk.first);
    const SharedResult shown = desk.session->result();
    desk.takeOffer();
    QTRY_COMPARE(desk.timesOpened(desk.second), 2);
    desk.settle(2);
    QCOMPARE(desk.session->currentPath(), desk.first);
    QCOMPARE(desk.session->result(), shown);
    desk.session->setCurrentFile(1);
    desk.settle(2);
    QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_1/kernel"));
    QCOMPARE(desk.session->spec().bits, 3);
    QVERIFY(desk.messages()->text().isEmpty());  // it is up to date
  }

  void badgesSayWhatIsUnusual() {
    TensorInfo info = kernel();
    QCOMPARE(textsOf(info), (QStringList{"f32", "T"}));
    info.transposed = false;
    info.dtype = "float8_e4m3fn x 128x128 block scales";
    QCOMPARE(textsOf(info), QStringList(QStringLiteral("e4m3fn × scale")));
    info.dtype = "bfloat16";
    info.chunk = {3, 3, 16, 8};
    QCOMPARE(textsOf(info), (QStringList{"bf16", "chunks"}));
    info.filters = {"shuffle", "gzip", "fletcher32"};
    QCOMPARE(textsOf(info), (QStringList{"bf16", "gz"}));
    QCOMPARE(badgesOf(info)[1].meaning,
             QStringLiteral("Stored in chunks of 3 × 3 × 16 × 8, through shuffle, gzip, "
                            "fletcher32; decoded when it is read"));
    info.filters = {"shuffle"};
    QCOMPARE(textsOf(info), (QStringList{"bf16", "shuffle"}));
    info.filters.clear();
    info.chunk.clear();
    info.quantizable = false;
    info.reason = "its data lie in another file";
    info.dtype = "int64";
    QCOMPARE(textsOf(info), (QStringList{"i64", "no weight"}));
    info.refused = true;
    QCOMPARE(textsOf(info), (QStringList{"i64", "refused"}));
    QVERIFY(badgesOf(info)[1].meaning.contains(QStringLiteral("its data lie in another file")));
  }

  void axesAreNamed() {
    TensorInfo info = kernel();
    QCOMPARE(
        axesText(info),
        QStringLiteral("output channels: axis 3 (64); input channels: axis 2 (16), 0 (3), 1 (3)"));
    info.shape = {8, 4, 2};
    setAxes(info, {{2, 1}, 1, 5});
    QCOMPARE(axesText(info),
             QStringLiteral("output channels: axis 2 (2); input channels: axis 1 (4); matrix 5 of "
                            "the stack along axis 0"));
  }

  void theDetailsTellOfTheRowUnderTheCursor() {
    Desk desk;
    desk.source->addRefused("linked/kernel", "its data lie in another file, which is not followed");
    desk.open();
    auto* details = desk.window->findChild<TensorDetails*>();
    QVERIFY(!details->isVisible());
    QTest::mouseClick(desk.find<QToolButton>("showDetails"), Qt::LeftButton);
    QVERIFY(details->isVisible());
    QVERIFY(details->text().contains(QStringLiteral("Name: dense/kernel\n")));
    QVERIFY(details->text().contains(QStringLiteral("Type: float32\nShape: 24 × 64\n")));
    QVERIFY(details->text().contains(QStringLiteral("Matrix: 24 output × 64 input channels\n")));
    QVERIFY(details->text().contains(QStringLiteral("Stored: in one piece\n")));
    QVERIFY(details->text().contains(QStringLiteral("(6,144 bytes)")) ||
            details->text().contains(QStringLiteral("(6144 bytes)")));
    QVERIFY(!details->text().contains(QStringLiteral("Problem")));

    desk.find<QCheckBox>("showAll")->setChecked(true);
    auto* table = desk.find<QTableView>("tensors");
    table->setFocus();
    QTest::keyClick(table, Qt::Key_End, Qt::ControlModifier);
    QVERIFY(details->text().contains(QStringLiteral("Name: linked/kernel\n")));
    QVERIFY(details->text().contains(QStringLiteral("its data lie in another file")));
    QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense/kernel"));  // still shown
    const QModelIndex type = table->currentIndex().siblingAtColumn(TensorListModel::Type);
    QVERIFY(type.data(Qt::ToolTipRole).toString().contains(QStringLiteral("another file")));
    QVERIFY(type.data(Qt::AccessibleTextRole).toString().contains(QStringLiteral("Refused")));
    for (QLabel* label : details->findChildren<QLabel*>()) {
      if (label->text().contains(QStringLiteral("href"))) {
        Q_EMIT label->linkActivated(QStringLiteral("allow"));
      }
    }
    QTRY_COMPARE(desk.opened->size(), std::size_t{2});
    QVERIFY(desk.opened->back());  // allowed what lies outside
    desk.settle();
  }

  void wordsAreTakenForBFloat16OnRequest() {
    TensorInfo words = kernel();
    words.quantizable = false;
    words.dtype = "uint16";
    words.reason = "uint16 is not a floating-point type";
    words.perhapsBFloat16 = true;
    TensorDetails details;
    details.show(&words);
    QSignalSpy taken(&details, &TensorDetails::wordsTakenForBFloat16);
    QSignalSpy allowed(&details, &TensorDetails::allowed);
    for (QLabel* label : details.findChildren<QLabel*>()) {
      if (label->text().contains(QStringLiteral("href=\"bfloat16\""))) {
        Q_EMIT label->linkActivated(QStringLiteral("bfloat16"));
      }
    }
    QCOMPARE(taken.size(), 1);
    QCOMPARE(allowed.size(), 0);

    TwoFiles desk;
    desk.session->readUint16AsBFloat16();
    QTRY_COMPARE(desk.timesOpened(desk.first), 2);
    desk.settle(2);
    QVERIFY(desk.words->back());
    QVERIFY(desk.session->wordsAreBFloat16());
    QVERIFY(desk.window->commandLine().endsWith(QStringLiteral(" --bfloat16")));
    desk.session->reloadCurrentFile(false);  // the choice stays with the file
    QTRY_COMPARE(desk.timesOpened(desk.first), 3);
    desk.settle(2);
    QVERIFY(desk.words->back());
  }

  void theAxesAreChosenAndChosenBack() {
    Desk desk;
    desk.open();
    const double before = desk.shownMetric("mse");
    desk.find<QToolButton>("showDetails")->click();
    auto* axes = desk.find<QComboBox>("orientation");
    QVERIFY(axes->isVisible());
    axes->setFocus();
    QTest::keyClick(axes, Qt::Key_End);  // the last axis holds the outputs
    QCOMPARE(desk.session->orientation(), Orientation::Columns);
    desk.settle();
    QVERIFY(desk.session->detail());
    QVERIFY(desk.window->findChild<TensorDetails*>()->text().contains(
        QStringLiteral("Matrix: 64 output × 24 input channels")));
    QVERIFY(desk.window->commandLine().endsWith(QStringLiteral(" --orientation columns")));
    // The fake source pays no heed to orientations, but it is asked again.
    QCOMPARE(desk.source->lastOrientation.load(), Orientation::Columns);
    desk.session->undoGroup()->undo();
    QCOMPARE(desk.session->orientation(), Orientation::Auto);
    QCOMPARE(axes->currentIndex(), 0);
    desk.settle();
    QCOMPARE(desk.source->lastOrientation.load(), Orientation::Auto);
    QCOMPARE(desk.shownMetric("mse"), before);
  }

  void axesThatCannotBeReadAreTakenBack() {
    Desk desk;
    desk.open();
    desk.source->gate.shut();
    desk.session->setOrientation(Orientation::Columns);
    QTRY_COMPARE(desk.source->gate.waiting(), 1);
    desk.session->cancel();
    QCOMPARE(desk.session->orientation(), Orientation::Auto);
    desk.source->gate.open();
    desk.session->recompute();
    desk.settle();
    QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  }

  void aFolderIsOpenedAsItsModel() {
    Desk desk;
    desk.window->show();
    desk.window->openFiles({desk.directory.path()});
    desk.settle();
    QCOMPARE(desk.session->openFiles(), QStringList{desk.path()});
    desk.window->openFiles({desk.directory.path() + QStringLiteral("/::dense_2/kernel")});
    desk.settle();
    QCOMPARE(desk.session->openFiles(), QStringList{desk.path()});
    QCOMPARE(desk.session->currentTensor(), QStringLiteral("dense_2/kernel"));

    QFile second(desk.directory.filePath(QStringLiteral("other.npz")));
    QVERIFY(second.open(QIODevice::WriteOnly));
    desk.window->openFiles({desk.directory.path()});
    QTRY_VERIFY(desk.messages()->isVisible());
    QVERIFY(desk.messages()->text().contains(QStringLiteral("model.h5, other.npz")));
    desk.settle();
  }

  void theOpenDialogOffersEveryFormat() {
    Desk desk;
    desk.window->show();
    const auto actions = desk.window->findChildren<QAction*>();
    const auto open = std::find_if(actions.begin(), actions.end(), [](const QAction* action) {
      return action->shortcut() == QKeySequence(QKeySequence::Open);
    });
    QVERIFY(open != actions.end());
    (*open)->trigger();
    auto* dialog = desk.window->findChild<QFileDialog*>();
    QVERIFY(dialog);
    for (const ContainerFormat* format : containerFormats()) {
      for (const char* suffix : format->suffixes) {
        const bool offered = dialog->nameFilters().first().contains(QLatin1String(suffix));
        QVERIFY2(offered == (format->open != nullptr), suffix);
      }
    }
    dialog->close();
  }

  void anOfferThatWasPutAwayComesBackWithTheFile() {
    TwoFiles desk;
    write(desk.second, "two, and more");
    QTRY_VERIFY(desk.messages()->text().contains(QStringLiteral("second.h5")));
    desk.messages()->clear();
    desk.session->setCurrentFile(1);
    QVERIFY(desk.messages()->text().contains(QStringLiteral("second.h5 changed on disk")));
    desk.takeOffer();
    QTRY_COMPARE(desk.timesOpened(desk.second), 2);
    desk.settle(2);
    QCOMPARE(desk.session->currentPath(), desk.second);
    QCOMPARE(desk.timesOpened(desk.first), 1);
  }
};

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::FilesWindowTest)
#include "files_window_test.moc"
