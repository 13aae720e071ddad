// The docks below the plots: where a tensor errs, and on what.
#pragma once

#include <vector>

#include <QObject>

#include "ui/plots/pin_overlay.h"
#include "ui/session/duel.h"
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

class CodeUsePlot;
class ComparisonPanel;
class DuelPanel;
class ErrorHistogramPlot;
class ErrorMapPlot;
class GroupPanel;
class OverviewPanel;
class PresetStore;
class Plot;
class ProfilePlot;

/// Makes the docks of a window, keeps them up to date with the session, and arranges them. All are
/// shown beside each other or as tabs, may be moved, floated and closed, and belong to the window.
class Workbench : public QObject {
  Q_OBJECT

 public:
  /// `errors` gets the pins' histograms as overlays. All must outlive the workbench.
  Workbench(Session* session, Settings* settings, PresetStore* presets, ErrorHistogramPlot* errors,
            QMainWindow* window);

  const std::vector<QDockWidget*>& docks() const { return docks_; }
  /// By its object name, "mapDock"; null for another.
  QDockWidget* dock(const char* name) const;
  PinStore* pins() const { return pins_; }
  QAction* pinAction() const;
  OverviewPanel* overview() const { return overview_; }
  /// The pins of the tensor that is shown and are to be drawn, with what is known of them.
  const std::vector<PinOverlay>& pinOverlays() const { return overlays_; }
  /// Error map, error profile, use of codes, error against bits, weights of the group, difference
  /// histogram and map.
  std::vector<Plot*> plots() const;
  /// As it was made: error map, profile and codes as tabs; beside them the group, the comparison,
  /// the duel and the model.
  void arrange();
  /// The comparison and the duel side by side, nothing else.
  void arrangeForComparison();

 Q_SIGNALS:
  void pinOverlaysChanged();

 private:
  QDockWidget* addDock(const QString& name, const QString& title, QWidget* content);
  QWidget* mapFrame();
  QWidget* profileFrame();
  void showDetail();
  void showStale();
  void completePins();
  void showPins();

  Session* session_;
  QMainWindow* window_;
  Settings* settings_;
  ErrorHistogramPlot* errors_;
  PinStore* pins_;
  PinReports* reports_;
  Duel* duel_;
  ComparisonPanel* comparison_;
  OverviewPanel* overview_;
  DuelPanel* duelPanel_;
  std::vector<PinOverlay> overlays_;
  ErrorMapPlot* map_;
  ProfilePlot* profile_;
  CodeUsePlot* codes_;
  GroupPanel* group_;
  std::vector<QDockWidget*> docks_;
};

}  // namespace quantoscope::ui
