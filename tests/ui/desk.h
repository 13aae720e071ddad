// A window over a fake file, for tests.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include <QFile>
#include <QSettings>
#include <QTemporaryDir>
#include <QtTest>

#include "tests/support/fake_source.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/error_map_plot.h"

namespace quantoscope::ui {

inline constexpr auto kModel = "model.h5";

/// A window over a fake file, with settings in a directory that goes away.
struct Desk {
  QTemporaryDir directory;
  std::shared_ptr<test::FakeSource> source;
  std::shared_ptr<test::Gate> gate = std::make_shared<test::Gate>();
  /// Of each file that was opened, whether it was allowed what lies outside.
  std::shared_ptr<std::vector<bool>> opened = std::make_shared<std::vector<bool>>();
  std::unique_ptr<Settings> settings;
  std::unique_ptr<Session> session;
  std::unique_ptr<MainWindow> window;

  /// The tensors that most tests need.
  static void usualTensors(test::FakeSource& source) {
    source.add("dense/kernel", 24, 64);
    source.add("dense_1/kernel", 16, 96);
    source.addOther("dense_1/bias", 16, "one axis");
    source.add("dense_2/kernel", 8, 40);
  }

  explicit Desk(const std::function<void(test::FakeSource&)>& fill = usualTensors) {
    const QString path = directory.filePath(QString::fromLatin1(kModel));
    QFile file(path);  // exporting a plan takes the fingerprint of the source file
    if (file.open(QIODevice::WriteOnly)) file.write("not really a model");
    source = std::make_shared<test::FakeSource>(path.toStdString());
    fill(*source);
    Session::Environment environment;
    environment.executor = Executor(2);
    environment.open = [known = source, opened = opened](
                           const std::string& asked,
                           const OpenOptions& options) -> Result<SharedSource> {
      opened->push_back(options.allowOutside);
      if (asked == known->path()) return SharedSource(known);
      return Error{ErrorCode::UnreadableFile, asked + ": not a weight file"};
    };
    environment.analyse = [door = gate](const AnalysisRequest& request, const Executor& executor,
                                        const TaskControl& control) {
      door->pass(control.cancel);
      return analyse(request, executor, control);
    };
    settings = newSettings();
    session = std::make_unique<Session>(environment);
    window = std::make_unique<MainWindow>(session.get(), settings.get());
  }
  ~Desk() {
    gate->open();
    source->gate.open();
    window.reset();
    session.reset();
  }

  std::unique_ptr<Settings> newSettings() const {
    return std::make_unique<Settings>(std::make_unique<QSettings>(
        directory.filePath(QStringLiteral("settings.ini")), QSettings::IniFormat));
  }
  QString path() const { return QString::fromStdString(source->path()); }

  void open() {
    window->show();
    QVERIFY(QTest::qWaitForWindowExposed(window.get()));
    window->openFiles({path()});
    settle();
  }
  void settle() { QTRY_VERIFY(session->settled() && session->resultIsCurrent()); }

  template <typename T>
  T* find(const char* name) const {
    return window->findChild<T*>(QString::fromLatin1(name));
  }
  MessageBar* messages() const { return find<MessageBar>("messages"); }
  double shownMetric(const char* key) const {
    const MetricsModel& metrics = window->findChild<MetricsPanel*>()->metrics();
    return metrics.index(metrics.rowOf(QString::fromLatin1(key)), MetricsModel::Value)
        .data(MetricsModel::NumberRole)
        .toDouble();
  }
  ErrorMapPlot* map() const { return window->findChild<ErrorMapPlot*>(); }
  ClipCurvePlot* curve() const { return window->findChild<ClipCurvePlot*>(); }

  /// A new window with what was remembered, over the same session.
  void restart() {
    window.reset();
    settings = newSettings();
    window = std::make_unique<MainWindow>(session.get(), settings.get());
    window->show();
    QVERIFY(QTest::qWaitForWindowExposed(window.get()));
  }
  /// A tensor's weights, as the window loads them.
  std::shared_ptr<const WeightTensor> weights(const std::string& name) const {
    return std::make_shared<WeightTensor>(
        *source->load(*findTensor(*source, name), Orientation::Auto, {}));
  }

  /// What the engine says about the present state, asked directly.
  SharedResult expected() const {
    AnalysisRequest request;
    request.tensor = std::make_shared<WeightTensor>(
        *source->load(*session->currentInfo(), Orientation::Auto, {}));
    request.spec = session->spec();
    return *analyse(request, Executor(1));
  }
};

}  // namespace quantoscope::ui
