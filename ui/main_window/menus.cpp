// The menus and the toolbar.
#include <QAction>
#include <QActionGroup>
#include <QApplication>
#include <QDockWidget>
#include <QMenu>
#include <QMenuBar>
#include <QToolBar>
#include <QToolButton>

#include "core/exporting/registry.h"
#include "ui/main_window/about_dialog.h"
#include "ui/main_window/action_icon.h"
#include "ui/main_window/main_window.h"
#include "ui/main_window/workbench.h"
#include "ui/panels/appearance.h"
#include "ui/panels/overview_panel.h"
#include "ui/panels/preset_dialog.h"
#include "ui/panels/tensor_browser.h"
#include "ui/plots/plot.h"
#include "ui/plots/plot_links.h"
#include "ui/plots/plot_rows.h"

namespace quantoscope::ui {

namespace {

QStringList imageFilters() {
  return {MainWindow::tr("PNG image (*.png)"), MainWindow::tr("SVG drawing (*.svg)"),
          MainWindow::tr("PDF document (*.pdf)")};
}

}  // namespace

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
  createSessionActions(menu);
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
  unselectAction_ =
      addAction(menu, {}, tr("Clear &Selection"), {}, [this] { session_->setSelection({}); });
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
  for (const PerspectiveRow& row : kPerspectives) {
    QAction* action = addAction(menu, {}, tr(row.title), QKeySequence(Qt::CTRL | row.key),
                                [this, &row] { showPerspective(row.perspective); });
    action->setCheckable(true);
    perspectives->addAction(action);
    perspectiveActions_[row.perspective] = action;
  }
  menu->addSeparator();
  for (QDockWidget* dock : docks()) menu->addAction(dock->toggleViewAction());
  menu->addSeparator();
  logAction_ = addAction(menu, QStringLiteral("histogram"), tr("&Logarithmic Counts"),
                         QKeySequence(Qt::CTRL | Qt::Key_L), {});
  logAction_->setCheckable(true);
  connect(logAction_, &QAction::toggled, this, &MainWindow::setLogCounts);
  addAction(menu, {}, tr("&Whole Range in All Plots"), QKeySequence(Qt::CTRL | Qt::Key_0), [this] {
    for (Plot* plot : plots_) plot->resetView();
  });
  QAction* linked = addAction(menu, {}, tr("Lin&ked Axes"), {}, {});
  linked->setToolTip(tr("Plots along the same quantity zoom and pan together"));
  linked->setCheckable(true);
  linked->setChecked(links_->isOn());
  connect(linked, &QAction::toggled, links_, &PlotLinks::setOn);
  menu->addSeparator();
  QMenu* appearances = menu->addMenu(tr("&Appearance"));
  auto* group = new QActionGroup(this);
  const std::pair<Appearance, QString> choices[] = {
      {Appearance::System, tr("&System")},
      {Appearance::Light, tr("&Light")},
      {Appearance::Dark, tr("&Dark")},
      {Appearance::HighContrast, tr("&High Contrast")}};
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
  QMenu* text = menu->addMenu(tr("Te&xt Size"));
  QAction* larger = addAction(text, {}, tr("&Larger"), QKeySequence::ZoomIn,
                              [this] { setTextPercent(10, true); });
  // Ctrl+= where + needs the shift key.
  larger->setShortcuts({QKeySequence::ZoomIn, QKeySequence(Qt::CTRL | Qt::Key_Equal)});
  addAction(text, {}, tr("&Smaller"), QKeySequence::ZoomOut, [this] { setTextPercent(-10, true); });
  addAction(text, {}, tr("As the S&ystem's"), QKeySequence(Qt::CTRL | Qt::ALT | Qt::Key_0),
            [this] { setTextPercent(100, false); });
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
  menu->addAction(workbench_->overview()->applyAction());
  defaultAction_ =
      addAction(menu, QStringLiteral("reset"), tr("Use &Default Settings"),
                QKeySequence(Qt::CTRL | Qt::Key_D), [this] { session_->dropOwnSpec(); });
  addAction(menu, {}, tr("Own P&resets…"), {},
            [this] { (new PresetDialog(session_, presets_, this))->open(); });
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
  const auto add = [this](QMenu* menu, const QString& text, const QKeySequence& shortcut,
                          const QString& nameEnd, const QStringList& filters, const QString& suffix,
                          std::function<void(const QString&)> exportTo) {
    QString title = text;
    title.remove(QLatin1Char('&')).remove(QStringLiteral("…"));
    tensorActions_.push_back(addAction(menu, {}, text, shortcut, [=, this] {
      askAndExport(title, nameEnd, filters, suffix, exportTo);
    }));
  };
  QAction* model =
      addAction(exportMenu_, {}, tr("&Export Model…"),
                QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_E), [this] { showExportDialog(); });
  model->setObjectName(QStringLiteral("exportModel"));
  model->setToolTip(tr("All tensors in the form that other programs load"));
  tensorActions_.push_back(model);
  add(exportMenu_, tr("Tuning &Plan…"), QKeySequence(Qt::CTRL | Qt::Key_E), QStringLiteral("-plan"),
      json, QStringLiteral("json"), [this](const QString& path) { exportPlan(path); });
  const ExportFormat& native = **findExportFormat("native");
  const QString title = QString::fromUtf8(native.title);
  const QString suffix = QString::fromUtf8(native.suffix);
  add(exportMenu_, tr("&This Tensor as %1…").arg(title), {}, QStringLiteral("-tensor-quantized"),
      {title + QStringLiteral(" (*%1)").arg(suffix)}, suffix.mid(1),
      [this, &native](const QString& path) {
        session_->exportModel(
            native, path, {.allTensors = false, .dequantized = dequantizedAction_->isChecked()});
      });
  dequantizedAction_ = exportMenu_->addAction(tr("&Include Dequantized Weights"));
  dequantizedAction_->setCheckable(true);
  dequantizedAction_->setToolTip(
      tr("Also store float32 weights as they are decoded, with this tensor"));
  exportMenu_->addSeparator();
  add(exportMenu_, tr("&Metrics Table…"), {}, QStringLiteral("-metrics"), csv,
      QStringLiteral("csv"), [this](const QString& path) { exportMetrics(path); });
  add(exportMenu_, tr("&Overview of All Tensors…"), {}, QStringLiteral("-overview"), csv,
      QStringLiteral("csv"), [this](const QString& path) { exportOverview(path); });
  exportMenu_->addSeparator();
  QMenu* images = exportMenu_->addMenu(tr("Plot &Image"));
  QMenu* tables = exportMenu_->addMenu(tr("Plot &Data"));
  for (const Plot* plot : plots_) {
    const PlotRow& row = rowOf(*plot);
    const QString name = row.menuText() + QStringLiteral("…");
    const QString end = QLatin1Char('-') + QString::fromLatin1(row.fileEnd);
    add(images, name, {}, end, imageFilters(), QStringLiteral("png"),
        [this, plot](const QString& path) { exportPlotImage(*plot, path); });
    add(tables, name, {}, end, csv, QStringLiteral("csv"),
        [this, plot](const QString& path) { exportPlotTable(*plot, path); });
  }
}

void MainWindow::createHelpMenu() {
  QMenu* menu = menuBar()->addMenu(tr("&Help"));
  addAction(menu, {}, tr("&Hints"), QKeySequence::HelpContents, [this] {
    settings_->setHintsDismissed(false);
    showHints();
  });
  menu->addSeparator();
  addAction(menu, {}, tr("Show &Log File"), {}, [this] { showLog(); });
  addAction(menu, {}, tr("&Copy Log Path"), {}, [this] { copyLogPath(); });
  menu->addSeparator();
  addAction(menu, {}, tr("&About Quantoscope"), {}, [this] { showAbout(this); });
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

}  // namespace quantoscope::ui
