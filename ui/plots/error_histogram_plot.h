// How the errors of a quantized tensor are distributed.
#pragma once

#include "core/metrics/percentiles.h"
#include "ui/plots/histogram_plot.h"

namespace quantoscope::ui {

/// The histogram of y - w (dequantized minus original weight) over a range symmetric about a marked
/// 0. Half a step of the shown group is marked on both sides where the format has equal steps.
class ErrorHistogramPlot : public HistogramPlot {
  Q_OBJECT

 public:
  explicit ErrorHistogramPlot(QWidget* parent = nullptr);

  /// Null: the empty state. A result without an error histogram (a tensor with NaN or infinite
  /// values) is shown as a failure that says so. The zoom is kept while the tensor stays the same.
  void setResult(SharedResult result);
  /// Percentiles of |e|, marked on both sides of 0; none while they are not known.
  void setPercentiles(std::vector<Percentile> percentiles);

  QString summary() const override;

 protected:
  void applyTheme() override;

 private:
  void drawMarks(QPainter& painter, const Frame& frame) const;
  void drawPercentiles(QPainter& painter, const Frame& frame) const;
  void drawHalfStepLegend(QPainter& painter) const;

  SharedResult result_;
  std::vector<Percentile> percentiles_;
};

}  // namespace quantoscope::ui
