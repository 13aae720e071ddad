#include "ui/main_window/workbench.h"

#include <algorithm>

#include <QCheckBox>
#include <QComboBox>
#include <QDockWidget>
#include <QMainWindow>
#include <QVBoxLayout>

#include "ui/panels/comparison_panel.h"
#include "ui/panels/duel_panel.h"
#include "ui/panels/group_panel.h"
#include "ui/panels/overview_panel.h"
#include "ui/panels/plot_frame.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/difference_map_plot.h"
#include "ui/plots/difference_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/group_plot.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/trade_off_plot.h"

namespace quantoscope::ui {

namespace {

QComboBox* chooser(const QStringList& items, const QString& name, QWidget* parent) {
  auto* box = new QComboBox(parent);
  box->addItems(items);
  box->setAccessibleName(name);
  box->setToolTip(name);
  return box;
}

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
                     ErrorHistogramPlot* errors, QMainWindow* window)
    : QObject(window),
      session_(session),
      window_(window),
      settings_(settings),
      errors_(errors),
      pins_(new PinStore(session, this)),
      reports_(new PinReports(session, pins_, this)),
      duel_(new Duel(session, pins_, this)),
      comparison_(new ComparisonPanel(session, pins_)),
      overview_(new OverviewPanel(session, settings, presets)),
      duelPanel_(new DuelPanel(duel_)),
      map_(new ErrorMapPlot),
      profile_(new ProfilePlot),
      codes_(new CodeUsePlot),
      group_(new GroupPanel(session)) {
  addDock(QStringLiteral("mapDock"), tr("Error Map"), padded(mapFrame()));
  addDock(QStringLiteral("profileDock"), tr("Profile"), padded(profileFrame()));
  addDock(QStringLiteral("codesDock"), tr("Codes"), padded(new PlotFrame(codes_)));
  group_->setAutoFillBackground(true);
  group_->setBackgroundRole(QPalette::Base);
  addDock(QStringLiteral("groupDock"), tr("Group"), group_);

  addDock(QStringLiteral("comparisonDock"), tr("Comparison"), comparison_);
  duelPanel_->setAutoFillBackground(true);
  duelPanel_->setBackgroundRole(QPalette::Base);
  addDock(QStringLiteral("duelDock"), tr("Head to Head"), duelPanel_);
  overview_->setAutoFillBackground(true);
  overview_->setBackgroundRole(QPalette::Base);
  addDock(QStringLiteral("overviewDock"), tr("Model"), overview_);
  pins_->restoreText(settings->pins());

  connect(pins_, &PinStore::changed, this, &Workbench::showPins);
  connect(reports_, &PinReports::changed, this, &Workbench::showPins);
  connect(session_, &Session::tensorChanged, this, &Workbench::showPins);
  connect(map_, &ErrorMapPlot::groupChosen, session_, [this](std::size_t row, std::size_t index) {
    session_->setGroup(GroupIndex{row, index});
  });
  connect(session_, &Session::detailChanged, this, &Workbench::showDetail);
  connect(session_, &Session::tensorChanged, this, &Workbench::showDetail);
  connect(session_, &Session::resultChanged, this, &Workbench::showDetail);
  connect(session_, &Session::activityChanged, this, &Workbench::showStale);
  connect(session_, &Session::resultChanged, this, &Workbench::completePins);
  connect(session_, &Session::curveChanged, this, &Workbench::completePins);
  connect(errors_, &ErrorHistogramPlot::unitChanged, this, &Workbench::showStale);
  showDetail();
  showPins();
}

QAction* Workbench::pinAction() const {
  return comparison_->pinAction();
}

QDockWidget* Workbench::dock(const char* name) const {
  const auto found = std::find_if(docks_.begin(), docks_.end(), [name](const QDockWidget* dock) {
    return dock->objectName() == QLatin1String(name);
  });
  return found == docks_.end() ? nullptr : *found;
}

QDockWidget* Workbench::addDock(const QString& name, const QString& title, QWidget* content) {
  auto* dock = new QDockWidget(title, window_);
  dock->setObjectName(name);
  dock->setAccessibleName(title);
  dock->setWidget(content);
  window_->addDockWidget(Qt::BottomDockWidgetArea, dock);
  docks_.push_back(dock);
  return dock;
}

QWidget* Workbench::mapFrame() {
  auto* frame = new PlotFrame(map_);
  auto* measure = chooser({tr("Largest"), tr("RMS"), tr("Mean")},
                          tr("What the map shows of the errors in a cell"), frame);
  measure->setObjectName(QStringLiteral("mapMeasure"));
  connect(measure, &QComboBox::currentIndexChanged, map_,
          [this](int index) { map_->setMeasure(static_cast<ErrorMapPlot::Measure>(index)); });
  frame->addControl(measure);
  return frame;
}

QWidget* Workbench::profileFrame() {
  auto* frame = new PlotFrame(profile_);
  auto* side = chooser({tr("Rows"), tr("Group places"), tr("Input channels")},
                       tr("Along which side of the tensor errors are shown"), frame);
  side->setObjectName(QStringLiteral("profileSide"));
  connect(side, &QComboBox::currentIndexChanged, profile_,
          [this](int index) { profile_->setSide(static_cast<ProfilePlot::Side>(index)); });
  auto* sorted = new QCheckBox(tr("Sorted"), frame);
  sorted->setAccessibleName(tr("Worst first"));
  sorted->setToolTip(tr("Worst first"));
  connect(sorted, &QCheckBox::toggled, profile_, &ProfilePlot::setSorted);
  connect(profile_, &ProfilePlot::sortedChanged, sorted, &QCheckBox::setChecked);
  frame->addControl(side);
  frame->addControl(sorted);
  return frame;
}

std::vector<Plot*> Workbench::plots() const {
  return {map_,           profile_,           codes_,           comparison_->plot(),
          group_->plot(), duelPanel_->plot(), duelPanel_->map()};
}

void Workbench::arrange() {
  QDockWidget* const map = dock("mapDock");
  QDockWidget* const group = dock("groupDock");
  // Never all side by side, which would make the window as wide as all of them together.
  for (QDockWidget* dock : docks_) {
    dock->setFloating(false);
    window_->removeDockWidget(dock);
  }
  window_->addDockWidget(Qt::BottomDockWidgetArea, map);
  window_->splitDockWidget(map, group, Qt::Horizontal);
  // Where a tensor errs on the left, tables on the right: seven tabs in a row would cut their
  // names.
  for (const char* name : {"profileDock", "codesDock"}) window_->tabifyDockWidget(map, dock(name));
  for (const char* name : {"comparisonDock", "duelDock", "overviewDock"}) {
    window_->tabifyDockWidget(group, dock(name));
  }
  for (QDockWidget* dock : docks_) dock->show();
  map->raise();
  group->raise();
}

void Workbench::arrangeForComparison() {
  QDockWidget* const comparison = dock("comparisonDock");
  QDockWidget* const duel = dock("duelDock");
  for (QDockWidget* dock : docks_) dock->hide();
  // Out of their tabs: what is split from a tab becomes one.
  for (QDockWidget* dock : {comparison, duel}) {
    window_->removeDockWidget(dock);
    window_->addDockWidget(Qt::BottomDockWidgetArea, dock, Qt::Horizontal);
    dock->show();
  }
  const int height = std::max(window_->height() * 9 / 20, 240);
  window_->resizeDocks({comparison}, {height}, Qt::Vertical);
  window_->resizeDocks({comparison, duel}, {window_->width() * 2 / 3, window_->width() / 3},
                       Qt::Horizontal);
}

/// The last detail stays until the next is there, unless it is another tensor's.
void Workbench::showDetail() {
  const SharedDetail detail = session_->detail();
  const bool nothing = session_->currentTensor().isEmpty() ||
                       (session_->resultIsCurrent() && !session_->result()->metrics);
  if (detail || nothing) {
    map_->setDetail(detail);
    profile_->setDetail(detail);
    codes_->setDetail(detail);
    errors_->setDetail(detail);
  }
  if (const SharedResult result = session_->result(); result && result->group) {
    map_->setChosenGroup(result->group->index);
  }
  if (detail) {
    const QString subject =
        QString::fromStdString(detail->info.name + ", " + describe(detail->spec));
    for (Plot* plot : std::initializer_list<Plot*>{map_, profile_, codes_}) {
      plot->setSubject(subject);
    }
  }
  showStale();
}

/// A pin that was made before its answer was there, without a curve, or by a version that knew
/// fewer metrics, gets them when they come.
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
  errors_->setPins(overlays_);
  profile_->setPins(overlays_);
  codes_->setPins(overlays_);
  settings_->setPins(pins_->toText());
  Q_EMIT pinOverlaysChanged();
}

void Workbench::showStale() {
  const bool awaited =
      !session_->currentTensor().isEmpty() && !session_->detail() && !session_->activity().idle();
  for (Plot* plot : std::initializer_list<Plot*>{map_, profile_, codes_}) plot->setStale(awaited);
  const SharedResult result = session_->result();
  const bool overtaken = result && !result->preview && !session_->resultIsCurrent() &&
                         session_->activity().foreground();
  errors_->setStale(overtaken || (awaited && errors_->awaitsDetail()));
}

}  // namespace quantoscope::ui
