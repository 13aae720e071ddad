// Where two configurations err differently.
#pragma once

#include "core/engine/win_rate.h"
#include "ui/plots/histogram_plot.h"

namespace quantoscope::ui {

/// The histogram of |e of the first| - |e of the second| over all weights, about a marked 0: what
/// lies left of it speaks for the first, right of it for the second. Each half is shaded in its
/// side's colour and says how many of the weights are nearer there.
class DifferencePlot : public HistogramPlot {
  Q_OBJECT

 public:
  explicit DifferencePlot(QWidget* parent = nullptr);

  /// One of the two, as it is drawn.
  struct Side {
    QString name;
    int color = -1;  ///< a number for pinColor(); -1: the colour of text
  };
  /// Null: the empty state. The zoom is kept while the tensor stays the same.
  void setAnswer(SharedWinRate answer, const Side& first, const Side& second);

  QString summary() const override;
  QString axisKey() const override { return QStringLiteral("error"); }

 protected:
  void applyTheme() override;
  // A difference belongs to two configurations, a selection to one: none is made here.
  Histogram selectedBins(const SelectedWeights&) const override { return {}; }
  std::optional<Selection> selectionOf(Item, Item) const override { return std::nullopt; }

 private:
  QColor colorOf(const Side& side) const;
  void drawHalves(QPainter& painter, const Frame& frame) const;
  void drawZero(QPainter& painter, const Frame& frame) const;
  void drawSides(QPainter& painter, const Frame& frame) const;

  SharedWinRate answer_;
  Side first_;
  Side second_;
};

}  // namespace quantoscope::ui
