// What the two histograms have in common.
#pragma once

#include <cstddef>
#include <optional>

#include "core/engine/analysis.h"
#include "ui/plots/brush_plot.h"
#include "ui/plots/series.h"

class QCPGraph;

namespace quantoscope::ui {

/// A histogram as a filled step graph, with counts on a linear or a logarithmic axis. Left and
/// Right move from bin to bin (with Ctrl ten at a time). Its items are the bins; selected weights
/// are bars in front of the others.
class HistogramPlot : public BrushPlot {
  Q_OBJECT

 public:
  /// Logarithmic counts; bins without a count stay at the foot of the axis, below one.
  void setLogCounts(bool on);
  /// Other histograms over the same quantity, drawn as lines in front of the bars. Their counts are
  /// scaled to the bars' bin width, so that equal distributions have equal heights.
  struct Overlay {
    QString name;
    Histogram histogram;
    int color = 0;  ///< a number for pinColor()
  };
  void setOverlays(std::vector<Overlay> overlays);

  bool logCounts() const { return logCounts_; }

  /// One row a bin: its borders, its count, and how much of that is the part, if there is one, and
  /// how much is selected, where something is.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override { return bin_; }

 Q_SIGNALS:
  /// By setLogCounts() or from the context menu.
  void logCountsChanged(bool on);

 protected:
  /// `quantity` begins a hover text ("Error"), `column` the names of a table's columns ("error"),
  /// `axisLabel` stands below the axis.
  HistogramPlot(const QString& title, const QString& quantity, const QString& column,
                const QString& axisLabel, QWidget* parent);

  struct View {
    bool symmetric = false;  ///< 0 in the middle
    bool keepZoom = false;   ///< where the user zoomed
  };
  /// An empty histogram stands for nothing to show.
  void setHistogram(Histogram histogram, View view);
  const Histogram& histogram() const { return histogram_; }
  void setSeriesColor(const QColor& color);

  /// What is counted from now on, as for the constructor.
  void setQuantity(const QString& quantity, const QString& column, const QString& axisLabel);

  /// A part of the bars that is drawn in front of them; `name` says in hover texts and in the
  /// header of a table what it counts: "clipped". It has the bins of the histogram, or is empty
  /// where there is no such part. Belongs before setHistogram(), which draws it.
  void setPart(const QString& name, Histogram part);
  const Histogram& part() const { return part_; }
  void setPartColor(const QColor& color);

  /// What the selected weights count in the bins of the histogram, whatever is shown now.
  virtual Histogram selectedBins(const SelectedWeights& selected) const = 0;
  /// More to say about a value, a line each.
  virtual QStringList notesAt(double value) const;

  /// One line of a legend: how a mark looks and what it means.
  struct LegendEntry {
    enum class Kind { Line, Dashes, Area };
    Kind kind = Kind::Line;
    QColor color;
    QString text;
  };
  /// Over the plotted area, as many entries as fit; for a drawing that is not clipped.
  void drawLegend(QPainter& painter, const QVector<LegendEntry>& entries) const;

  /// A line for each overlay.
  QVector<LegendEntry> overlayLegend() const;
  /// What the selected weights are drawn as; none where there are none.
  QVector<LegendEntry> selectedLegend() const;
  /// Pens of the overlays; for applyTheme().
  void styleOverlays();

  bool hasData() const override { return !histogram_.counts.empty(); }
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override;
  void fitVertically(double lower, double upper) override;
  void hoverAt(QPointF position) override;
  void clearHover() override;
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  std::optional<double> cursorX() const override;
  std::size_t valueColumn() const override { return 2; }
  std::optional<Item> itemAt(QPointF position, bool nearest) const override;
  std::optional<Item> cursorItem() const override;
  QString cursorText() const override;
  void selectedChanged() override;

 private:
  void showBin(std::optional<std::size_t> bin);
  void drawHover(QPainter& painter, const Frame& frame) const;
  void updateGraph(double lower, double upper);
  void updateOverlays(double lower, double upper);
  double overlayScale(const Overlay& overlay) const;
  void updateCountAxis();
  bool hasPart() const;
  QString countAt(std::size_t bin) const;
  bool hasSelected() const;

  QString quantity_;
  QString column_;
  Histogram histogram_;
  QString partName_;
  Histogram part_;
  bool symmetric_ = false;
  bool logCounts_ = false;
  std::optional<std::size_t> bin_;
  QAction* logAction_ = nullptr;
  QCPGraph* graph_ = nullptr;
  QCPGraph* partGraph_ = nullptr;
  QCPGraph* selectedGraph_ = nullptr;
  Histogram selectedBins_;  ///< empty, or with the bins of the histogram
  std::vector<Overlay> overlays_;
  std::vector<QCPGraph*> overlayGraphs_;
};

}  // namespace quantoscope::ui
