#include "ui/main_window/workbench.h"

#include <algorithm>

#include <QDockWidget>
#include <QMainWindow>
#include <QVBoxLayout>

#include "ui/panels/comparison_panel.h"
#include "ui/panels/group_panel.h"
#include "ui/panels/head_to_head_panel.h"
#include "ui/panels/overview_panel.h"
#include "ui/panels/plot_frame.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/plot_rows.h"

namespace quantoscope::ui {

namespace {

/// The base colour of the view, with the margin of the plots in the middle.
QWidget* padded(QWidget* content) {
  auto* frame = new QWidget;
  auto* layout = new QVBoxLayout(frame);
  layout->setContentsMargins(4, 0, 4, 4);
  layout->addWidget(content);
  return frame;
}

}  // namespace

Workbench::Workbench(Session* session, Settings* settings, PresetStore* presets,
                     QMainWindow* window)
    : QObject(window),
      session_(session),
      window_(window),
      settings_(settings),
      pins_(new PinStore(session, this)),
      reports_(new PinReports(session, pins_, this)),
      headToHead_(new HeadToHead(session, pins_, this)),
      comparison_(new ComparisonPanel(session, pins_)),
      overview_(new OverviewPanel(session, settings, presets)),
      headToHeadPanel_(new HeadToHeadPanel(headToHead_)),
      group_(new GroupPanel(session)) {
  for (const PlotRow& row : plotRows()) {
    if (row.dock == nullptr) continue;
    plotDocks_.push_back(addDock(row.dock, row.title(), padded(new PlotFrame(row.make()))));
  }
  for (QWidget* panel : std::initializer_list<QWidget*>{group_, headToHeadPanel_, overview_}) {
    panel->setAutoFillBackground(true);
    panel->setBackgroundRole(QPalette::Base);
  }
  // Object names stay as they are: saved layouts know docks by them. A new one for "duelDock",
  // which its panel has outgrown, is due with the next kLayoutVersion.
  panelDocks_ = {addDock("groupDock", tr("Group"), group_),
                 addDock("comparisonDock", tr("Comparison"), comparison_),
                 addDock("duelDock", tr("Head to Head"), headToHeadPanel_),
                 addDock("overviewDock", tr("Model"), overview_)};
  pins_->restoreText(settings->pins());

  connect(pins_, &PinStore::changed, this, &Workbench::showPins);
  connect(reports_, &PinReports::changed, this, &Workbench::showPins);
  connect(session_, &Session::tensorChanged, this, &Workbench::showPins);
  auto* map = window_->findChild<ErrorMapPlot*>();
  connect(map, &ErrorMapPlot::groupChosen, session_, [this](std::size_t row, std::size_t index) {
    session_->setGroup(GroupIndex{row, index});
  });
  const auto showGroup = [this, map] {
    const SharedResult result = session_->result();
    if (result && result->group) map->setChosenGroup(result->group->index);
  };
  connect(session_, &Session::resultChanged, map, showGroup);
  showGroup();
  connect(session_, &Session::resultChanged, this, &Workbench::completePins);
  connect(session_, &Session::curveChanged, this, &Workbench::completePins);
  showPins();
}

QAction* Workbench::pinAction() const {
  return comparison_->pinAction();
}

std::vector<QDockWidget*> Workbench::docks() const {
  std::vector<QDockWidget*> all = plotDocks_;
  all.insert(all.end(), panelDocks_.begin(), panelDocks_.end());
  return all;
}

QDockWidget* Workbench::dock(const char* name) const {
  const auto all = docks();
  const auto found = std::find_if(all.begin(), all.end(), [name](const QDockWidget* dock) {
    return dock->objectName() == QLatin1String(name);
  });
  return found == all.end() ? nullptr : *found;
}

QDockWidget* Workbench::addDock(const char* name, const QString& title, QWidget* content) {
  auto* dock = new QDockWidget(title, window_);
  dock->setObjectName(QString::fromLatin1(name));
  dock->setAccessibleName(title);
  dock->setWidget(content);
  window_->addDockWidget(Qt::BottomDockWidgetArea, dock);
  return dock;
}

void Workbench::arrange() {
  QDockWidget* const plots = plotDocks_.front();
  QDockWidget* const panels = panelDocks_.front();
  // Never all side by side, which would make the window as wide as all of them together.
  for (QDockWidget* dock : docks()) {
    dock->setFloating(false);
    window_->removeDockWidget(dock);
  }
  window_->addDockWidget(Qt::BottomDockWidgetArea, plots);
  window_->splitDockWidget(plots, panels, Qt::Horizontal);
  // Where a tensor errs on the left, tables on the right: seven tabs in a row would cut their
  // names.
  for (QDockWidget* dock : plotDocks_) {
    if (dock != plots) window_->tabifyDockWidget(plots, dock);
  }
  for (QDockWidget* dock : panelDocks_) {
    if (dock != panels) window_->tabifyDockWidget(panels, dock);
  }
  for (QDockWidget* dock : docks()) dock->show();
  plots->raise();
  panels->raise();
}

void Workbench::arrangeForComparison() {
  QDockWidget* const comparison = dock("comparisonDock");
  QDockWidget* const headToHead = dock("duelDock");
  for (QDockWidget* dock : docks()) dock->hide();
  // Out of their tabs: what is split from a tab becomes one.
  for (QDockWidget* dock : {comparison, headToHead}) {
    window_->removeDockWidget(dock);
    window_->addDockWidget(Qt::BottomDockWidgetArea, dock, Qt::Horizontal);
    dock->show();
  }
  const int height = std::max(window_->height() * 9 / 20, 240);
  window_->resizeDocks({comparison}, {height}, Qt::Vertical);
  window_->resizeDocks({comparison, headToHead}, {window_->width() * 2 / 3, window_->width() / 3},
                       Qt::Horizontal);
}

/// A pin that was made before its answer arrived, without a curve, or by a version that knew fewer
/// metrics, gets them when they arrive.
void Workbench::completePins() {
  if (!session_->resultIsCurrent()) return;
  const SharedResult result = session_->result();
  for (const Pin& pin : std::vector<Pin>(pins_->pins())) {
    const bool same = pin.file == session_->currentPath() &&
                      pin.tensor == session_->currentTensor() && pin.spec == result->spec;
    const bool complete = pin.measure && (pin.measure->curve || !session_->curve()) &&
                          !pin.measure->lacksMetricOf(*result);
    if (!same || complete) continue;
    if (auto measure = PinMeasure::from(*result, session_->curve())) {
      pins_->setMeasure(pin.id, std::make_shared<const PinMeasure>(std::move(*measure)));
    }
  }
}

void Workbench::showPins() {
  overlays_.clear();
  for (const Pin& pin : pins_->pins()) {
    const bool sameTensor =
        pin.file == session_->currentPath() && pin.tensor == session_->currentTensor();
    if (!pin.shown || !pin.measure || !sameTensor) continue;
    PinOverlay overlay{pin.name, pin.color, pin.measure->errors, pin.measure->curve, {}, {}};
    if (const PinReport* report = reports_->of(pin)) {
      overlay.result = report->result;
      overlay.detail = report->detail;
    }
    overlays_.push_back(std::move(overlay));
  }
  settings_->setPins(pins_->toText());
  Q_EMIT pinOverlaysChanged();
}

}  // namespace quantoscope::ui
