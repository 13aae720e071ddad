// Docks, splitters and perspectives.
#include <algorithm>
#include <iterator>

#include <QAction>
#include <QCloseEvent>
#include <QDockWidget>
#include <QSplitter>
#include <QTabBar>
#include <QTimer>

#include "ui/main_window/main_window.h"
#include "ui/main_window/workbench.h"
#include "ui/panels/clip_curve_frame.h"
#include "ui/panels/spec_panel.h"

namespace quantoscope::ui {

namespace {

int savedNumber(Perspective perspective) {
  return std::find_if(std::begin(kPerspectives), std::end(kPerspectives),
                      [=](const PerspectiveRow& row) { return row.perspective == perspective; })
      ->saved;
}

/// The first where the settings hold a number that none has.
Perspective perspectiveOf(int saved) {
  for (const PerspectiveRow& row : kPerspectives) {
    if (row.saved == saved) return row.perspective;
  }
  return kPerspectives[0].perspective;
}

}  // namespace

void MainWindow::resetLayout() {
  for (QDockWidget* dock : {browserDock_, specDock_, metricsDock_}) {
    dock->setFloating(false);
    dock->show();
  }
  addDockWidget(Qt::LeftDockWidgetArea, browserDock_);
  addDockWidget(Qt::RightDockWidgetArea, specDock_);
  splitDockWidget(specDock_, metricsDock_, Qt::Vertical);
  // Where there is room the browser gets it: names are long, and more columns fit.
  const int browserWidth = std::clamp(width() / 4, 260, 480);
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
  const bool compares = perspective_ == Perspective::Compare;
  curveFrame_->setVisible(!compares);
  // A table of many columns beside plots wants the whole width.
  setCorner(Qt::BottomLeftCorner, compares ? Qt::BottomDockWidgetArea : Qt::LeftDockWidgetArea);
  setCorner(Qt::BottomRightCorner, compares ? Qt::BottomDockWidgetArea : Qt::RightDockWidgetArea);
  if (compares) {
    workbench_->arrangeForComparison();
  } else if (perspective_ == Perspective::Tune) {
    QDockWidget* const model = workbench_->dock("overviewDock");
    for (QDockWidget* dock : workbench_->docks()) dock->setVisible(dock == model);
    resizeDocks({model}, {std::max(height() / 4, 190)}, Qt::Vertical);
  }
}

void MainWindow::showPerspective(Perspective perspective) {
  settings_->setPerspective(savedNumber(perspective_), kLayoutVersion, saveState(kLayoutVersion));
  perspective_ = perspective;
  resetLayout();
  const QByteArray left = settings_->perspective(savedNumber(perspective), kLayoutVersion);
  if (!left.isEmpty()) restoreState(left, kLayoutVersion);
  perspectiveActions_.at(perspective)->setChecked(true);
}

/// Qt makes a bar for each place where docks lie upon each other, when it needs one.
void MainWindow::childEvent(QChildEvent* event) {
  QMainWindow::childEvent(event);
  if (!event->added()) return;
  QObject* const child = event->child();
  QTimer::singleShot(0, child, [child] {  // it is under construction now
    if (auto* tabs = qobject_cast<QTabBar*>(child)) {
      tabs->setAccessibleName(tr("Docks"));
      tabs->setElideMode(Qt::ElideNone);  // a letter of each name helps nobody: scroll instead
      tabs->setUsesScrollButtons(true);
    }
  });
}

void MainWindow::restoreLayout() {
  resize(sizeHint());
  perspective_ = perspectiveOf(settings_->lastPerspective());
  perspectiveActions_.at(perspective_)->setChecked(true);
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
  settings_->setLastPerspective(savedNumber(perspective_));
  settings_->setWindowLayout(
      kLayoutVersion,
      {saveGeometry(), saveState(kLayoutVersion), {rows_->saveState(), topRow_->saveState()}});
  session_->cancel();
  QMainWindow::closeEvent(event);
}

}  // namespace quantoscope::ui
