// How the window lives while work runs: previews, what is given up, opening, closing.
#include <QComboBox>
#include <QLabel>
#include <QSignalSpy>
#include <QSpinBox>
#include <QTableView>
#include <QToolButton>

#include "tests/ui/desk.h"
#include "ui/models/tensor_list_model.h"
#include "ui/panels/activity_bar.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/weight_histogram_plot.h"

namespace quantoscope::ui {

namespace {

using test::FakeSource;
using test::Gate;

constexpr auto kLarge = "large/kernel";

/// A desk whose file also holds a tensor that is worth a preview.
struct LargeDesk : Desk {
  LargeDesk() { source->add(kLarge, 1100, 1024); }

  void openLarge() {
    open();
    session->selectTensor(QString::fromLatin1(kLarge));
    settle();
  }
  void editBits(int bits) const {
    QuantSpec spec = session->spec();
    spec.bits = bits;
    session->editSpec(spec, QStringLiteral("bits"));
  }
  bool previews(int bits) const {
    const SharedResult result = session->result();
    return result && result->preview && result->spec.bits == bits;
  }
};

/// A session on a file whose opening passes through a gate, after it told the names.
struct SlowFile {
  std::shared_ptr<FakeSource> source = std::make_shared<FakeSource>("/fake/slow.h5");
  std::shared_ptr<FakeSource> quick = std::make_shared<FakeSource>("/fake/quick.h5");
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::unique_ptr<QTemporaryDir> folder = std::make_unique<QTemporaryDir>();
  std::unique_ptr<Settings> settings;
  std::unique_ptr<Session> session;
  std::unique_ptr<MainWindow> window;

  SlowFile() {
    for (int i = 0; i < 30; ++i) source->add("layers." + std::to_string(i) + ".weight", 8, 32);
    quick->add("dense/kernel", 8, 32);
    Session::Environment environment;
    environment.executor = Executor(2);
    environment.open = [slow = source, quick = quick, gate = gate](
                           const std::string& path,
                           const OpenOptions& options) -> Result<SharedSource> {
      if (path == quick->path()) return SharedSource(quick);
      std::vector<std::string> names;
      for (const TensorInfo& info : slow->tensors()) names.push_back(info.name);
      if (options.onNames) options.onNames(names);
      if (options.control.progress) options.control.progress(17, 0);
      gate->pass(options.control.cancel);
      if (options.control.cancel.cancelled()) return Error{ErrorCode::Cancelled, "cancelled"};
      return SharedSource(slow);
    };
    settings = std::make_unique<Settings>(std::make_unique<QSettings>(
        folder->filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session = std::make_unique<Session>(environment);
    window = std::make_unique<MainWindow>(session.get(), settings.get());
    window->show();
    QVERIFY(QTest::qWaitForWindowExposed(window.get()));
  }
  ~SlowFile() {
    gate->open();
    source->gate.open();
    window.reset();
    session.reset();
  }

  void open(const std::shared_ptr<FakeSource>& file) const {
    window->openFiles({QString::fromStdString(file->path())});
  }
  QTableView* table() const { return window->findChild<QTableView*>(QStringLiteral("tensors")); }
  QString note() const { return window->findChild<QLabel*>(QStringLiteral("note"))->text(); }
};

}  // namespace

class LiveTest : public QObject {
  Q_OBJECT

 private Q_SLOTS:
  void initTestCase() { QStandardPaths::setTestModeEnabled(true); }

  void everyEditIsPreviewedWhileTheExactAnswerRuns() {
    LargeDesk desk;
    desk.openLarge();
    desk.gate->shut();  // no exact answer from now on
    for (const int bits : {8, 6, 3}) {
      desk.editBits(bits);
      QTRY_VERIFY(desk.previews(bits));
      QVERIFY(!desk.session->resultIsCurrent());
    }
    desk.gate->open();
    desk.settle();
    QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  }

  void anOvertakenExactAnswerIsGivenUp() {
    LargeDesk desk;
    desk.openLarge();
    std::vector<int> exact;
    connect(desk.session.get(), &Session::resultChanged, this, [&] {
      const SharedResult result = desk.session->result();
      if (!result->preview && (exact.empty() || exact.back() != result->spec.bits)) {
        exact.push_back(result->spec.bits);
      }
    });
    desk.gate->shut();
    desk.editBits(8);
    QTRY_COMPARE(desk.gate->waiting(), 1);
    desk.editBits(5);
    // Behind a gate that is still shut, only giving up lets the second analysis begin.
    QTRY_VERIFY(desk.previews(5));
    QTRY_COMPARE(desk.gate->waiting(), 1);
    desk.gate->open();
    desk.settle();
    QCOMPARE(exact, (std::vector<int>{4, 5}));
  }

  void noAnswerGoesBackInTime() {
    LargeDesk desk;
    desk.openLarge();
    std::uint64_t newest = 0;
    bool backwards = false;
    bool foreign = false;
    connect(desk.session.get(), &Session::resultChanged, this, [&] {
      const SharedResult result = desk.session->result();
      if (!result) return;
      backwards = backwards || result->id < newest;
      newest = result->id;
      const bool current = desk.session->resultIsCurrent();
      foreign =
          foreign ||
          (current && (result->preview || !(result->spec == desk.session->spec()) ||
                       QString::fromStdString(result->info.name) != desk.session->currentTensor()));
    });
    const QStringList tensors = {QString::fromLatin1(kLarge), QStringLiteral("dense/kernel"),
                                 QString::fromLatin1(kLarge), QStringLiteral("dense_2/kernel")};
    for (int step = 0; step < 60; ++step) {
      if (step % 7 == 6) desk.session->selectTensor(tensors[step % tensors.size()]);
      if (step % 11 == 10) desk.session->undoGroup()->undo();
      desk.editBits(2 + step % 7);
      QTest::qWait(step % 5 * 4);
    }
    desk.settle();
    QVERIFY(!backwards);
    QVERIFY(!foreign);
    QCOMPARE(desk.shownMetric("mse"), desk.expected()->metrics->mse);
  }

  void aPreviewIsToldFromASettledAnswer() {
    LargeDesk desk;
    desk.openLarge();
    auto* errors = desk.window->findChild<ErrorHistogramPlot*>();
    auto* weights = desk.window->findChild<WeightHistogramPlot*>();
    QVERIFY(errors->estimate().isEmpty());
    const QImage settled = errors->grab().toImage();
    desk.gate->shut();
    desk.editBits(5);
    QTRY_VERIFY(desk.previews(5));
    QVERIFY(errors->estimate().startsWith(QStringLiteral("preview")));
    QCOMPARE(weights->estimate(), errors->estimate());
    QVERIFY(!errors->isStale());  // a rough answer, but no old one
    // The tag in the corner, and only it, is seen after a moment.
    const QRect corner(errors->width() * 2 / 3, 0, errors->width() / 3, errors->height() / 8);
    const QImage before = errors->grab(corner).toImage();
    QTRY_VERIFY(errors->grab(corner).toImage() != before);
    desk.gate->open();
    desk.settle();
    QVERIFY(errors->estimate().isEmpty());
  }

  void aCancelledPreviewStaysMarked() {
    LargeDesk desk;
    desk.openLarge();
    desk.gate->shut();
    desk.editBits(5);
    QTRY_VERIFY(desk.previews(5));
    QTest::keyClick(desk.window.get(), Qt::Key_Escape);
    QVERIFY(desk.session->settled());
    QVERIFY(!desk.session->resultIsCurrent());
    QVERIFY(!desk.window->findChild<ErrorHistogramPlot*>()->estimate().isEmpty());
  }

  void namesAppearBeforeTheFileIsOpen() {
    SlowFile slow;
    slow.gate->shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.table()->model()->rowCount(), 30);
    QCOMPARE(slow.session->openFiles(), QStringList());
    QCOMPARE(slow.table()->model()->index(3, 0).data().toString(),
             QStringLiteral("layers.3.weight"));
    QVERIFY(slow.note().startsWith(QStringLiteral("30 arrays")));
    QVERIFY(slow.session->activity().text.contains(QStringLiteral("17 arrays")));
    QTest::mouseClick(slow.table()->viewport(), Qt::LeftButton, {}, {20, 10});
    QVERIFY(slow.session->currentTensor().isEmpty());  // nobody knows what it is yet
    slow.gate->open();
    QTRY_COMPARE(slow.session->currentTensor(), QStringLiteral("layers.0.weight"));
    QCOMPARE(slow.table()->model()->rowCount(), 30);
    QVERIFY(slow.note().startsWith(QStringLiteral("30 of 30 tensors")));
  }

  void openingIsCancelled() {
    SlowFile slow;
    slow.open(slow.quick);
    QTRY_VERIFY(slow.session->resultIsCurrent());
    slow.gate->shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.table()->model()->rowCount(), 30);
    QSignalSpy failures(slow.session.get(), &Session::failed);
    auto* bar = slow.window->findChild<ActivityBar*>();
    QTRY_VERIFY(bar->findChild<QToolButton*>()->isVisible());
    QTest::mouseClick(bar->findChild<QToolButton*>(), Qt::LeftButton);
    QCOMPARE(slow.table()->model()->rowCount(), 1);  // what was open before
    QTRY_VERIFY(slow.session->settled());
    QCOMPARE(slow.session->openFiles().size(), 1);
    QVERIFY(failures.isEmpty());
    slow.gate->open();
    slow.open(slow.source);
    QTRY_COMPARE(slow.session->openFiles().size(), 2);
  }

  void anotherFileIsOpenedAfterOneThatWasStopped() {
    SlowFile slow;
    slow.gate->shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.table()->model()->rowCount(), 30);
    slow.session->cancel();
    slow.open(slow.quick);
    QTRY_COMPARE(slow.session->openFiles().size(), 1);
    QTRY_VERIFY(slow.session->resultIsCurrent());
    QCOMPARE(slow.session->currentPath(), QStringLiteral("/fake/quick.h5"));
  }

  void closingTheFileWhileItsTensorLoadsIsSafe() {
    SlowFile slow;
    slow.open(slow.quick);
    QTRY_VERIFY(slow.session->resultIsCurrent());
    slow.source->gate.shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.source->gate.waiting(), 1);
    QTest::keySequence(slow.window.get(), QKeySequence(QKeySequence::Close));
    QCOMPARE(slow.session->openFiles(), QStringList{QStringLiteral("/fake/quick.h5")});
    // What loads is given up, or the other file's tensor would wait behind it.
    QTRY_VERIFY(slow.session->resultIsCurrent());
    QCOMPARE(slow.session->result()->info.name, std::string("dense/kernel"));
  }

  void anotherFileMayBeOpenedWhileATensorLoads() {
    SlowFile slow;
    slow.source->gate.shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.source->gate.waiting(), 1);
    slow.open(slow.quick);
    QTest::qWait(20);
    slow.source->gate.open();
    QTRY_COMPARE(slow.session->currentPath(), QStringLiteral("/fake/quick.h5"));
    QTRY_VERIFY(slow.session->resultIsCurrent());
    QCOMPARE(slow.session->result()->info.name, std::string("dense/kernel"));
  }

  void closingTheWindowDoesNotWaitForAFileThatOpens() {
    SlowFile slow;
    slow.gate->shut();
    slow.open(slow.source);
    QTRY_COMPARE(slow.table()->model()->rowCount(), 30);
    slow.window->close();
    slow.window.reset();
    slow.session.reset();  // behind the gate, which nobody opens
  }
};

}  // namespace quantoscope::ui

QTEST_MAIN(quantoscope::ui::LiveTest)
#include "live_test.moc"
