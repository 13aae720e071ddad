#include "ui/plots/plot_rows.h"

#include <algorithm>
#include <array>

#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/code_use_plot.h"
#include "ui/plots/difference_map_plot.h"
#include "ui/plots/difference_plot.h"
#include "ui/plots/error_histogram_plot.h"
#include "ui/plots/error_map_plot.h"
#include "ui/plots/group_plot.h"
#include "ui/plots/profile_plot.h"
#include "ui/plots/trade_off_plot.h"
#include "ui/plots/weight_histogram_plot.h"

namespace quantoscope::ui {

namespace {

template <typename Kind>
PlotRow row(const char* name, const char* fileEnd, const char* dock, PlotBasis basis,
            PlotCommand command) {
  return {&Kind::staticMetaObject,           name, fileEnd, dock, basis, command,
          []() -> Plot* { return new Kind; }};
}

}  // namespace

QString PlotRow::menuText() const {
  return Plot::tr(name);
}

QString PlotRow::title() const {
  return menuText().remove(QLatin1Char('&'));
}

std::span<const PlotRow> plotRows() {
  using enum PlotBasis;
  using enum PlotCommand;
  // clang-format off
  static const std::array kRows = {
      row<ErrorHistogramPlot>(QT_TR_NOOP("&Error Histogram"), "errors", nullptr, Result, Inspect),
      row<WeightHistogramPlot>(QT_TR_NOOP("&Weight Histogram"), "weights", nullptr, Result, Inspect),
      row<ClipCurvePlot>(QT_TR_NOOP("&Clip Curve"), "clip-curve", nullptr, Curve, Search),
      row<ErrorMapPlot>(QT_TR_NOOP("Error &Map"), "error-map", "mapDock", Detail, InspectDetail),
      row<ProfilePlot>(QT_TR_NOOP("&Profile"), "profile", "profileDock", Detail, InspectDetail),
      row<CodeUsePlot>(QT_TR_NOOP("C&odes"), "codes", "codesDock", Detail, InspectDetail),
      row<TradeOffPlot>(QT_TR_NOOP("Error &Against Bits"), "trade-off", nullptr, Panel, Inspect),
      row<GroupPlot>(QT_TR_NOOP("Weights of the &Group"), "group", nullptr, Panel, InspectDetail),
      row<DifferencePlot>(QT_TR_NOOP("&Difference of Errors"), "differences", nullptr, Panel, InspectDetail),
      row<DifferenceMapPlot>(QT_TR_NOOP("Map of D&ifferences"), "difference-map", nullptr, Panel, InspectDetail)};
  // clang-format on
  return kRows;
}

const PlotRow& rowOf(const Plot& plot) {
  const auto rows = plotRows();
  return *std::find_if(rows.begin(), rows.end(), [&plot](const PlotRow& candidate) {
    return candidate.type == plot.metaObject();
  });
}

}  // namespace quantoscope::ui
