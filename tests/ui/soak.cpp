// A random walk through the window over real and damaged files, for sanitizers and for its memory.
// No test: tests/README.md tells how to run it.
//
//   soak [--seed N] [--actions N] [--every N] [--log] [FILE ...]
#include <cstdio>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <unistd.h>

#include <QApplication>
#include <QCommandLineParser>
#include <QDialog>
#include <QDir>
#include <QDockWidget>
#include <QFileDialog>
#include <QFileInfo>
#include <QLineEdit>
#include <QMenu>
#include <QMessageBox>
#include <QSettings>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTimer>
#include <QtTest>

#include "core/quant/number_formats.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
#include "ui/main_window/main_window.h"
#include "ui/plots/plot.h"
#include "ui/session/session.h"
#include "ui/session/settings.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

struct Options {
  std::uint64_t seed = 1;
  int actions = 1000;
  int every = 100;  ///< actions between two lines about memory
  bool log = false;
  QStringList files;
};

double residentMegabytes() {
  std::ifstream file("/proc/self/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

/// Whole numbers and choices from a seed; the same on every machine.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}

  std::size_t below(std::size_t count) { return count == 0 ? 0 : engine_() % count; }
  int between(int least, int most) {
    const int count = most - least + 1;
    return least + static_cast<int>(below(static_cast<std::size_t>(count)));
  }
  bool once(std::size_t in) { return below(in) == 0; }
  template <typename List>
  decltype(auto) oneOf(const List& list) {
    return list[static_cast<decltype(list.size())>(below(static_cast<std::size_t>(list.size())))];
  }

 private:
  std::mt19937_64 engine_;
};

/// Copies of the named files, and some made here, all in one folder, where they may be damaged.
class Files {
 public:
  Files(const QString& folder, const QStringList& originals, Dice& dice) : dice_(dice) {
    makeOwn(folder);
    for (const QString& original : originals) {
      const QString name =
          QStringLiteral("%1-%2").arg(paths_.size()).arg(QFileInfo(original).fileName());
      const QString copy = QDir(folder).filePath(name);
      if (QFile::copy(original, copy)) paths_ << copy;
    }
    originals_ = paths_;
    for (const QString& path : originals_) contents_ << contentOf(path);
    for (qsizetype i = 0; i < originals_.size(); ++i) {
      const QFileInfo info(originals_[i]);
      const QString damaged = info.dir().filePath(QStringLiteral("damaged-") + info.fileName());
      write(damaged, damagedOf(contents_[i]));
      paths_ << damaged;
    }
    paths_ << QDir(folder).filePath(QStringLiteral("not there.h5"));
  }

  const QString& any() { return dice_.oneOf(paths_); }
  /// Another content, or the first one again, while the file may be open.
  void change() {
    const auto i = static_cast<qsizetype>(dice_.below(static_cast<std::size_t>(originals_.size())));
    write(originals_[i], dice_.once(2) ? contents_[i] : damagedOf(contents_[i]));
  }

 private:
  static QByteArray contentOf(const QString& path) {
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
  }
  static void write(const QString& path, const QByteArray& content) {
    QFile file(path);
    if (file.open(QIODevice::WriteOnly)) file.write(content);
  }
  QByteArray damagedOf(QByteArray content) {
    if (content.isEmpty()) return content;
    if (dice_.once(2))
      content.truncate(
          static_cast<qsizetype>(dice_.below(static_cast<std::size_t>(content.size()))));
    const int flips = dice_.between(0, 20);
    for (int i = 0; i < flips && !content.isEmpty(); ++i) {
      // Headers stand at the beginning, and deserve most of it.
      const qsizetype room =
          dice_.once(2) ? content.size() : std::min<qsizetype>(content.size(), 4096);
      const auto at = static_cast<qsizetype>(dice_.below(static_cast<std::size_t>(room)));
      content[at] = static_cast<char>(dice_.below(256));
    }
    return content;
  }
  void makeOwn(const QString& folder) {
    const QString hdf5 = QDir(folder).filePath(QStringLiteral("own.h5"));
    {
      test::Hdf5Fixture fixture(hdf5.toStdString());
      fixture.counting("dense/kernel", {64, 96});
      fixture.counting("dense/bias", {96});
      fixture.counting("<img src=x>&\x1b[2J", {16, 32});
    }
    paths_ << hdf5;
    const QString odd = QDir(folder).filePath(QStringLiteral("odd & names.safetensors"));
    std::string header =
        R"({"":{"dtype":"F32","shape":[8,16],"data_offsets":[0,512]},)"
        R"("a\u202eb\u0000c":{"dtype":"F16","shape":[8,16],"data_offsets":[512,768]},")";
    header += std::string(100'000, 'n') +
              R"(":{"dtype":"BF16","shape":[16,8],"data_offsets":[768,1024]}})";
    const std::string bytes = test::safetensorsBytes(header, std::string(1024, '\x3c'));
    write(odd, QByteArray(bytes.data(), static_cast<qsizetype>(bytes.size())));
    paths_ << odd;
  }

  Dice& dice_;
  QStringList paths_;
  QStringList originals_;
  QList<QByteArray> contents_;
};

class Walk {
 public:
  explicit Walk(const Options& options)
      : options_(options),
        dice_(options.seed),
        files_(made(QStringLiteral("files")), options.files, dice_) {
    settings_ = std::make_unique<Settings>(std::make_unique<QSettings>(
        folder_.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session_ = std::make_unique<Session>();
    window_ = std::make_unique<MainWindow>(session_.get(), settings_.get());
    window_->show();
    if (!QTest::qWaitForWindowExposed(window_.get())) std::abort();
    out_ = made(QStringLiteral("out"));
    // A menu that an action opens runs an event loop of its own, until somebody closes it.
    constexpr int kPatienceMs = 200;
    popups_.callOnTimeout([] {
      if (QWidget* popup = QApplication::activePopupWidget()) popup->close();
      // What a file dialog asks when it is answered, which waits for an answer of its own.
      if (auto* box = qobject_cast<QMessageBox*>(QApplication::activeModalWidget())) box->reject();
    });
    popups_.start(kPatienceMs);
  }
  ~Walk() {
    closeDialogs();
    window_.reset();
    session_.reset();
  }

  void run() {
    tell(0);
    for (int i = 1; i <= options_.actions; ++i) {
      act(i);
      QTest::qWait(dice_.between(0, 30));
      if (dice_.once(20)) settle();
      if (dice_.once(4)) answerDialogs();
      if (i % options_.every == 0) tell(i);
    }
    closeDialogs();
    while (session_->currentFile() >= 0) session_->closeCurrentFile();
    settle();
    std::puts("all files closed");
    tell(options_.actions);
  }

 private:
  QString made(const QString& name) const {
    const QDir folder(folder_.path());
    if (!folder.mkpath(name)) std::abort();
    return folder.filePath(name);
  }
  void tell(int action) const {
    std::printf("%6d actions  %8.1f MB  %lld files open\n", action, residentMegabytes(),
                static_cast<long long>(session_->openFiles().size()));
    std::fflush(stdout);
  }
  void settle() {
    QElapsedTimer clock;
    clock.start();
    constexpr int kLongest = 10'000;  // background work of a large file may go on
    while (!session_->settled() && clock.elapsed() < kLongest) QTest::qWait(10);
  }

  void act(int number) {
    struct Action {
      const char* name;
      int weight;
      std::function<void()> run;
    };
    const std::vector<Action> actions = {
        {"open", 6, [this] { window_->openFiles({files_.any()}); }},
        {"close", 4, [this] { session_->closeCurrentFile(); }},
        {"show file", 4,
         [this] {
           session_->setCurrentFile(
               dice_.between(0, static_cast<int>(session_->openFiles().size())));
         }},
        {"choose tensor", 14, [this] { chooseTensor(); }},
        {"edit", 14, [this] { edit(); }},
        {"trigger", 14, [this] { trigger(); }},
        {"key", 10, [this] { key(); }},
        {"mouse", 14, [this] { mouse(); }},
        {"type", 4, [this] { type(); }},
        {"resize", 2,
         [this] { window_->resize(dice_.between(400, 2200), dice_.between(300, 1400)); }},
        {"dock", 4, [this] { toggleDock(); }},
        {"select", 3, [this] { session_->setSelection(std::nullopt); }},
        {"axes", 3,
         [this] {
           session_->setOrientation(dice_.oneOf(
               std::vector{Orientation::Auto, Orientation::Rows, Orientation::Columns}));
         }},
        {"cancel", 2, [this] { session_->cancel(); }},
        {"change a file", 2, [this] { files_.change(); }},
        {"picture", 2, [this] { picture(); }},
    };
    int all = 0;
    for (const Action& action : actions) all += action.weight;
    int rolled = dice_.between(0, all - 1);
    for (const Action& action : actions) {
      rolled -= action.weight;
      if (rolled >= 0) continue;
      if (options_.log) {
        std::printf("%d %s\n", number, action.name);
        std::fflush(stdout);
      }
      action.run();
      return;
    }
  }

  void chooseTensor() {
    const auto& tensors = session_->tensors();
    if (!tensors.empty()) session_->selectTensor(tensorText(dice_.oneOf(tensors).name));
  }

  void edit() {
    using Kind = ClipPolicy::Kind;
    QuantSpec spec = session_->spec();
    switch (dice_.below(7)) {
      case 0:
        spec.bits = dice_.between(1, 8);
        break;
      case 1:
        spec.groupSize = dice_.oneOf(std::vector{-1, 1, 3, 16, 32, 128, 4096});
        break;
      case 2:
        spec.scheme = dice_.once(2) ? Scheme::Sym : Scheme::Asym;
        break;
      case 3:
        spec = spec.withDtype(
            dice_.oneOf(std::vector{Dtype::Int, Dtype::Nf4, Dtype::Nvfp4, Dtype::Fp8E4m3fn}));
        break;
      case 4:
        spec.clip = {dice_.oneOf(std::vector{Kind::SearchTensor, Kind::SearchRows,
                                             Kind::SearchGroups, Kind::Optimal}),
                     1.0};
        break;
      case 5:
        spec.clip = ClipPolicy::fixed(dice_.between(50, 100) / 100.0);
        break;
      default:
        spec.doubleQuant = spec.doubleQuant ? std::nullopt : std::optional(DoubleQuant{});
    }
    session_->editSpec(spec, QStringLiteral("walk"));
  }

  /// Any action of the window that blocks nothing and starts no other program.
  void trigger() {
    static const QStringList kLeftOut = {QStringLiteral("Quit"), QStringLiteral("About Qt"),
                                         QStringLiteral("Show Log File")};
    QList<QAction*> actions;
    for (QAction* action : window_->findChildren<QAction*>()) {
      const QString text = QString(action->text()).remove(QLatin1Char('&'));
      const bool usable =
          action->isEnabled() && action->menu() == nullptr && !action->isSeparator();
      if (usable && !text.isEmpty() && !kLeftOut.contains(text)) actions << action;
    }
    if (QApplication::activeModalWidget() == nullptr && !actions.isEmpty()) {
      dice_.oneOf(actions)->trigger();
    }
  }

  QWidget* anyWidget() {
    QList<QWidget*> shown;
    for (QWidget* widget : window_->findChildren<QWidget*>()) {
      if (widget->isVisible() && widget->isEnabled()) shown << widget;
    }
    return shown.isEmpty() ? window_.get() : dice_.oneOf(shown);
  }

  void key() {
    static const std::vector<Qt::Key> kKeys = {
        Qt::Key_Left, Qt::Key_Right, Qt::Key_Up,     Qt::Key_Down, Qt::Key_Home,  Qt::Key_End,
        Qt::Key_Plus, Qt::Key_Minus, Qt::Key_Return, Qt::Key_Tab,  Qt::Key_Space, Qt::Key_Delete,
        Qt::Key_Z,    Qt::Key_Y,     Qt::Key_P,      Qt::Key_1,    Qt::Key_2,     Qt::Key_3,
        Qt::Key_F2,   Qt::Key_F5,    Qt::Key_0,      Qt::Key_A};
    static const std::vector<Qt::KeyboardModifiers> kWith = {Qt::NoModifier, Qt::ControlModifier,
                                                             Qt::ShiftModifier};
    QWidget* widget = dice_.once(3) ? anyWidget() : QApplication::focusWidget();
    if (widget == nullptr) widget = window_.get();
    QTest::keyClick(widget, dice_.oneOf(kKeys), dice_.oneOf(kWith));
  }

  void mouse() {
    const QPointer<QWidget> widget = anyWidget();
    // A menu that a click opens would wait for the user.
    if (widget->inherits("QToolButton") || widget->inherits("QMenuBar") ||
        widget->inherits("QComboBox"))
      return;
    const auto place = [&] {
      return QPoint(dice_.between(0, std::max(widget->width() - 1, 0)),
                    dice_.between(0, std::max(widget->height() - 1, 0)));
    };
    QTest::mouseMove(widget, place());
    if (dice_.once(3)) return;
    if (dice_.once(4)) {
      const QPointF at = place();
      QWheelEvent wheel(at, widget->mapToGlobal(at), {}, {0, dice_.between(-240, 240)},
                        Qt::NoButton, Qt::NoModifier, Qt::NoScrollPhase, false);
      QCoreApplication::sendEvent(widget, &wheel);
      return;
    }
    const Qt::KeyboardModifiers with = dice_.once(3) ? Qt::ShiftModifier : Qt::NoModifier;
    QTest::mousePress(widget, Qt::LeftButton, with, place());
    for (int i = dice_.between(0, 4); i > 0 && widget; --i) QTest::mouseMove(widget, place());
    if (widget) QTest::mouseRelease(widget, Qt::LeftButton, with, place());
    if (widget && dice_.once(6)) QTest::mouseDClick(widget, Qt::LeftButton, {}, place());
  }

  void type() {
    static const QStringList kWords = {
        QStringLiteral("kernel"),     QStringLiteral("-bias"),
        QStringLiteral("shape:>100"), QStringLiteral("sqnr:<20 dtype:f16"),
        QStringLiteral("<b>&"),       QString()};
    const QList<QLineEdit*> fields = window_->findChildren<QLineEdit*>();
    if (!fields.isEmpty()) dice_.oneOf(fields)->setText(dice_.oneOf(kWords));
  }

  void toggleDock() {
    const QList<QDockWidget*> docks = window_->findChildren<QDockWidget*>();
    QDockWidget* dock = dice_.oneOf(docks);
    dock->setVisible(dice_.once(4) ? !dock->isVisible() : true);
    dock->raise();
  }

  void picture() {
    static const QStringList kEnds = {QStringLiteral("png"), QStringLiteral("svg"),
                                      QStringLiteral("pdf")};
    const QList<Plot*> plots = window_->findChildren<Plot*>();
    const QString path = QDir(out_).filePath(QStringLiteral("plot.") + dice_.oneOf(kEnds));
    (void)dice_.oneOf(plots)->exportImage(path, {dice_.between(50, 900), dice_.between(50, 700)},
                                          1);
  }

  /// What an action opened: a file is chosen, or it is put away.
  void answerDialogs() {
    auto* dialog = qobject_cast<QDialog*>(QApplication::activeModalWidget());
    if (dialog == nullptr) return;
    if (auto* chooser = qobject_cast<QFileDialog*>(dialog); chooser != nullptr && dice_.once(2)) {
      const bool saving = chooser->acceptMode() == QFileDialog::AcceptSave;
      // A name of its own, so that nothing asks whether it may be replaced.
      const QString name = QStringLiteral("out%1.%2").arg(++written_).arg(chooser->defaultSuffix());
      chooser->selectFile(saving ? QDir(out_).filePath(name) : files_.any());
      QMetaObject::invokeMethod(chooser, "accept", Qt::QueuedConnection);
      QTest::qWait(20);
    }
    closeDialogs();
  }
  void closeDialogs() {
    for (int i = 0; i < 10 && QApplication::activeModalWidget() != nullptr; ++i) {
      QApplication::activeModalWidget()->close();
      QTest::qWait(1);
    }
    while (QWidget* popup = QApplication::activePopupWidget()) popup->close();
  }

  Options options_;
  QTemporaryDir folder_;
  Dice dice_;
  Files files_;
  QString out_;
  int written_ = 0;
  QTimer popups_;
  std::unique_ptr<Settings> settings_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<MainWindow> window_;
};

std::optional<Options> optionsOf(const QCoreApplication& application) {
  QCommandLineParser parser;
  parser.addOption({QStringLiteral("seed"), QStringLiteral("Where the walk begins."),
                    QStringLiteral("N"), QStringLiteral("1")});
  parser.addOption({QStringLiteral("actions"), QStringLiteral("How many actions."),
                    QStringLiteral("N"), QStringLiteral("1000")});
  parser.addOption({QStringLiteral("every"), QStringLiteral("Actions between two lines."),
                    QStringLiteral("N"), QStringLiteral("100")});
  parser.addOption({QStringLiteral("log"), QStringLiteral("Name each action before it is made.")});
  parser.addHelpOption();
  parser.process(application);
  Options options;
  bool seed = false;
  bool actions = false;
  bool every = false;
  options.seed = parser.value(QStringLiteral("seed")).toULongLong(&seed);
  options.actions = parser.value(QStringLiteral("actions")).toInt(&actions);
  options.every = parser.value(QStringLiteral("every")).toInt(&every);
  options.log = parser.isSet(QStringLiteral("log"));
  options.files = parser.positionalArguments();
  if (!seed || !actions || !every || options.actions < 0 || options.every < 1) return std::nullopt;
  return options;
}

}  // namespace

}  // namespace quantoscope::ui

int main(int argc, char** argv) {
  QApplication application(argc, argv);
  QStandardPaths::setTestModeEnabled(true);
  const auto options = quantoscope::ui::optionsOf(application);
  if (!options) {
    std::fputs("soak: --seed, --actions and --every are whole numbers from 0, --every from 1\n",
               stderr);
    return 2;
  }
  quantoscope::ui::Walk(*options).run();
  return 0;
}
