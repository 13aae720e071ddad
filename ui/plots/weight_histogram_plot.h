// How the weights are distributed, and what values they can be decoded to.
#pragma once

#include <vector>

#include "ui/plots/histogram_plot.h"
#include "ui/plots/pin_overlay.h"

namespace quantoscope::ui {

/// The histogram of the original weights. The quantization levels of the result's group are thin
/// vertical lines, fainter the denser they are; the range of the group's weights is shaded. The
/// levels of each pin, in a typical group of its own, are ticks in a line at the foot.
class WeightHistogramPlot : public HistogramPlot {
  Q_OBJECT

 public:
  explicit WeightHistogramPlot(QWidget* parent = nullptr);

  /// Null: the empty state. The zoom is kept while the tensor stays the same.
  void setResult(SharedResult result) override;

  void setPins(std::vector<PinOverlay> pins) override;

  QString summary() const override;

 protected:
  void applyTheme() override;
  Histogram selectedBins(const SelectedWeights& selected) const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;
  QStringList notesAt(double value) const override;

 private:
  void drawGroupRange(QPainter& painter, const Frame& frame) const;
  void drawLevels(QPainter& painter, const Frame& frame) const;
  void drawPinLevels(QPainter& painter, const Frame& frame) const;
  void drawLevelLegend(QPainter& painter) const;

  SharedResult result_;
  std::vector<PinOverlay> pins_;
};

}  // namespace quantoscope::ui
