#include "ui/main_window/main_window.h"

#include <algorithm>

#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QDialog>
#include <QDialogButtonBox>
#include <QDockWidget>
#include <QDragEnterEvent>
#include <QFile>
#include <QFileInfo>
#include <QFileSystemWatcher>
#include <QIcon>
#include <QLabel>
#include <QMenu>
#include <QMenuBar>
#include <QMimeData>
#include <QPainter>
#include <QScreen>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStatusBar>
#include <QTimer>
#include <QToolBar>
#include <QToolButton>
#include <QVBoxLayout>

#include "core/base/text.h"
#include "core/exporting/csv.h"
#include "core/exporting/plan_file.h"
#include "core/io/hdf5_border.h"
#include "core/kernels/kernels.h"
#include "core/parallel/executor.h"
#include "ui/main_window/workbench.h"
#include "ui/panels/activity_bar.h"
#include "ui/panels/appearance.h"
#include "ui/panels/error_histogram_frame.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/group_chooser.h"
#include "ui/panels/locator.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/panels/plot_frame.h"
#include "ui/panels/spec_panel.h"
#include "ui/panels/tensor_browser.h"
#include "ui/panels/vertical_scroll_area.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/weight_histogram_plot.h"
#include "ui/session/presets.h"

namespace quantoscope::ui {

namespace {

constexpr int kStatusMs = 5000;

/// The icon is one grey for light and dark ground; where it is disabled it fades, whatever the
/// style would make of it.
QIcon actionIcon(const QString& name) {
  const QString path = QStringLiteral(":/icons/actions/%1.svg").arg(name);
  if (!QFile::exists(path)) return {};
  QIcon icon(path);
  for (const int size : {16, 20, 24, 40, 48}) {
    const QPixmap solid = icon.pixmap(size);
    QPixmap faint(solid.size());
    faint.setDevicePixelRatio(solid.devicePixelRatio());
    faint.fill(Qt::transparent);
    QPainter painter(&faint);
    painter.setOpacity(0.35);
    painter.drawPixmap(0, 0, solid);
    painter.end();
    icon.addPixmap(faint, QIcon::Disabled);
  }
  return icon;
}

/// For a POSIX shell, whatever the text holds.
QString shellQuoted(QString text) {
  return QLatin1Char('\'') + text.replace(QLatin1Char('\''), QLatin1String("'\\''")) +
         QLatin1Char('\'');
}

QString plainText(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

std::string numberOrEmpty(const std::optional<double>& value) {
  return value ? formatNumber(*value) : std::string();
}

QStringList weightFilters() {
  return {MainWindow::tr("Weight files (*.h5 *.hdf5 *.keras *.safetensors)"),
          MainWindow::tr("All files (*)")};
}

QStringList imageFilters() {
  return {MainWindow::tr("PNG image (*.png)"), MainWindow::tr("SVG drawing (*.svg)"),
          MainWindow::tr("PDF document (*.pdf)")};
}

}  // namespace

MainWindow::MainWindow(Session* session, Settings* settings, QWidget* parent)
    : QMainWindow(parent), session_(session), settings_(settings) {
  setObjectName(QStringLiteral("mainWindow"));
  setAcceptDrops(true);
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
  setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  createPlots();
  createDocks();
  createMessageBars();
  createStatusBar();
  createFileMenu();
  createEditMenu();
  createViewMenu();
  createTensorMenu();
  createExportMenu();
  createHelpMenu();
  createToolBar();
  connectSession();
  connectPlots();
  setLogCounts(settings_->logCounts());
  restoreLayout();
  showTitle();
  showResult();
  showCurve();
  updateActions();
  browser_->focusTable();
}

MainWindow::~MainWindow() = default;

QSize MainWindow::sizeHint() const {
  constexpr QSize kLeast(1280, 800);
  constexpr QSize kMost(1680, 1050);
  return (screen()->availableSize() * 0.85).boundedTo(kMost).expandedTo(kLeast);
}

// ---- what it is made of

void MainWindow::createPlots() {
  errors_ = new ErrorHistogramPlot;
  weights_ = new WeightHistogramPlot;
  curve_ = new ClipCurvePlot;
  auto* errorFrame = new ErrorHistogramFrame(errors_);
  auto* weightFrame = new PlotFrame(weights_);
  auto* curveFrame = new PlotFrame(curve_);
  weightFrame->addControl(new GroupChooser(session_, weightFrame));

  topRow_ = new QSplitter(Qt::Horizontal);
  topRow_->setObjectName(QStringLiteral("topRow"));
  topRow_->addWidget(errorFrame);
  topRow_->addWidget(weightFrame);
  rows_ = new QSplitter(Qt::Vertical);
  rows_->setObjectName(QStringLiteral("rows"));
  rows_->addWidget(topRow_);
  rows_->addWidget(curveFrame);
  curveFrame_ = curveFrame;
  for (QSplitter* splitter : {topRow_, rows_}) {
    splitter->setChildrenCollapsible(false);
    splitter->setHandleWidth(6);
  }

  auto* center = new QWidget(this);
  auto* layout = new QVBoxLayout(center);
  layout->setContentsMargins(4, 4, 4, 4);
  layout->setSpacing(4);
  layout->addWidget(rows_, 1);
  setCentralWidget(center);
}

void MainWindow::createDocks() {
  browser_ = new TensorBrowser(session_, this);
  spec_ = new SpecPanel(session_, this);
  metrics_ = new MetricsPanel(session_, this);
  // A margin that looks like part of the table.
  auto* metricsFrame = new QWidget(this);
  metricsFrame->setAutoFillBackground(true);
  metricsFrame->setBackgroundRole(QPalette::Base);
  auto* metricsLayout = new QVBoxLayout(metricsFrame);
  metricsLayout->setContentsMargins(8, 4, 2, 0);
  metricsLayout->addWidget(metrics_);
  browserDock_ =
      addDock(Qt::LeftDockWidgetArea, QStringLiteral("browserDock"), tr("Tensors"), browser_);
  specDock_ = addDock(Qt::RightDockWidgetArea, QStringLiteral("specDock"), tr("Quantization"),
                      new VerticalScrollArea(spec_, this));
  metricsDock_ =
      addDock(Qt::RightDockWidgetArea, QStringLiteral("metricsDock"), tr("Metrics"), metricsFrame);
  workbench_ = new Workbench(session_, settings_, errors_, this);
}

std::vector<QDockWidget*> MainWindow::docks() const {
  std::vector<QDockWidget*> all = {browserDock_, specDock_, metricsDock_};
  all.insert(all.end(), workbench_->docks().begin(), workbench_->docks().end());
  return all;
}

QDockWidget* MainWindow::addDock(Qt::DockWidgetArea area, const QString& name, const QString& title,
                                 QWidget* content) {
  auto* dock = new QDockWidget(title, this);
  dock->setObjectName(name);
  dock->setAccessibleName(title);
  dock->setWidget(content);
  addDockWidget(area, dock);
  return dock;
}

void MainWindow::createMessageBars() {
  messages_ = new MessageBar;
  messages_->setObjectName(QStringLiteral("messages"));
  hints_ = new MessageBar;
  hints_->setObjectName(QStringLiteral("hints"));
  auto* center = static_cast<QVBoxLayout*>(centralWidget()->layout());
  center->insertWidget(0, hints_);
  center->insertWidget(1, messages_);
  connect(hints_, &MessageBar::dismissed, this, [this] { settings_->setHintsDismissed(true); });
  if (!settings_->hintsDismissed()) showHints();
}

void MainWindow::showHints() {
  hints_->showMessage(MessageBar::Kind::Hint,
                      tr("Choose a tensor on the left  ·  Change settings on the right  ·  "
                         "Drag the line in the clip curve"));
}

void MainWindow::createStatusBar() {
  statusBar()->addPermanentWidget(new ActivityBar(session_, this));
}

QAction* MainWindow::addAction(QMenu* menu, const QString& icon, const QString& text,
                               const QKeySequence& shortcut, const std::function<void()>& slot) {
  QAction* action = menu->addAction(actionIcon(icon), text);
  action->setShortcut(shortcut);
  QString plain = text;
  plain.remove(QLatin1Char('&')).remove(QStringLiteral("…"));
  const QString keys = shortcut.toString(QKeySequence::NativeText);
  action->setToolTip(keys.isEmpty() ? plain : QStringLiteral("%1 (%2)").arg(plain, keys));
  if (slot) connect(action, &QAction::triggered, this, slot);
  return action;
}

void MainWindow::createFileMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&File"));
  openAction_ = addAction(menu, QStringLiteral("open"), tr("&Open…"), QKeySequence::Open,
                          [this] { openByDialog(); });
  recentMenu_ = menu->addMenu(tr("Open &Recent"));
  connect(recentMenu_, &QMenu::aboutToShow, this, &MainWindow::fillRecentFiles);
  fillRecentFiles();
  tensorActions_.push_back(
      addAction(menu, {}, tr("Open &Plan…"), {}, [this] { openPlanByDialog(); }));
  menu->addSeparator();
  reloadAction_ = addAction(menu, {}, tr("&Reload File"), QKeySequence(Qt::CTRL | Qt::Key_R),
                            [this] { session_->reloadCurrentFile(false); });
  closeAction_ = addAction(menu, {}, tr("&Close File"), QKeySequence::Close,
                           [this] { session_->closeCurrentFile(); });
  menu->addSeparator();
  addAction(menu, {}, tr("&Quit"), QKeySequence::Quit, [this] { close(); });
}

void MainWindow::createEditMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Edit"));
  undoAction_ = session_->undoGroup()->createUndoAction(this, tr("&Undo"));
  redoAction_ = session_->undoGroup()->createRedoAction(this, tr("&Redo"));
  undoAction_->setShortcut(QKeySequence::Undo);
  redoAction_->setShortcuts(
      {QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_Z), QKeySequence(Qt::CTRL | Qt::Key_Y)});
  undoAction_->setIcon(actionIcon(QStringLiteral("undo")));
  redoAction_->setIcon(actionIcon(QStringLiteral("redo")));
  menu->addActions({undoAction_, redoAction_});
  menu->addSeparator();
  tensorActions_.push_back(addAction(menu, {}, tr("&Copy as Command"),
                                     QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_C),
                                     [this] { copyCommand(); }));
  menu->addSeparator();
  addAction(menu, {}, tr("Find &Anything…"), QKeySequence(Qt::CTRL | Qt::Key_K),
            [this] { locate(); });
  addAction(menu, {}, tr("&Find Tensor"), QKeySequence::Find, [this] {
    browserDock_->show();
    browserDock_->raise();
    browser_->focusFilter();
  });
}

void MainWindow::createViewMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&View"));
  auto* perspectives = new QActionGroup(this);
  const std::pair<Perspective, QString> arrangements[] = {{Perspective::Inspect, tr("&Inspect")},
                                                          {Perspective::Tune, tr("&Tune")},
                                                          {Perspective::Compare, tr("C&ompare")}};
  for (const auto& [arrangement, name] : arrangements) {
    const auto key = static_cast<Qt::Key>(Qt::Key_1 + static_cast<int>(arrangement));
    QAction* action = addAction(menu, {}, name, QKeySequence(Qt::CTRL | key),
                                [this, shown = arrangement] { showPerspective(shown); });
    action->setCheckable(true);
    perspectives->addAction(action);
    perspectiveActions_.push_back(action);
  }
  menu->addSeparator();
  for (QDockWidget* dock : docks()) menu->addAction(dock->toggleViewAction());
  menu->addSeparator();
  logAction_ = addAction(menu, QStringLiteral("histogram"), tr("&Logarithmic Counts"),
                         QKeySequence(Qt::CTRL | Qt::Key_L), {});
  logAction_->setCheckable(true);
  connect(logAction_, &QAction::toggled, this, &MainWindow::setLogCounts);
  addAction(menu, {}, tr("&Whole Range in All Plots"), QKeySequence(Qt::CTRL | Qt::Key_0), [this] {
    for (Plot* plot : plots()) plot->resetView();
  });
  menu->addSeparator();
  QMenu* appearances = menu->addMenu(tr("&Appearance"));
  auto* group = new QActionGroup(this);
  const std::pair<Appearance, QString> choices[] = {{Appearance::System, tr("&System")},
                                                    {Appearance::Light, tr("&Light")},
                                                    {Appearance::Dark, tr("&Dark")}};
  for (const auto& [appearance, name] : choices) {
    QAction* action = appearances->addAction(name);
    action->setCheckable(true);
    action->setChecked(settings_->appearance() == appearance);
    group->addAction(action);
    connect(action, &QAction::triggered, this, [this, chosen = appearance] {
      settings_->setAppearance(chosen);
      applyAppearance(chosen);
    });
  }
  addAction(menu, {}, tr("&Default Layout"), {}, [this] { resetLayout(); });
}

void MainWindow::createTensorMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Tensor"));
  tensorActions_.push_back(addAction(menu, {}, tr("&Next Tensor"),
                                     QKeySequence(Qt::ALT | Qt::Key_Down),
                                     [this] { browser_->step(1); }));
  tensorActions_.push_back(addAction(menu, {}, tr("&Previous Tensor"),
                                     QKeySequence(Qt::ALT | Qt::Key_Up),
                                     [this] { browser_->step(-1); }));
  menu->addSeparator();
  bestAction_ = addAction(menu, QStringLiteral("search-clip"), tr("Use &Best Clip Ratio"),
                          QKeySequence(Qt::CTRL | Qt::Key_B), [this] { useBestRatio(); });
  tensorActions_.push_back(addAction(menu, {}, tr("&Apply Settings to All Tensors"),
                                     QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_A),
                                     [this] { session_->applyToAll(); }));
  defaultAction_ =
      addAction(menu, QStringLiteral("reset"), tr("Use &Default Settings"),
                QKeySequence(Qt::CTRL | Qt::Key_D), [this] { session_->dropOwnSpec(); });
  QAction* pin = workbench_->pinAction();
  pin->setText(tr("P&in Settings"));
  pin->setIconText(tr("Pin"));
  pin->setShortcut(QKeySequence(Qt::CTRL | Qt::Key_P));
  menu->addAction(pin);
  menu->addSeparator();
  tensorActions_.push_back(addAction(menu, {}, tr("&Compute Again"), QKeySequence(Qt::Key_F5),
                                     [this] { session_->recompute(); }));
  cancelAction_ = addAction(menu, QStringLiteral("stop"), tr("&Stop"), QKeySequence(Qt::Key_Escape),
                            [this] { session_->cancel(); });
}

void MainWindow::createExportMenu() {
  exportMenu_ = menuBar()->addMenu(tr("E&xport"));
  const QStringList json = {tr("JSON (*.json)")};
  const QStringList csv = {tr("CSV table (*.csv)")};
  const QStringList native = {tr("Quantoscope HDF5 (*.h5)")};
  const auto add = [this](QMenu* menu, const QString& text, const QKeySequence& shortcut,
                          const QString& nameEnd, const QStringList& filters, const QString& suffix,
                          std::function<void(const QString&)> exportTo) {
    QString title = text;
    title.remove(QLatin1Char('&')).remove(QStringLiteral("…"));
    tensorActions_.push_back(addAction(menu, {}, text, shortcut, [=, this] {
      askAndExport(title, nameEnd, filters, suffix, exportTo);
    }));
  };
  add(exportMenu_, tr("Tuning &Plan…"), QKeySequence::Save, QStringLiteral("-plan"), json,
      QStringLiteral("json"), [this](const QString& path) { exportPlan(path); });
  add(exportMenu_, tr("&neural-compressor Configuration…"), {}, QStringLiteral("-rtn"), json,
      QStringLiteral("json"), [this](const QString& path) { exportNeuralCompressor(path); });
  exportMenu_->addSeparator();
  add(exportMenu_, tr("Quantized &Tensor…"), {}, QStringLiteral("-tensor-quantized"), native,
      QStringLiteral("h5"), [this](const QString& path) {
        session_->exportQuantized(path, false, dequantizedAction_->isChecked());
      });
  add(exportMenu_, tr("&All Quantized Tensors…"), {}, QStringLiteral("-quantized"), native,
      QStringLiteral("h5"), [this](const QString& path) {
        session_->exportQuantized(path, true, dequantizedAction_->isChecked());
      });
  dequantizedAction_ = exportMenu_->addAction(tr("&Include Dequantized Weights"));
  dequantizedAction_->setCheckable(true);
  dequantizedAction_->setToolTip(tr("Also store float32 weights as they are decoded"));
  exportMenu_->addSeparator();
  add(exportMenu_, tr("&Metrics Table…"), {}, QStringLiteral("-metrics"), csv,
      QStringLiteral("csv"), [this](const QString& path) { exportMetrics(path); });
  add(exportMenu_, tr("&Overview of All Tensors…"), {}, QStringLiteral("-overview"), csv,
      QStringLiteral("csv"), [this](const QString& path) { exportOverview(path); });
  exportMenu_->addSeparator();
  QMenu* images = exportMenu_->addMenu(tr("Plot &Image"));
  QMenu* tables = exportMenu_->addMenu(tr("Plot &Data"));
  const QString names[] = {tr("&Error Histogram…"), tr("&Weight Histogram…"), tr("&Clip Curve…")};
  const QString ends[] = {QStringLiteral("-errors"), QStringLiteral("-weights"),
                          QStringLiteral("-clip-curve")};
  for (int i = 0; i < 3; ++i) {
    add(images, names[i], {}, ends[i], imageFilters(), QStringLiteral("png"),
        [this, i](const QString& path) { exportPlotImage(i, path); });
    add(tables, names[i], {}, ends[i], csv, QStringLiteral("csv"), [this, i](const QString& path) {
      const Plot* plot = plots()[static_cast<std::size_t>(i)];
      session_->startExport(plot->title(), path,
                            textExport(path.toStdString(), plot->tableAsCsv().toStdString()));
    });
  }
}

void MainWindow::createHelpMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Help"));
  addAction(menu, {}, tr("&Hints"), QKeySequence::HelpContents, [this] {
    settings_->setHintsDismissed(false);
    showHints();
  });
  menu->addSeparator();
  addAction(menu, {}, tr("&About Quantoscope"), {}, [this] { showAbout(); });
  addAction(menu, {}, tr("About &Qt"), {}, [] { QApplication::aboutQt(); });
}

void MainWindow::createToolBar() {
  QToolBar* bar = addToolBar(tr("Main toolbar"));
  bar->setObjectName(QStringLiteral("toolBar"));
  bar->setMovable(false);
  bar->setIconSize({20, 20});
  bar->addAction(openAction_);
  auto* exports = new QToolButton(bar);
  exports->setIcon(actionIcon(QStringLiteral("export")));
  exports->setText(tr("Export"));
  exports->setToolTip(tr("Export"));
  exports->setAccessibleName(tr("Export"));
  exports->setMenu(exportMenu_);
  exports->setPopupMode(QToolButton::InstantPopup);
  exports->setFocusPolicy(Qt::TabFocus);
  bar->addWidget(exports);
  bar->addSeparator();
  bar->addActions({undoAction_, redoAction_});
  bar->addSeparator();
  bar->addActions({bestAction_, defaultAction_});
  bar->addSeparator();
  bar->addAction(logAction_);
  bar->addAction(cancelAction_);
  for (auto* button : bar->findChildren<QToolButton*>()) {
    if (button->accessibleName().isEmpty() && button->defaultAction() != nullptr) {
      button->setAccessibleName(button->defaultAction()->iconText());
    }
  }
  menuBar()->setAccessibleName(tr("Menu"));
}

// ---- wiring

void MainWindow::connectSession() {
  connect(session_, &Session::failed, this, [this](const QString& message) {
    messages_->showMessage(MessageBar::Kind::Error, message);
  });
  connect(session_, &Session::cancelled, this, [this](const QString& what) {
    statusBar()->showMessage(tr("Stopped: %1").arg(what), kStatusMs);
    if (session_->result() && !session_->resultIsCurrent()) {
      messages_->showMessage(MessageBar::Kind::Info,
                             tr("Stopped. What is shown belongs to the settings before; F5 "
                                "computes again."));
    }
  });
  connect(session_, &Session::exported, this,
          [this](const QString& what, const QString& path, const QStringList& notes) {
            QString text = tr("%1 written to %2").arg(what, path);
            for (const QString& note : notes) text += QStringLiteral("\n• ") + note;
            messages_->showMessage(MessageBar::Kind::Info, text);
          });
  watcher_ = new QFileSystemWatcher(this);
  connect(watcher_, &QFileSystemWatcher::fileChanged, this, &MainWindow::offerReload);
  connect(session_, &Session::filesChanged, this, &MainWindow::watchFiles);
  connect(session_, &Session::fileOpened, this, [this](const QString& path) {
    settings_->addRecentFile(path);
    fillRecentFiles();
  });
  connect(session_, &Session::tensorChanged, this, [this] {
    showTitle();
    updateActions();
  });
  connect(session_, &Session::fileChanged, this, &MainWindow::showTitle);
  connect(session_, &Session::resultChanged, this, &MainWindow::showResult);
  connect(session_, &Session::curveChanged, this, &MainWindow::showCurve);
  connect(session_, &Session::specChanged, this, [this] {
    // What it said was about the state before; but not that another of several files failed.
    if (session_->activity().kind != Activity::Kind::Opening) messages_->clear();
    showRatio();
    updateActions();
  });
  connect(session_, &Session::activityChanged, this, [this] {
    showResult();
    updateActions();
  });
}

void MainWindow::connectPlots() {
  connect(workbench_->pins(), &PinStore::refused, this, [this](const QString& message) {
    messages_->showMessage(MessageBar::Kind::Info, message);
  });
  for (Plot* plot : plots()) {
    connect(plot, &Plot::hovered, this,
            [this](const QString& text) { statusBar()->showMessage(text); });
    connect(plot, &Plot::saved, this, [this](const QString& path) {
      messages_->showMessage(MessageBar::Kind::Info, tr("%1 written").arg(path));
    });
    connect(plot, &Plot::saveFailed, this, [this](const QString& message) {
      messages_->showMessage(MessageBar::Kind::Error, message);
    });
  }
  for (HistogramPlot* plot : std::initializer_list<HistogramPlot*>{errors_, weights_}) {
    connect(plot, &HistogramPlot::logCountsChanged, this, &MainWindow::setLogCounts);
  }
  connect(curve_, &ClipCurvePlot::ratioDragged, this, [this](double ratio) {
    if (dragGesture_ == 0) dragGesture_ = session_->newGesture();
    setRatio(ratio, dragGesture_);
  });
  connect(curve_, &ClipCurvePlot::ratioDragFinished, this, [this](double ratio) {
    setRatio(ratio, dragGesture_);
    dragGesture_ = 0;
  });
  connect(curve_, &ClipCurvePlot::optimumChosen, this,
          [this](double ratio) { setRatio(ratio, 0); });
}

std::vector<Plot*> MainWindow::plots() const {
  std::vector<Plot*> all = {errors_, weights_, curve_};
  const std::vector<Plot*> docked = workbench_->plots();
  all.insert(all.end(), docked.begin(), docked.end());
  return all;
}

// ---- what is shown

QString MainWindow::baseName() const {
  return QFileInfo(session_->currentPath()).completeBaseName();
}

void MainWindow::showTitle() {
  QStringList parts;
  if (!session_->currentTensor().isEmpty()) parts << session_->currentTensor();
  if (session_->currentFile() >= 0) parts << QFileInfo(session_->currentPath()).fileName();
  parts << tr("Quantoscope");
  setWindowTitle(parts.join(QStringLiteral(" – ")));
}

void MainWindow::showResult() {
  const SharedResult result = session_->result();
  if (result != shownResult_) showNewResult(result);
  // Only what is about to be replaced: after a stop nothing is, and the message bar says so.
  // A preview is no stale answer but a rough one, as the status bar says.
  const bool stale = result && !result->preview && !session_->resultIsCurrent() &&
                     session_->activity().foreground();
  weights_->setStale(stale);
  showRatio();
}

void MainWindow::showNewResult(const SharedResult& result) {
  shownResult_ = result;
  errors_->setResult(result);
  weights_->setResult(result);
  const QString subject = result ? QStringLiteral("%1, %2").arg(plainText(result->info.name),
                                                                plainText(describe(result->spec)))
                                 : QString();
  for (Plot* plot : std::initializer_list<Plot*>{errors_, weights_, curve_}) {
    plot->setSubject(subject);
  }
  const bool unsearchable = result && !result->metrics;
  curve_->setFailure(unsearchable ? tr("NaN or infinite values: nothing to search") : QString());
}

void MainWindow::showCurve() {
  if (const SharedCurve curve = session_->curve()) {
    curve_->setCurve(curve, RatioGrid{});
    curve_->setStale(false);
  } else if (session_->currentTensor().isEmpty()) {
    curve_->setCurve(nullptr, RatioGrid{});
  } else if (session_->resultIsCurrent() && !session_->result()->metrics) {
    curve_->setStale(false);  // nothing to search, as its failure says
  } else if (const QString problem = session_->curveProblem(); !problem.isEmpty()) {
    curve_->setFailure(problem);
    curve_->setStale(false);
  } else {
    curve_->setEmptyText(tr("The clip curve appears here once it is computed"));
    curve_->setStale(true);
  }
  showRatio();
  updateActions();
}

void MainWindow::showRatio() {
  const QuantSpec spec = session_->spec();
  double ratio = spec.clip.kind == ClipPolicy::Kind::Ratio ? spec.clip.ratio : 1.0;
  if (spec.clip.searches()) {
    const SharedResult result = session_->result();
    if (!result || !result->group || !session_->resultIsCurrent()) return;
    ratio = result->group->clipRatio;
  }
  curve_->setCurrentRatio(ratio, !session_->currentTensor().isEmpty());
}

void MainWindow::updateActions() {
  const bool hasTensor = !session_->currentTensor().isEmpty();
  for (QAction* action : tensorActions_) action->setEnabled(hasTensor);
  closeAction_->setEnabled(session_->currentFile() >= 0);
  reloadAction_->setEnabled(session_->currentFile() >= 0);
  bestAction_->setEnabled(session_->bestRatio().has_value());
  defaultAction_->setEnabled(session_->hasOwnSpec());
  cancelAction_->setEnabled(!session_->activity().idle());
}

void MainWindow::setLogCounts(bool on) {
  const QSignalBlocker block(logAction_);
  logAction_->setChecked(on);
  errors_->setLogCounts(on);
  weights_->setLogCounts(on);
  settings_->setLogCounts(on);
}

void MainWindow::setRatio(double ratio, int gesture) {
  QuantSpec spec = session_->spec();
  spec.clip = ClipPolicy::fixed(ratio);
  session_->editSpec(spec, tr("clip ratio"), gesture);
}

void MainWindow::useBestRatio() {
  if (const auto best = session_->bestRatio()) setRatio(*best, 0);
}

// ---- files

void MainWindow::openByDialog() {
  askForFiles(this, *settings_, tr("Open weight files"), weightFilters(),
              [this](const QStringList& files) { openFiles(files); });
}

void MainWindow::openPlanByDialog() {
  askForFiles(this, *settings_, tr("Open plan"), {tr("Plan (*.json)")},
              [this](const QStringList& files) {
                const auto plan = readPlan(files.first().toStdString());
                if (plan) {
                  session_->adoptPlan(*plan);
                } else {
                  messages_->showMessage(MessageBar::Kind::Error, plainText(plan.error().message));
                }
              });
}

void MainWindow::openFiles(const QStringList& files) {
  messages_->clear();
  session_->openFile(files.first());
  for (const QString& file : files.mid(1)) session_->openBeside(file);
}

/// Tensors of the file, everything the menus offer, presets, and open and recent files.
void MainWindow::locate() {
  std::vector<Locator::Entry> entries;
  for (const TensorInfo& info : session_->tensors()) {
    if (!info.quantizable) continue;
    const QString name = plainText(info.name);
    entries.push_back({name, tr("tensor"), [this, name] { session_->selectTensor(name); }});
  }
  for (const QMenu* menu : menuBar()->findChildren<QMenu*>()) {
    for (QAction* action : menu->actions()) {
      if (action->menu() != nullptr || action->isSeparator() || !action->isEnabled()) continue;
      QString name = action->text();
      name.remove(QLatin1Char('&'));
      entries.push_back({name, tr("action"), [action] { action->trigger(); }});
    }
  }
  if (!session_->currentTensor().isEmpty()) {
    for (const Preset& preset : presets()) {
      entries.push_back({preset.name, tr("preset"), [this, preset] {
                           session_->editSpec(preset.spec, tr("preset %1").arg(preset.name));
                         }});
    }
  }
  const QStringList open = session_->openFiles();
  for (int i = 0; i < open.size(); ++i) {
    entries.push_back({QFileInfo(open[i]).fileName(), tr("open file"),
                       [this, i] { session_->setCurrentFile(i); }});
  }
  (new Locator(std::move(entries), this))->open();
}

void MainWindow::watchFiles() {
  const QStringList watched = watcher_->files();
  const QStringList open = session_->openFiles();
  for (const QString& path : watched) {
    if (!open.contains(path)) watcher_->removePath(path);
  }
  for (const QString& path : open) {
    if (!watched.contains(path) && QFileInfo::exists(path)) watcher_->addPath(path);
  }
}

/// Tells it once the writing has paused: a file grows in many steps.
void MainWindow::offerReload(const QString& path) {
  constexpr int kPauseMs = 400;
  QTimer::singleShot(kPauseMs, this, [this, path] {
    watchFiles();  // a file that was replaced is not watched any more
    if (path != session_->currentPath() || !QFileInfo::exists(path)) return;
    messages_->showMessage(
        MessageBar::Kind::Info, tr("%1 changed on disk").arg(QFileInfo(path).fileName()),
        tr("Reload, keep my settings"), [this] { session_->reloadCurrentFile(false); });
  });
}

void MainWindow::fillRecentFiles() {
  recentMenu_->clear();
  const QStringList files = settings_->recentFiles();
  for (qsizetype i = 0; i < files.size(); ++i) {
    const QFileInfo info(files[i]);
    // A digit as mnemonic; ampersands of the name itself must not become one.
    QString shown = info.fileName();
    shown.replace(QLatin1Char('&'), QLatin1String("&&"));
    const QString mnemonic = i < 9 ? QStringLiteral("&%1  ").arg(i + 1) : QString();
    QAction* action = recentMenu_->addAction(mnemonic + shown, this,
                                             [this, path = files[i]] { openFiles({path}); });
    action->setToolTip(files[i]);
    action->setStatusTip(files[i]);
    action->setEnabled(info.exists());
  }
  recentMenu_->setToolTipsVisible(true);
  recentMenu_->setEnabled(!files.isEmpty());
  if (files.isEmpty()) return;
  recentMenu_->addSeparator();
  recentMenu_->addAction(tr("&Clear List"), this, [this] {
    settings_->clearRecentFiles();
    fillRecentFiles();
  });
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList files;
  for (const QUrl& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) files << url.toLocalFile();
  }
  if (files.isEmpty()) return;
  event->acceptProposedAction();
  openFiles(files);
}

// ---- exports

void MainWindow::askAndExport(const QString& title, const QString& nameEnd,
                              const QStringList& filters, const QString& suffix,
                              std::function<void(const QString&)> exportTo) {
  askForSavePath(this, *settings_,
                 {title, baseName() + nameEnd + QLatin1Char('.') + suffix, filters, suffix},
                 std::move(exportTo));
}

void MainWindow::exportPlan(const QString& path) {
  session_->startExport(tr("Plan"), path, planExport(path.toStdString(), session_->plan()));
}

void MainWindow::exportNeuralCompressor(const QString& path) {
  session_->startExport(
      tr("neural-compressor configuration"), path,
      neuralCompressorExport(path.toStdString(), session_->plan(), session_->tensors()));
}

void MainWindow::exportMetrics(const QString& path) {
  session_->startExport(tr("Metrics table"), path,
                        textExport(path.toStdString(), csvText({"metric", "value", "unit"},
                                                               metrics_->metrics().table())));
}

void MainWindow::exportOverview(const QString& path) {
  std::vector<std::vector<std::string>> rows;
  const auto& tensors = session_->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo& info = tensors[i];
    if (!info.quantizable) continue;
    const TensorOverview& known = session_->overview(i);
    // Numbers of a spec that has changed since would stand beside the wrong one.
    const TensorMeasure measure =
        known.settled ? known.measure.value_or(TensorMeasure{}) : TensorMeasure{};
    rows.push_back(
        {info.name, std::to_string(info.rows), std::to_string(info.cols), info.dtype,
         std::to_string(info.bytes), describe(session_->specOf(info)), numberOrEmpty(measure.mse),
         numberOrEmpty(measure.sqnrDb), numberOrEmpty(measure.bestRatio),
         formatNumber(
             storageCostOf(session_->specOf(info), info.rows, info.cols).bitsPerWeight())});
  }
  const std::string text = csvText({"tensor", "rows", "cols", "dtype", "bytes", "spec", "mse",
                                    "sqnr_db", "best_ratio", "bits_per_weight"},
                                   rows);
  session_->startExport(tr("Overview"), path, textExport(path.toStdString(), text));
}

void MainWindow::exportPlotImage(int index, const QString& path) {
  const Plot* plot = plots()[static_cast<std::size_t>(index)];
  // Twice the pixels of the screen, so that the image can be printed.
  const Status status = plot->exportImage(path, plot->size(), 2);
  if (status) {
    messages_->showMessage(MessageBar::Kind::Info, tr("%1 written to %2").arg(plot->title(), path));
  } else {
    messages_->showMessage(MessageBar::Kind::Error, plainText(status.error().message));
  }
}

QString MainWindow::commandLine() const {
  if (session_->currentTensor().isEmpty()) return {};
  return QStringLiteral("quantoscope-cli inspect %1 %2 %3")
      .arg(shellQuoted(session_->currentPath()), shellQuoted(session_->currentTensor()),
           plainText(commandLineOptions(session_->spec())));
}

void MainWindow::copyCommand() {
  QApplication::clipboard()->setText(commandLine());
  statusBar()->showMessage(tr("Copied: %1").arg(commandLine()), kStatusMs);
}

// ---- layout

void MainWindow::resetLayout() {
  for (QDockWidget* dock : {browserDock_, specDock_, metricsDock_}) {
    dock->setFloating(false);
    dock->show();
  }
  addDockWidget(Qt::LeftDockWidgetArea, browserDock_);
  addDockWidget(Qt::RightDockWidgetArea, specDock_);
  splitDockWidget(specDock_, metricsDock_, Qt::Vertical);
  // Where there is room the browser gets it: names are long, and more columns fit.
  const int browserWidth = std::clamp(width() / 4, 330, 480);
  resizeDocks({browserDock_, specDock_}, {browserWidth, 290}, Qt::Horizontal);
  constexpr int kBars = 120;  // menu, toolbar, titles of docks, status bar
  const int specHeight = spec_->sizeHint().height() + 2 * fontMetrics().height();
  resizeDocks({specDock_, metricsDock_}, {specHeight, std::max(height() - specHeight - kBars, 100)},
              Qt::Vertical);
  workbench_->arrange();
  resizeDocks({workbench_->docks().front()}, {std::max(height() / 3, 220)}, Qt::Vertical);
  topRow_->setSizes({1000, 1000});
  rows_->setSizes({1080, 1000});
  arrangeForPerspective();
}

/// What a perspective leaves out, so that the rest has room.
void MainWindow::arrangeForPerspective() {
  curveFrame_->setVisible(perspective_ != Perspective::Compare);
  if (perspective_ == Perspective::Inspect) return;
  QDockWidget* const comparison = workbench_->docks().back();
  for (QDockWidget* dock : workbench_->docks()) {
    dock->setVisible(perspective_ == Perspective::Compare && dock == comparison);
  }
  if (perspective_ == Perspective::Compare) {
    resizeDocks({comparison}, {std::max(height() * 2 / 5, 240)}, Qt::Vertical);
  }
}

void MainWindow::showPerspective(Perspective perspective) {
  settings_->setPerspective(static_cast<int>(perspective_), kLayoutVersion,
                            saveState(kLayoutVersion));
  perspective_ = perspective;
  resetLayout();
  const QByteArray left = settings_->perspective(static_cast<int>(perspective), kLayoutVersion);
  if (!left.isEmpty()) restoreState(left, kLayoutVersion);
  perspectiveActions_[static_cast<std::size_t>(perspective)]->setChecked(true);
}

void MainWindow::restoreLayout() {
  resize(sizeHint());
  perspective_ = static_cast<Perspective>(settings_->lastPerspective());
  perspectiveActions_[static_cast<std::size_t>(perspective_)]->setChecked(true);
  resetLayout();
  const auto layout = settings_->windowLayout(kLayoutVersion);
  if (!layout) return;
  restoreGeometry(layout->geometry);
  if (!restoreState(layout->state, kLayoutVersion)) {
    resetLayout();
    return;
  }
  if (layout->splitters.size() == 2) {
    rows_->restoreState(layout->splitters[0]);
    topRow_->restoreState(layout->splitters[1]);
  }
}

void MainWindow::closeEvent(QCloseEvent* event) {
  settings_->setLastPerspective(static_cast<int>(perspective_));
  settings_->setWindowLayout(
      kLayoutVersion,
      {saveGeometry(), saveState(kLayoutVersion), {rows_->saveState(), topRow_->saveState()}});
  session_->cancel();
  QMainWindow::closeEvent(event);
}

void MainWindow::showAbout() {
  auto* dialog = new QDialog(this);
  dialog->setAttribute(Qt::WA_DeleteOnClose);
  dialog->setWindowTitle(tr("About Quantoscope"));
  auto* icon = new QLabel(dialog);
  icon->setPixmap(QApplication::windowIcon().pixmap(64));
  auto* text = new QLabel(dialog);
  text->setTextFormat(Qt::RichText);
  text->setWordWrap(true);
  text->setTextInteractionFlags(Qt::TextBrowserInteraction);
  text->setAccessibleName(tr("About Quantoscope"));
  text->setText(
      tr("<h3>Quantoscope %1</h3>"
         "<p>See and tune what quantization does to neural-network weights.</p>"
         "<p>Free software under the GNU General Public License, version 3 or later, without any "
         "warranty.</p>"
         "<p>Built on Qt %2 (LGPL-3.0), QCustomPlot %3 (GPL-3.0-or-later), HDF5 %4 (BSD-3-Clause), "
         "oneTBB %5 (Apache-2.0), Highway (Apache-2.0 or BSD-3-Clause), libdeflate (MIT), OpenSSL "
         "(Apache-2.0) and JSON for Modern C++ (MIT).</p><p>Kernels in use: %6.</p>")
          .arg(QApplication::applicationVersion(), QString::fromLatin1(qVersion()),
               Plot::libraryVersion(), plainText(hdf5Version()), plainText(tbbVersion()),
               QString::fromLatin1(kernels::activeKernels().name)));
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, dialog);
  connect(buttons, &QDialogButtonBox::rejected, dialog, &QDialog::close);
  auto* layout = new QVBoxLayout(dialog);
  layout->addWidget(icon);
  layout->addWidget(text);
  layout->addWidget(buttons);
  dialog->resize(440, dialog->sizeHint().height());
  dialog->open();
}

}  // namespace quantoscope::ui
