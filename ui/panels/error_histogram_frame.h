// The error histogram with its choosers.
#pragma once

#include "ui/panels/plot_frame.h"

namespace quantoscope::ui {

class ErrorHistogramPlot;

/// The plot's frame with a chooser for the unit of errors and a box for absolute ones; they follow
/// the plot's own keys.
class ErrorHistogramFrame : public PlotFrame {
  Q_OBJECT

 public:
  /// Takes ownership of the plot.
  explicit ErrorHistogramFrame(ErrorHistogramPlot* plot, QWidget* parent = nullptr);
};

}  // namespace quantoscope::ui
