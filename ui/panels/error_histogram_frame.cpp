#include "ui/panels/error_histogram_frame.h"

#include <QCheckBox>
#include <QComboBox>

#include "ui/plots/error_histogram_plot.h"

namespace quantoscope::ui {

ErrorHistogramFrame::ErrorHistogramFrame(ErrorHistogramPlot* plot, QWidget* parent)
    : PlotFrame(plot, parent) {
  auto* units = new QComboBox(this);
  units->setObjectName(QStringLiteral("errorUnit"));
  units->addItems({tr("Weight units"), tr("Steps"), tr("Relative")});
  units->setAccessibleName(tr("Unit of errors"));
  units->setToolTip(
      tr("Errors in weight units, in steps of each group's scale, or relative to "
         "the weights"));
  connect(units, &QComboBox::currentIndexChanged, plot,
          [plot](int index) { plot->setUnit(static_cast<ErrorUnit>(index)); });
  connect(plot, &ErrorHistogramPlot::unitChanged, units,
          [units](ErrorUnit unit) { units->setCurrentIndex(static_cast<int>(unit)); });

  auto* magnitudes = new QCheckBox(tr("Absolute"), this);
  magnitudes->setObjectName(QStringLiteral("errorMagnitudes"));
  magnitudes->setAccessibleName(tr("Absolute errors"));
  magnitudes->setToolTip(tr("Count the magnitudes of errors"));
  connect(magnitudes, &QCheckBox::toggled, plot, &ErrorHistogramPlot::setMagnitudes);
  connect(plot, &ErrorHistogramPlot::magnitudesChanged, magnitudes, &QCheckBox::setChecked);
  addControl(units);
  addControl(magnitudes);
}

}  // namespace quantoscope::ui
