#include "ui/plots/plot_links.h"

#include <utility>

#include <QtCore/QScopedValueRollback>

#include "ui/plots/plot.h"

namespace quantoscope::ui {

PlotLinks::PlotLinks(std::vector<Plot*> plots, QObject* parent)
    : QObject(parent), plots_(std::move(plots)) {
  for (Plot* plot : plots_) {
    connect(plot, &Plot::viewChanged, this,
            [this, plot](double lower, double upper) { follow(*plot, lower, upper); });
  }
}

void PlotLinks::follow(const Plot& leader, double lower, double upper) {
  const QString key = leader.axisKey();
  if (!on_ || following_ || key.isEmpty()) return;
  const QScopedValueRollback<bool> rollback(following_, true);
  for (Plot* plot : plots_) {
    if (plot == &leader || plot->axisKey() != key) continue;
    if (leader.isZoomed()) {
      plot->showRange(lower, upper);
    } else {
      plot->resetView();
    }
  }
}

}  // namespace quantoscope::ui
