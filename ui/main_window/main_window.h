// The window: docks, menus, and what connects them to the session.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include <QMainWindow>

#include "ui/main_window/perspectives.h"
#include "ui/session/session.h"
#include "ui/session/settings.h"

QT_BEGIN_NAMESPACE
class QAction;
class QDockWidget;
class QMenu;
class QSplitter;
QT_END_NAMESPACE

namespace quantoscope::ui {

class ClipCurveFrame;
class ClipCurvePlot;
class ClipSpreads;
class ExportDialog;
class FileWatch;
class MessageBar;
class MetricsPanel;
class Plot;
class PlotFeed;
class PlotLinks;
class PresetStore;
class SessionDocument;
class SpecPanel;
class TensorBrowser;
class Workbench;

/// Browser on the left, plots in the middle, settings and metrics on the right. Restores its layout
/// from `settings`, and saves it there when it closes. Errors appear in a bar across the plots,
/// never in a box to be clicked away.
class MainWindow : public QMainWindow {
  Q_OBJECT

 public:
  /// The docks and toolbars that a saved layout arranges; a layout of another version is not used.
  static constexpr int kLayoutVersion = 3;

  /// Session and settings must outlive the window.
  MainWindow(Session* session, Settings* settings, QWidget* parent = nullptr);
  ~MainWindow() override;

  /// Opens files, one at least, and shows the first. FILE::TENSOR is understood; a session file
  /// opens what it names.
  void openFiles(const QStringList& files);

  /// What File > Save Session saves.
  SessionDocument* document() const { return document_; }
  /// Offers a session file in the menu, to be opened again.
  void offerLastSession(const QString& path);
  /// The next missing source of a session is this file.
  void locateMissing(const QString& found);

  using Perspective = ui::Perspective;
  /// As it was left, or as it was made.
  void showPerspective(Perspective perspective);
  Perspective perspective() const { return perspective_; }
  /// Docks and splitters of the perspective as they were made.
  void resetLayout();

  /// The command line that prints what the window shows; empty without a tensor.
  QString commandLine() const;

  // What the export menu does once a path is chosen.
  void exportPlan(const QString& path);
  void exportMetrics(const QString& path);
  void exportOverview(const QString& path);
  /// The suffix tells the format.
  void exportPlotImage(const Plot& plot, const QString& path);
  void exportPlotTable(const Plot& plot, const QString& path);

  /// In the order of plotRows().
  const std::vector<Plot*>& plots() const { return plots_; }

  QSize sizeHint() const override;

 protected:
  void childEvent(QChildEvent* event) override;
  void closeEvent(QCloseEvent* event) override;
  void dragEnterEvent(QDragEnterEvent* event) override;
  void dropEvent(QDropEvent* event) override;

 private:
  static constexpr int kStatusMs = 5000;  ///< how long the status bar tells of something done

  void createPlots();
  void collectPlots();
  void createDocks();
  void createMessageBars();
  void showHints();
  void createStatusBar();
  void createFileMenu();
  void createSessionActions(QMenu* menu);
  void connectDocument();
  void createEditMenu();
  void createViewMenu();
  void createTensorMenu();
  void createExportMenu();
  void createHelpMenu();
  void createToolBar();
  std::vector<QDockWidget*> docks() const;
  QDockWidget* addDock(Qt::DockWidgetArea area, const QString& name, const QString& title,
                       QWidget* content);
  QAction* addAction(QMenu* menu, const QString& icon, const QString& text,
                     const QKeySequence& shortcut, const std::function<void()>& slot);
  void connectSession();
  void connectPlots();

  void openByDialog();
  void openPlanByDialog();
  void saveSession();
  void saveSessionByDialog();
  void openSessionByDialog();
  void locateMissingByDialog();
  void tellWhatIsMissing();
  void fillRecentFiles();
  void locate();
  void connectFileWatch();
  void offerReload(const QString& path);
  void askAndExport(const QString& title, const QString& nameEnd, const QStringList& filters,
                    const QString& suffix, std::function<void(const QString&)> exportTo);
  void showExportDialog();
  void setLogCounts(bool on);
  void setTextPercent(int percent, bool relative);
  void showLog();
  void copyLogPath();
  void useBestRatio();
  void copyCommand();
  void restoreLayout();
  void arrangeForPerspective();

  void showTitle();
  void showResult();
  void showCurve();
  void showSpread();
  void connectComparison();
  void showRatio();
  void updateActions();
  void setRatio(double ratio, int gesture);
  QString baseName() const;

  Session* session_;
  Settings* settings_;

  std::vector<Plot*> plots_;
  ClipCurvePlot* curve_ = nullptr;
  Perspective perspective_ = Perspective::Inspect;
  std::map<Perspective, QAction*> perspectiveActions_;
  ClipCurveFrame* curveFrame_ = nullptr;
  ClipSpreads* spreads_ = nullptr;
  PlotLinks* links_ = nullptr;
  PlotFeed* feed_ = nullptr;
  /// The mean of w^2 of a tensor, which is asked for under no spec in particular.
  std::pair<std::optional<Question>, double> signal_;
  QSplitter* rows_ = nullptr;
  QSplitter* topRow_ = nullptr;
  MessageBar* messages_ = nullptr;
  MessageBar* hints_ = nullptr;
  TensorBrowser* browser_ = nullptr;
  SpecPanel* spec_ = nullptr;
  MetricsPanel* metrics_ = nullptr;
  QDockWidget* browserDock_ = nullptr;
  QDockWidget* specDock_ = nullptr;
  QDockWidget* metricsDock_ = nullptr;
  Workbench* workbench_ = nullptr;
  SessionDocument* document_ = nullptr;
  PresetStore* presets_ = nullptr;

  FileWatch* watch_ = nullptr;
  QMenu* recentMenu_ = nullptr;
  QMenu* exportMenu_ = nullptr;
  QAction* openAction_ = nullptr;
  QAction* lastSessionAction_ = nullptr;
  QAction* locateMissingAction_ = nullptr;
  QAction* reloadAction_ = nullptr;
  QAction* closeAction_ = nullptr;
  QAction* undoAction_ = nullptr;
  QAction* redoAction_ = nullptr;
  QAction* cancelAction_ = nullptr;
  QAction* unselectAction_ = nullptr;
  QAction* bestAction_ = nullptr;
  QAction* defaultAction_ = nullptr;
  QAction* logAction_ = nullptr;
  QAction* dequantizedAction_ = nullptr;
  ExportDialog* exportDialog_ = nullptr;  ///< once it was asked for
  std::vector<QAction*> tensorActions_;   ///< those that need a tensor
  int dragGesture_ = 0;
  SharedResult shownResult_;
};

}  // namespace quantoscope::ui
