#include "ui/main_window/main_window.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include <QAction>
#include <QDockWidget>
#include <QFileInfo>
#include <QScreen>
#include <QSignalBlocker>
#include <QSplitter>
#include <QStatusBar>
#include <QVBoxLayout>

#include "ui/main_window/brushing.h"
#include "ui/main_window/commands.h"
#include "ui/main_window/plain_text.h"
#include "ui/main_window/plot_feed.h"
#include "ui/main_window/workbench.h"
#include "ui/panels/activity_bar.h"
#include "ui/panels/clip_curve_frame.h"
#include "ui/panels/group_chooser.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/panels/plot_frame.h"
#include "ui/panels/selection_bar.h"
#include "ui/panels/spec_panel.h"
#include "ui/panels/tensor_browser.h"
#include "ui/panels/vertical_scroll_area.h"
#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/plot_links.h"
#include "ui/plots/plot_rows.h"
#include "ui/plots/weight_histogram_plot.h"
#include "ui/session/preset_store.h"
#include "ui/session/session_document.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

MainWindow::MainWindow(Session* session, Settings* settings, QWidget* parent)
    : QMainWindow(parent), session_(session), settings_(settings) {
  showPlainTextOnly();  // before any label is polished
  setObjectName(QStringLiteral("mainWindow"));
  setAcceptDrops(true);
  setDockOptions(AnimatedDocks | AllowNestedDocks | AllowTabbedDocks);
  setCorner(Qt::BottomLeftCorner, Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, Qt::RightDockWidgetArea);
  createPlots();
  createDocks();
  collectPlots();
  document_ = new SessionDocument(session_, workbench_->pins(), this);
  links_ = new PlotLinks(plots_, this);
  feed_ = new PlotFeed(session_, plots_, this);
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
  connectDocument();
  connectPlots();
  offerCommands(*this, session_);
  setLogCounts(settings_->logCounts());
  restoreLayout();
  showTitle();
  showResult();
  showCurve();
  updateActions();
  browser_->focusTable();
  if (!settings_->problem().isEmpty()) {
    messages_->showMessage(MessageBar::Kind::Error,
                           tr("%1. No settings are read or kept.").arg(settings_->problem()));
  }
}

MainWindow::~MainWindow() = default;

QSize MainWindow::sizeHint() const {
  constexpr QSize kLeast(1280, 800);
  constexpr QSize kMost(1680, 1050);
  return (screen()->availableSize() * 0.85).boundedTo(kMost).expandedTo(kLeast);
}

// ---- what it is made of

void MainWindow::createPlots() {
  curve_ = new ClipCurvePlot;
  auto* errorFrame = new PlotFrame(new ErrorHistogramPlot);
  auto* weightFrame = new PlotFrame(new WeightHistogramPlot);
  curveFrame_ = new ClipCurveFrame(curve_);
  spreads_ = new ClipSpreads(session_, this);
  weightFrame->addControl(new GroupChooser(session_, weightFrame));

  topRow_ = new QSplitter(Qt::Horizontal);
  topRow_->setObjectName(QStringLiteral("topRow"));
  topRow_->addWidget(errorFrame);
  topRow_->addWidget(weightFrame);
  rows_ = new QSplitter(Qt::Vertical);
  rows_->setObjectName(QStringLiteral("rows"));
  rows_->addWidget(topRow_);
  rows_->addWidget(curveFrame_);
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
  presets_ = new PresetStore(session_, settings_, this);
  spec_ = new SpecPanel(session_, presets_, this);
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
  workbench_ = new Workbench(session_, settings_, presets_, this);
}

void MainWindow::collectPlots() {
  const QList<Plot*> all = findChildren<Plot*>();
  for (const PlotRow& row : plotRows()) {
    std::copy_if(all.begin(), all.end(), std::back_inserter(plots_),
                 [&row](const Plot* plot) { return plot->metaObject() == row.type; });
  }
}

std::vector<QDockWidget*> MainWindow::docks() const {
  std::vector<QDockWidget*> all = {browserDock_, specDock_, metricsDock_};
  const std::vector<QDockWidget*> further = workbench_->docks();
  all.insert(all.end(), further.begin(), further.end());
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
  center->addWidget(new SelectionBar(session_));
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

// ---- wiring

void MainWindow::connectSession() {
  connect(session_, &Session::failed, this, [this](const QString& message) {
    messages_->showMessage(MessageBar::Kind::Error, message);
  });
  connect(session_, &Session::cancelled, this, [this](const QString& what) {
    statusBar()->showMessage(shownText(tr("Stopped: %1").arg(what)), kStatusMs);
    if (session_->result() && !session_->resultIsCurrent()) {
      messages_->showMessage(
          MessageBar::Kind::Info,
          tr("Stopped. The plots show the previous settings; F5 computes again."));
    }
  });
  connect(session_, &Session::exported, this,
          [this](const QString& what, const QString& path, const QStringList& notes) {
            QString text = tr("%1 written to %2").arg(what, path);
            constexpr qsizetype kMostTold = 5;
            for (const QString& note : notes.first(std::min(notes.size(), kMostTold))) {
              text += QStringLiteral("\n• ") + note;
            }
            if (notes.size() > kMostTold) {
              text += QStringLiteral("\n• ") + tr("and %1 more").arg(notes.size() - kMostTold);
            }
            messages_->showMessage(MessageBar::Kind::Info, text);
          });
  connectFileWatch();
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
  connect(session_, &Session::selectionChanged, this, &MainWindow::updateActions);
  connect(session_, &Session::specChanged, this, [this] {
    // It was about the previous state, unless it reports that another of several files failed.
    // An offer stays until it is taken or dismissed.
    const bool opening = session_->activity().kind == Activity::Kind::Opening;
    if (!opening && !messages_->offersSomething()) messages_->clear();
    showRatio();
    updateActions();
  });
  connect(session_, &Session::activityChanged, this, [this] {
    showResult();
    updateActions();
  });
}

void MainWindow::connectPlots() {
  new Brushing(session_, plots_, this);
  connect(workbench_->pins(), &PinStore::refused, this, [this](const QString& message) {
    messages_->showMessage(MessageBar::Kind::Info, message);
  });
  for (Plot* plot : plots_) {
    plot->setWriteGuard([this](const QString& path) { return session_->mayWrite(path); });
    connect(plot, &Plot::hovered, this,
            [this](const QString& text) { statusBar()->showMessage(shownText(text)); });
    connect(plot, &Plot::saved, this, [this](const QString& path) {
      messages_->showMessage(MessageBar::Kind::Info, tr("%1 written").arg(path));
    });
    connect(plot, &Plot::saveFailed, this, [this](const QString& message) {
      messages_->showMessage(MessageBar::Kind::Error, message);
    });
  }
  for (HistogramPlot* plot : findChildren<HistogramPlot*>()) {
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
  connectComparison();
}

/// The clip search per row or group, and the pins over the plots in the middle.
void MainWindow::connectComparison() {
  connect(curve_, &ClipCurvePlot::searchChosen, this,
          [this](ClipPolicy::Kind kind, const RatioGrid& window) {
            QuantSpec spec = session_->spec();
            spec.clip = {kind, 1.0};
            spec.grid = window;
            session_->editSpec(spec, tr("clip search"));
          });
  const auto search = [this] { spreads_->want(curveFrame_->search(), curveFrame_->window()); };
  connect(curveFrame_, &ClipCurveFrame::searchChanged, this, search);
  connect(curveFrame_, &ClipCurveFrame::windowChanged, this, search);
  connect(curveFrame_, &ClipCurveFrame::windowChanged, this, &MainWindow::showCurve);
  connect(spreads_, &ClipSpreads::changed, this, &MainWindow::showCurve);
  connect(findChild<ErrorHistogramPlot*>(), &ErrorHistogramPlot::unitChanged, feed_,
          &PlotFeed::showStale);
  const auto showPins = [this] { feed_->setPins(workbench_->pinOverlays()); };
  connect(workbench_, &Workbench::pinOverlaysChanged, this, showPins);
  showPins();
}

// ---- what is shown

void MainWindow::showTitle() {
  QStringList parts;
  if (session_->hasTensor()) parts << shownName(session_->currentTensor());
  if (session_->currentFile() >= 0)
    parts << shownName(QFileInfo(session_->currentPath()).fileName());
  if (!document_->path().isEmpty()) {
    parts << shownName(QFileInfo(document_->path()).completeBaseName());
  }
  parts << tr("Quantoscope");
  setWindowTitle(parts.join(QStringLiteral(" – ")));
}

void MainWindow::showResult() {
  const SharedResult result = session_->result();
  if (std::exchange(shownResult_, result) != result) {
    const bool unsearchable = result && !result->metrics;
    curve_->setFailure(unsearchable ? tr("NaN or infinite values: nothing to search") : QString());
  }
  showRatio();
}

void MainWindow::showCurve() {
  if (const SharedCurve curve = session_->curve()) {
    const auto asked = session_->questionUnder(QuantSpec{});
    // A sample's mean of w^2 would be near, but not what the error belongs to.
    const SharedResult result = session_->result();
    if (session_->resultIsCurrent() && !result->preview) {
      signal_ = {asked, TensorTraits::from(result->statistics, std::nullopt).meanSquare};
    }
    const double signal = signal_.first == asked ? signal_.second : 0;
    if (signal == 0 && curve_->measure() == ClipCurvePlot::Measure::Sqnr) return;
    curve_->setCurve(curve, curveFrame_->window(), signal);
    curve_->setStale(false);
    showSpread();
  } else if (!session_->hasTensor()) {
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

/// The outcome of a search per row or group, where that is what the frame asks for.
void MainWindow::showSpread() {
  const SharedClipSpread spread = spreads_->spread();
  curve_->setSpread(spread);
  if (spread || curveFrame_->search() == ClipPolicy::Kind::SearchTensor) return;
  const QString problem = spreads_->problem();
  curve_->setStale(problem.isEmpty());
  if (!problem.isEmpty()) messages_->showMessage(MessageBar::Kind::Error, problem);
}

void MainWindow::showRatio() {
  const QuantSpec spec = session_->spec();
  double ratio = spec.clip.kind == ClipPolicy::Kind::Ratio ? spec.clip.ratio : 1.0;
  if (spec.clip.searches()) {
    const SharedResult result = session_->result();
    if (!result || !result->group || !session_->resultIsCurrent()) return;
    ratio = result->group->clipRatio;
  }
  curve_->setCurrentRatio(ratio, session_->hasTensor());
}

void MainWindow::updateActions() {
  const bool hasTensor = session_->hasTensor();
  for (QAction* action : tensorActions_) action->setEnabled(hasTensor);
  closeAction_->setEnabled(session_->currentFile() >= 0);
  reloadAction_->setEnabled(session_->currentFile() >= 0);
  bestAction_->setEnabled(session_->bestRatio().has_value());
  defaultAction_->setEnabled(session_->hasOwnSpec());
  cancelAction_->setEnabled(!session_->activity().idle());
  // Esc clears a selection before it stops anything.
  const bool selected = session_->selection().has_value();
  unselectAction_->setEnabled(selected);
  cancelAction_->setShortcut(selected ? QKeySequence() : QKeySequence(Qt::Key_Escape));
  unselectAction_->setShortcut(selected ? QKeySequence(Qt::Key_Escape) : QKeySequence());
}

void MainWindow::setLogCounts(bool on) {
  const QSignalBlocker block(logAction_);
  logAction_->setChecked(on);
  for (HistogramPlot* plot : findChildren<HistogramPlot*>()) plot->setLogCounts(on);
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

}  // namespace quantoscope::ui
