// How the errors of a quantized tensor are distributed.
#pragma once

#include "core/engine/detail.h"
#include "ui/plots/histogram_plot.h"
#include "ui/plots/pin_overlay.h"

namespace quantoscope::ui {

/// The histogram of y - w (dequantized minus original weight) over a range symmetric about a marked
/// 0, or of its magnitude; in weight units, in steps of each group's scale or relative to the
/// weights. Errors of clipped weights stand in front of the others in a colour of their own, and
/// dotted lines mark the percentiles of the magnitude, once the detail is known. Half a step is
/// marked where the format has equal steps: that of the shown group, or 1/2.
///
/// Keys: `U` chooses the next unit, `A` turns magnitudes on and off.
class ErrorHistogramPlot : public HistogramPlot {
  Q_OBJECT

 public:
  explicit ErrorHistogramPlot(QWidget* parent = nullptr);

  /// Null: the empty state. A result without an error histogram (a tensor with NaN or infinite
  /// values) is shown as a failure that says so. The zoom is kept while the tensor stays the same.
  void setResult(SharedResult result) override;

  /// The longer answer, to the same or an earlier question; null where there is none. Other units
  /// than that of the weights show the last one of the tensor until the next is there.
  void setDetail(SharedDetail detail) override;
  bool awaitsDetail() const override;

  ErrorUnit unit() const { return unit_; }
  void setUnit(ErrorUnit unit);
  bool magnitudes() const { return magnitudes_; }
  void setMagnitudes(bool on);

  /// In weight units at once, in the others once a pin's detail is known.
  void setPins(std::vector<PinOverlay> pins) override;
  std::vector<QWidget*> makeControls(QWidget* parent) override;

  QString summary() const override;
  QString axisKey() const override;

 Q_SIGNALS:
  void unitChanged(ErrorUnit unit);
  void magnitudesChanged(bool on);

 protected:
  void applyTheme() override;
  Histogram selectedBins(const SelectedWeights& selected) const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;

 private:
  void createActions();
  void arrange(bool keepZoom);
  void arrangeOverlays();
  void nameQuantity();
  bool detailFits() const;
  const ErrorDistribution* distribution() const;
  std::optional<double> halfStepInUnit() const;
  void drawMarks(QPainter& painter, const Frame& frame) const;
  void drawPercentiles(QPainter& painter, const Frame& frame) const;
  void drawErrorLegend(QPainter& painter) const;

  SharedResult result_;
  SharedDetail detail_;
  ErrorUnit unit_ = ErrorUnit::Weight;
  bool magnitudes_ = false;
  QAction* magnitudesAction_ = nullptr;
  std::vector<PinOverlay> pins_;
};

}  // namespace quantoscope::ui
