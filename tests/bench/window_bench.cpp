// How quickly the window answers, and how long it ever keeps its thread: a real MainWindow, driven
// by mouse and keys on files made for it. tests/bench/README.md names the goals.
//
//   window_bench [--json OUT.json] [--repeats N] [--only edits,busy,drag,open,names] [--slow-events
//   MS]
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <memory>

#include <QCommandLineParser>
#include <QDoubleSpinBox>
#include <QMetaObject>
#include <QSettings>
#include <QSlider>
#include <QTableView>
#include <QTemporaryDir>
#include <QtTest>

#include "core/base/json.h"
#include "core/kernels/kernels.h"
#include "tests/bench/window_probe.h"
#include "tests/core/io/hdf5_fixture.h"
#include "tests/core/io/safetensors_fixture.h"
#include "tests/support/test_data.h"
#include "ui/main_window/main_window.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/error_histogram_plot.h"

namespace quantoscope::bench {

namespace {

constexpr std::size_t kSide = 4096;
constexpr std::size_t kLargeRows = 65536;  // 1 GiB at kSide columns
constexpr int kManyArrays = 20000;
constexpr double kForeverMs = 120000;
constexpr double kDragMs = 4000;
constexpr int kMouseMs = 8;  // a mouse tells its place 125 times a second

constexpr double kPreviewGoalMs = 100;
constexpr double kFramesGoal = 30;
constexpr double kHeartbeatGoalMs = 50;

struct Options {
  std::string json;
  int repeats = 5;
  QStringList only;

  bool wants(const char* part) const {
    return only.isEmpty() || only.contains(QLatin1String(part));
  }
};

/// One line of the report, and whether it meets its goal.
struct Figure {
  std::string name;
  std::string value;
  std::string goal;
  bool met = true;
};

std::string fixed(double value, int decimals = 1) {
  return QString::number(value, 'f', decimals).toStdString();
}

Json toJson(const Spread& spread) {
  return Json::object({{"count", static_cast<std::int64_t>(spread.count)},
                       {"median_ms", spread.median},
                       {"p99_ms", spread.p99},
                       {"max_ms", spread.max}});
}

// ---- files

void writeMatrix(const std::string& path) {
  const std::vector<float> values = test::normalValues(kSide * kSide, 1);
  test::Hdf5Fixture fixture(path);
  fixture.array("weight", {kSide, kSide}, values.data());
}

/// 1 GiB in one array, which is listed first, and many small ones.
void writeLarge(const std::string& path) {
  std::vector<float> values(kLargeRows * kSide);
  const std::vector<float> part = test::normalValues(kSide * kSide, 2);
  for (std::size_t at = 0; at < values.size(); at += part.size()) {
    std::copy(part.begin(), part.end(), values.begin() + static_cast<std::ptrdiff_t>(at));
  }
  test::Hdf5Fixture fixture(path);
  fixture.array("embed.weight", {kLargeRows, kSide}, values.data());
  for (int i = 0; i < kManyArrays; ++i) {
    fixture.counting("layers." + std::to_string(i) + ".mlp.weight", {16, 64});
  }
}

/// Matrices whose names have a megabyte each, with many separators.
void writeLongNames(const std::string& path) {
  constexpr int kNames = 24;
  constexpr std::size_t kNameBytes = std::size_t{1} << 20;
  std::string header = "{";
  std::size_t begin = 0;
  for (int i = 0; i < kNames; ++i) {
    std::string name = std::to_string(i) + "/";
    while (name.size() < kNameBytes) name += i % 2 == 0 ? "a/" : "wide ";
    if (i > 0) header += ",";
    header += "\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[32,64],\"data_offsets\":[" +
              std::to_string(begin) + "," + std::to_string(begin + 8192) + "]}";
    begin += 8192;
  }
  std::ofstream file(path, std::ios::binary);
  const std::string bytes = test::safetensorsBytes(header + "}", std::string(begin, '\x3c'));
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// ---- the window

/// A window on the screen with settings of its own.
class Desk {
 public:
  explicit Desk(WatchedApplication& application) : application_(application) {
    settings_ = std::make_unique<Settings>(std::make_unique<QSettings>(
        folder_.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
    session_ = std::make_unique<ui::Session>();
    window_ = std::make_unique<ui::MainWindow>(session_.get(), settings_.get());
    window_->resize(1920, 1080);
    window_->resetLayout();
    window_->show();
    if (!QTest::qWaitForWindowExposed(window_.get())) std::abort();
    errors_ = window_->findChild<ui::ErrorHistogramPlot*>();
    QObject::connect(session_.get(), &ui::Session::failed, [](const QString& message) {
      std::fprintf(stderr, "failed: %s\n", qPrintable(message));
    });
  }
  ~Desk() {
    application_.onFrame = nullptr;
    window_.reset();
    session_.reset();
  }

  ui::Session& session() { return *session_; }
  ui::MainWindow& window() { return *window_; }
  WatchedApplication& application() { return application_; }
  ui::ErrorHistogramPlot* errors() const { return errors_; }
  ui::ClipCurvePlot* curve() const { return window_->findChild<ui::ClipCurvePlot*>(); }
  QSlider* slider() const { return window_->findChild<QSlider*>(QStringLiteral("ratioSlider")); }
  QDoubleSpinBox* spinBox() const {
    return window_->findChild<QDoubleSpinBox*>(QStringLiteral("ratio"));
  }

  void open(const std::string& path) {
    session_->openFile(QString::fromStdString(path));
    settle();
  }
  /// Until nothing runs any more, the background included.
  void settle() {
    const bool settled =
        runUntil([&] { return session_->settled() && session_->resultIsCurrent(); }, kForeverMs);
    if (!settled) std::fprintf(stderr, "never settled\n");
    runFor(150);
  }

 private:
  using Settings = ui::Settings;

  WatchedApplication& application_;
  QTemporaryDir folder_;
  std::unique_ptr<Settings> settings_;
  std::unique_ptr<ui::Session> session_;
  std::unique_ptr<ui::MainWindow> window_;
  ui::ErrorHistogramPlot* errors_ = nullptr;
};

/// The canvas inside a plot, whose type only the plots know.
QWidget* canvasOf(const QWidget* plot) {
  for (QWidget* child : plot->findChildren<QWidget*>()) {
    if (child->inherits("QCustomPlot")) return child;
  }
  std::abort();
}

/// Waits until an answer to a spec stands on the screen: it arrived, its histogram was drawn anew,
/// and that was painted.
class AnswerWatch : public QObject {
  Q_OBJECT

 public:
  explicit AnswerWatch(Desk& desk) : desk_(desk), canvas_(canvasOf(desk.errors())) {
    connect(&desk.session(), &ui::Session::resultChanged, this, &AnswerWatch::look);
    connect(canvas_, SIGNAL(afterReplot()), this, SLOT(drawn()));
    desk.application().onFrame = [this](const WatchedApplication::Frame& frame) { shown(frame); };
  }
  ~AnswerWatch() override { desk_.application().onFrame = nullptr; }

  struct Times {
    double first = 0;
    double exact = 0;
  };

  Times edit(const QuantSpec& spec) {
    spec_ = spec;
    stage_ = Stage::Asked;
    exactStage_ = Stage::Asked;
    const double begin = nowMs();
    desk_.session().editSpec(spec, QStringLiteral("edit"));
    const bool done = runUntil([this] { return exactStage_ == Stage::Shown; }, kForeverMs);
    if (!done) std::fprintf(stderr, "no answer to %s\n", describe(spec).c_str());
    return {firstMs_ - begin, exactMs_ - begin};
  }
  /// The same, but returns as soon as the first answer stands there.
  double editUntilFirst(const QuantSpec& spec) {
    spec_ = spec;
    stage_ = Stage::Asked;
    exactStage_ = Stage::Idle;
    const double begin = nowMs();
    desk_.session().editSpec(spec, QStringLiteral("edit"));
    runUntil([this] { return stage_ == Stage::Shown; }, kForeverMs);
    return firstMs_ - begin;
  }

 private:
  enum class Stage { Idle, Asked, Arrived, Drawn, Shown };

  static void advance(Stage& stage, Stage from, Stage to) {
    if (stage == from) stage = to;
  }
  void look() {
    const SharedResult result = desk_.session().result();
    if (!result || !(result->spec == spec_)) return;
    advance(stage_, Stage::Asked, Stage::Arrived);
    if (!result->preview) advance(exactStage_, Stage::Asked, Stage::Arrived);
  }
  void shown(const WatchedApplication::Frame& frame) {
    if (!frame.has(canvas_)) return;
    if (stage_ == Stage::Drawn) {
      stage_ = Stage::Shown;
      firstMs_ = frame.atMs;
    }
    if (exactStage_ == Stage::Drawn) {
      exactStage_ = Stage::Shown;
      exactMs_ = frame.atMs;
    }
  }

 private Q_SLOTS:
  void drawn() {
    advance(stage_, Stage::Arrived, Stage::Drawn);
    advance(exactStage_, Stage::Arrived, Stage::Drawn);
  }

 private:
  Desk& desk_;
  QWidget* canvas_;
  QuantSpec spec_;
  Stage stage_ = Stage::Idle;
  Stage exactStage_ = Stage::Idle;
  double firstMs_ = 0;
  double exactMs_ = 0;
};

// ---- edits

QuantSpec baseSpec() {
  QuantSpec spec;
  spec.groupSize = 128;
  return spec;
}

struct Edit {
  const char* name;
  QuantSpec spec;
};

std::vector<Edit> edits() {
  using Kind = ClipPolicy::Kind;
  const auto with = [](auto change) {
    QuantSpec spec = baseSpec();
    change(spec);
    return spec;
  };
  const auto clip = [&](Kind kind) {
    return with([kind](QuantSpec& spec) { spec.clip = {kind, 1.0}; });
  };
  return {
      {"bits 3", with([](QuantSpec& s) { s.bits = 3; })},
      {"group 32", with([](QuantSpec& s) { s.groupSize = 32; })},
      {"a whole row", with([](QuantSpec& s) { s.groupSize = -1; })},
      {"scheme sym", with([](QuantSpec& s) { s.scheme = Scheme::Sym; })},
      {"dtype nf4", baseSpec().withDtype(Dtype::Nf4)},
      {"dtype nvfp4", baseSpec().withDtype(Dtype::Nvfp4)},
      {"dtype fp8_e4m3fn", baseSpec().withDtype(Dtype::Fp8E4m3fn)},
      {"clip ratio 0.9", with([](QuantSpec& s) { s.clip = ClipPolicy::fixed(0.9); })},
      {"clip search", clip(Kind::SearchTensor)},
      {"clip search-rows", clip(Kind::SearchRows)},
      {"clip search-groups", clip(Kind::SearchGroups)},
      {"clip optimal", clip(Kind::Optimal)},
      {"optimal, 8 bits", with([](QuantSpec& s) {
         s.bits = 8;
         s.clip = {Kind::Optimal, 1.0};
       })},
      {"double quantization", with([](QuantSpec& s) { s.doubleQuant = DoubleQuant{}; })},
      {"double q. and search", with([](QuantSpec& s) {
         s.doubleQuant = DoubleQuant{};
         s.clip = {Kind::SearchTensor, 1.0};
       })},
  };
}

/// Of each edit, from the settled window: when the first answer was painted, and the exact one.
Json measureEdits(Desk& desk, const Options& options, std::vector<Figure>& figures) {
  AnswerWatch watch(desk);
  Json all = Json::object();
  for (const Edit& edit : edits()) {
    std::vector<double> first;
    std::vector<double> exact;
    for (int i = 0; i < options.repeats; ++i) {
      watch.edit(baseSpec());
      desk.settle();
      const AnswerWatch::Times times = watch.edit(edit.spec);
      first.push_back(times.first);
      exact.push_back(times.exact);
    }
    const Spread shown = Spread::of(first);
    const Spread whole = Spread::of(exact);
    all.set(edit.name, Json::object({{"first", toJson(shown)}, {"exact", toJson(whole)}}));
    figures.push_back({std::string("edit: ") + edit.name,
                       fixed(shown.median) + " ms, at most " + fixed(shown.max) + "; exact " +
                           fixed(whole.median),
                       "100 ms", shown.median <= kPreviewGoalMs});
  }
  return all;
}

/// The same while the longest exact answer to another question is being computed.
Json measureBusyEdits(Desk& desk, const Options& options, std::vector<Figure>& figures) {
  AnswerWatch watch(desk);
  QuantSpec longest = baseSpec();
  longest.bits = 8;
  longest.clip = {ClipPolicy::Kind::Optimal, 1.0};
  Json all = Json::object();
  for (const Edit& edit : edits()) {
    if (edit.spec == longest) continue;
    std::vector<double> first;
    for (int i = 0; i < options.repeats; ++i) {
      watch.editUntilFirst(longest);
      runFor(60);
      first.push_back(watch.editUntilFirst(edit.spec));
    }
    const Spread shown = Spread::of(first);
    all.set(edit.name, toJson(shown));
    figures.push_back({std::string("edit while busy: ") + edit.name,
                       fixed(shown.median) + " ms, at most " + fixed(shown.max), "100 ms",
                       shown.median <= kPreviewGoalMs});
  }
  desk.settle();
  return all;
}

// ---- dragging

/// Frames of one widget while something is dragged over it, and new answers among them.
class DragWatch : public QObject {
 public:
  DragWatch(Desk& desk, std::vector<const QObject*> moved) : desk_(desk), moved_(std::move(moved)) {
    connect(&desk.session(), &ui::Session::resultChanged, this, [this] {
      const SharedResult result = desk_.session().result();
      if (result && result != last_) ++answers_;
      last_ = result;
    });
    desk.application().onFrame = [this](const WatchedApplication::Frame& frame) {
      const bool seen = std::any_of(moved_.begin(), moved_.end(),
                                    [&](const QObject* widget) { return frame.has(widget); });
      if (seen) frames_.push_back(frame.atMs);
    };
    last_ = desk.session().result();
    heartbeat_.start();
    begin_ = nowMs();
  }
  ~DragWatch() override { desk_.application().onFrame = nullptr; }

  Json report(const std::string& name, std::vector<Figure>& figures) {
    const double seconds = (nowMs() - begin_) / 1000;
    const Spread beat = heartbeat_.stop();
    std::vector<double> gaps;
    for (std::size_t i = 1; i < frames_.size(); ++i) gaps.push_back(frames_[i] - frames_[i - 1]);
    const Spread gap = Spread::of(gaps);
    const double rate = static_cast<double>(frames_.size()) / seconds;
    figures.push_back({name + ", frames a second",
                       fixed(rate) + "; between frames p99 " + fixed(gap.p99) + " ms", "30",
                       rate >= kFramesGoal});
    figures.push_back({name + ", new answers a second", fixed(answers_ / seconds), "", true});
    figures.push_back({name + ", heartbeat p99",
                       fixed(beat.p99) + " ms, at most " + fixed(beat.max), "50 ms",
                       beat.p99 < kHeartbeatGoalMs});
    return Json::object({{"frames_per_second", rate},
                         {"between_frames", toJson(gap)},
                         {"answers_per_second", answers_ / seconds},
                         {"heartbeat", toJson(beat)}});
  }

 private:
  Desk& desk_;
  std::vector<const QObject*> moved_;
  SharedResult last_;
  int answers_ = 0;
  std::vector<double> frames_;
  Heartbeat heartbeat_;
  double begin_ = 0;
};

/// From 1 down to 0 and up again, `periods` times within the given time.
template <typename Move>
void swing(double forMs, int stepMs, Move move) {
  QTimer timer;
  timer.setTimerType(Qt::PreciseTimer);
  const double begin = nowMs();
  timer.callOnTimeout([&] {
    const double phase = std::fmod((nowMs() - begin) / 2000, 1.0);
    move(phase < 0.5 ? 1 - 2 * phase : 2 * phase - 1);
  });
  timer.start(stepMs);
  runFor(forMs);
}

Json dragCurve(Desk& desk, std::vector<Figure>& figures) {
  ui::ClipCurvePlot* curve = desk.curve();
  desk.session().editSpec(baseSpec(), QStringLiteral("base"));
  desk.settle();
  // The line at ratio 1 is found where the pointer becomes one for dragging.
  const int y = curve->height() / 2;
  int from = curve->width() - 1;
  while (from > 0) {
    QTest::mouseMove(curve, {from, y});
    if (curve->cursor().shape() == Qt::SizeHorCursor) break;
    --from;
  }
  if (from == 0) std::fprintf(stderr, "the line of the clip curve was not found\n");
  from -= 3;
  DragWatch watch(desk, {canvasOf(curve)});
  QTest::mousePress(curve, Qt::LeftButton, {}, {from, y});
  swing(kDragMs, kMouseMs, [&](double place) {
    const int x = static_cast<int>(from * (0.3 + 0.7 * place));
    QMouseEvent move(QEvent::MouseMove, QPointF(x, y), curve->mapToGlobal(QPointF(x, y)),
                     Qt::NoButton, Qt::LeftButton, {});
    QCoreApplication::sendEvent(curve, &move);
  });
  Json report = watch.report("drag in the clip curve", figures);
  QTest::mouseRelease(curve, Qt::LeftButton, {}, {from, y});
  return report;
}

void moveSlider(QSlider* slider, double place) {
  const int x = 6 + static_cast<int>((slider->width() - 12) * place);
  QMouseEvent move(QEvent::MouseMove, QPointF(x, slider->height() / 2.0),
                   slider->mapToGlobal(QPointF(x, slider->height() / 2.0)), Qt::NoButton,
                   Qt::LeftButton, {});
  QCoreApplication::sendEvent(slider, &move);
}

Json dragSlider(Desk& desk, std::vector<Figure>& figures) {
  QSlider* slider = desk.slider();
  desk.session().editSpec(baseSpec(), QStringLiteral("base"));
  desk.settle();
  DragWatch watch(desk, {slider});
  QTest::mousePress(slider, Qt::LeftButton, {}, {slider->width() - 6, slider->height() / 2});
  swing(kDragMs, kMouseMs, [&](double place) { moveSlider(slider, place); });
  Json report = watch.report("drag of the slider", figures);
  QTest::mouseRelease(slider, Qt::LeftButton, {}, {slider->width() / 2, slider->height() / 2});
  return report;
}

/// An arrow key that is held down repeats 30 times a second.
Json holdSpinBoxKey(Desk& desk, std::vector<Figure>& figures) {
  QDoubleSpinBox* box = desk.spinBox();
  desk.session().editSpec(baseSpec(), QStringLiteral("base"));
  desk.settle();
  box->setFocus();
  DragWatch watch(desk, {canvasOf(desk.curve()), canvasOf(desk.errors())});
  swing(kDragMs, 30, [&](double place) {
    QTest::keyClick(box, place > 0.5 && box->value() > 0.6 ? Qt::Key_Down : Qt::Key_Up);
  });
  return watch.report("held key in the ratio's box", figures);
}

// ---- opening

/// A heartbeat while the large file opens and the slider is moved all the time.
Json measureOpening(Desk& desk, const std::string& path, std::vector<Figure>& figures) {
  QSlider* slider = desk.slider();
  const QString large = QString::fromStdString(path);
  double namesMs = -1;
  double openMs = -1;
  double shownMs = -1;
  double exactMs = -1;
  Heartbeat heartbeat;
  heartbeat.start();
  const double begin = nowMs();
  QObject context;
  QObject::connect(&desk.session(), &ui::Session::openingNamesChanged, &context, [&] {
    if (namesMs < 0) namesMs = nowMs() - begin;
  });
  QObject::connect(&desk.session(), &ui::Session::fileChanged, &context,
                   [&] { openMs = nowMs() - begin; });
  QObject::connect(&desk.session(), &ui::Session::resultChanged, &context, [&] {
    if (desk.session().currentPath() != large || !desk.session().result()) return;
    if (shownMs < 0) shownMs = nowMs() - begin;
    if (!desk.session().result()->preview && exactMs < 0) exactMs = nowMs() - begin;
  });
  desk.session().openFile(large);
  QTest::mousePress(slider, Qt::LeftButton, {}, {slider->width() - 6, slider->height() / 2});
  swing(6000, kMouseMs, [&](double place) { moveSlider(slider, place); });
  QTest::mouseRelease(slider, Qt::LeftButton, {}, {slider->width() / 2, slider->height() / 2});
  const Spread whileMoving = heartbeat.stop();

  heartbeat.start();
  runFor(5000);  // the background measures one tensor after the other
  const Spread whileFilling = heartbeat.stop();
  const auto beat = [&](const std::string& name, const Spread& spread) {
    figures.push_back({name + ", heartbeat p99",
                       fixed(spread.p99) + " ms, at most " + fixed(spread.max) + ", median " +
                           fixed(spread.median),
                       "50 ms", spread.p99 < kHeartbeatGoalMs});
  };
  beat("opening 20,000 arrays and 1 GiB, slider moving", whileMoving);
  beat("the background measures 20,000 tensors", whileFilling);
  figures.push_back(
      {"opening: names / all listed / first answer",
       fixed(namesMs, 0) + " / " + fixed(openMs, 0) + " / " + fixed(shownMs, 0) + " ms", "", true});
  desk.session().cancel();
  return Json::object({{"slider_moving", toJson(whileMoving)},
                       {"overview_filling", toJson(whileFilling)},
                       {"names_ms", namesMs},
                       {"listed_ms", openMs},
                       {"first_answer_ms", shownMs},
                       {"exact_answer_ms", exactMs}});
}

/// A heartbeat while a file whose names have megabytes is opened, walked through and edited.
Json measureLongNames(Desk& desk, const std::string& path, std::vector<Figure>& figures) {
  Json all = Json::object();
  Heartbeat heartbeat;
  const auto beat = [&](const char* name) {
    const Spread spread = heartbeat.stop();
    figures.push_back({std::string("names of a megabyte, ") + name + ": longest gap",
                       fixed(spread.max) + " ms, p99 " + fixed(spread.p99), "", true});
    all.set(name, toJson(spread));
    heartbeat.start();
  };
  heartbeat.start();
  desk.open(path);
  beat("opening");
  auto* table = desk.window().findChild<QTableView*>(QStringLiteral("tensors"));
  for (int row = 0; row < table->model()->rowCount(); ++row) {
    table->setCurrentIndex(table->model()->index(row, 0));
    desk.settle();
  }
  beat("choosing each tensor");
  for (const int bits : {3, 5, 2, 8}) {
    QuantSpec spec = desk.session().spec();
    spec.bits = bits;
    desk.session().editSpec(spec, QStringLiteral("bits"));
    desk.settle();
  }
  beat("editing");
  QHelpEvent tip(QEvent::ToolTip, {20, 20}, table->viewport()->mapToGlobal(QPoint(20, 20)));
  QCoreApplication::sendEvent(table->viewport(), &tip);
  runFor(500);
  beat("a tip");
  return all;
}

// ---- the report

void print(const std::vector<Figure>& figures) {
  for (const Figure& figure : figures) {
    std::printf("| %-50s | %-50s | %-7s | %s |\n", figure.name.c_str(), figure.value.c_str(),
                figure.goal.c_str(),
                figure.goal.empty() ? ""
                : figure.met        ? "met"
                                    : "MISSED");
  }
}

Options parse(WatchedApplication& application) {
  QCommandLineParser parser;
  parser.addHelpOption();
  parser.addOptions(
      {{QStringLiteral("json"), QStringLiteral("Write the figures."), QStringLiteral("OUT.json")},
       {QStringLiteral("repeats"), QStringLiteral("Times each edit is made."), QStringLiteral("N"),
        QStringLiteral("5")},
       {QStringLiteral("only"), QStringLiteral("Parts: edits,busy,drag,open,names."),
        QStringLiteral("PARTS")},
       {QStringLiteral("slow-events"), QStringLiteral("Print events that take longer."),
        QStringLiteral("MS"), QStringLiteral("0")}});
  parser.process(application);
  Options options;
  options.json = parser.value(QStringLiteral("json")).toStdString();
  options.repeats = std::max(1, parser.value(QStringLiteral("repeats")).toInt());
  const QString only = parser.value(QStringLiteral("only"));
  if (!only.isEmpty()) options.only = only.split(QLatin1Char(','));
  application.printSlowerThanMs = parser.value(QStringLiteral("slow-events")).toDouble();
  return options;
}

int run(WatchedApplication& application) {
  const Options options = parse(application);
  const QTemporaryDir folder;
  const std::string matrix = folder.filePath(QStringLiteral("matrix.h5")).toStdString();
  const std::string large = folder.filePath(QStringLiteral("large.h5")).toStdString();
  writeMatrix(matrix);
  const std::string names = folder.filePath(QStringLiteral("names.safetensors")).toStdString();
  if (options.wants("open")) writeLarge(large);
  if (options.wants("names")) writeLongNames(names);

  std::vector<Figure> figures;
  Json report = Json::object({{"kernels", kernels::activeKernels().name}});
  {
    Desk desk(application);
    report.set("threads", desk.session().threads());
    desk.open(matrix);
    if (options.wants("edits")) report.set("edits", measureEdits(desk, options, figures));
    if (options.wants("busy")) report.set("busy_edits", measureBusyEdits(desk, options, figures));
    if (options.wants("drag")) {
      report.set("drag_curve", dragCurve(desk, figures));
      report.set("drag_slider", dragSlider(desk, figures));
      report.set("hold_key", holdSpinBoxKey(desk, figures));
    }
    if (options.wants("open")) report.set("open", measureOpening(desk, large, figures));
    if (options.wants("names")) report.set("names", measureLongNames(desk, names, figures));
  }
  print(figures);
  if (!options.json.empty()) std::ofstream(options.json) << report.text() << '\n';
  return 0;
}

}  // namespace

}  // namespace quantoscope::bench

int main(int argc, char** argv) {
  if (!qEnvironmentVariableIsSet("QT_QPA_PLATFORM")) qputenv("QT_QPA_PLATFORM", "offscreen");
  QStandardPaths::setTestModeEnabled(true);
  quantoscope::bench::WatchedApplication application(argc, argv);
  return quantoscope::bench::run(application);
}

#include "window_bench.moc"
