// The docks below the plots: where a tensor errs, and on what.
#pragma once

#include <vector>

#include <QObject>

#include "ui/plots/pin_overlay.h"
#include "ui/session/head_to_head.h"
#include "ui/session/pin_reports.h"
#include "ui/session/pin_store.h"
#include "ui/session/session.h"
#include "ui/session/settings.h"

QT_BEGIN_NAMESPACE
class QAction;
class QDockWidget;
class QMainWindow;
QT_END_NAMESPACE

namespace quantoscope::ui {

class ComparisonPanel;
class HeadToHeadPanel;
class GroupPanel;
class OverviewPanel;
class PresetStore;

/// Makes the docks of a window, keeps them up to date with the session, and arranges them. All are
/// shown beside each other or as tabs, may be moved, floated and closed, and belong to the window.
class Workbench : public QObject {
  Q_OBJECT

 public:
  /// All must outlive the workbench.
  Workbench(Session* session, Settings* settings, PresetStore* presets, QMainWindow* window);

  /// Those of single plots, then those of panels.
  std::vector<QDockWidget*> docks() const;
  /// By its object name, "mapDock"; null for another.
  QDockWidget* dock(const char* name) const;
  PinStore* pins() const { return pins_; }
  QAction* pinAction() const;
  OverviewPanel* overview() const { return overview_; }
  /// The pins of the tensor that is shown and are to be drawn, with what is known of them.
  const std::vector<PinOverlay>& pinOverlays() const { return overlays_; }
  /// As it was made: the plots as tabs; beside them the group, the comparison, head to head and the
  /// model.
  void arrange();
  /// The comparison and head to head side by side, nothing else.
  void arrangeForComparison();

 Q_SIGNALS:
  void pinOverlaysChanged();

 private:
  QDockWidget* addDock(const char* name, const QString& title, QWidget* content);
  void completePins();
  void showPins();

  Session* session_;
  QMainWindow* window_;
  Settings* settings_;
  PinStore* pins_;
  PinReports* reports_;
  HeadToHead* headToHead_;
  ComparisonPanel* comparison_;
  OverviewPanel* overview_;
  HeadToHeadPanel* headToHeadPanel_;
  std::vector<PinOverlay> overlays_;
  GroupPanel* group_;
  std::vector<QDockWidget*> plotDocks_;
  std::vector<QDockWidget*> panelDocks_;
};

}  // namespace quantoscope::ui
