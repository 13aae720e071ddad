// Where in a tensor which of two configurations errs less.
#pragma once

#include "core/engine/win_rate.h"
#include "ui/plots/difference_plot.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

/// RMS error of the first - RMS error of the second as an image, rows down and groups across: the
/// first's colour where it errs less, the second's where that one does, the background where they
/// are equal. A pixel shows the largest difference of all cells that it stands for. All four arrow
/// keys move a cursor (with Shift ten cells); the wheel and dragging zoom across.
class DifferenceMapPlot : public Plot {
  Q_OBJECT

 public:
  explicit DifferenceMapPlot(QWidget* parent = nullptr);

  /// Null, or one without maps: the empty state.
  void setAnswer(SharedWinRate answer, const DifferencePlot::Side& first,
                 const DifferencePlot::Side& second);

  /// One row a cell: row_from, row_to, group_from, group_to (inclusive), first_rms, second_rms.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override {
    return cell_ && hasData() ? std::optional(indexOf(*cell_)) : std::nullopt;
  }
  QString summary() const override;
  QString axisKey() const override;

 protected:
  void applyTheme() override {}
  bool hasData() const override;
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override;
  void fitVertically(double lower, double upper) override;
  void hoverAt(QPointF position) override;
  void clearHover() override;
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  std::optional<double> cursorX() const override;
  std::size_t valueColumn() const override { return 4; }

  void keyPressEvent(QKeyEvent* event) override;

 private:
  struct Cell {
    std::size_t row = 0;
    std::size_t col = 0;
    bool operator==(const Cell&) const = default;
  };

  const BlockMap& map() const { return *answer_->firstMap; }
  float differenceAt(std::size_t cell) const;
  std::size_t indexOf(Cell cell) const { return cell.row * map().cellCols + cell.col; }
  void moveCursor(int across, int down);
  void showCell(std::optional<Cell> cell);
  QStringList cellLines(Cell cell) const;
  QColor colorOf(const DifferencePlot::Side& side) const;
  QImage render(QSize pixels, double lower, double upper) const;
  void drawMap(QPainter& painter, const Frame& frame) const;
  void drawScale(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedWinRate answer_;
  DifferencePlot::Side first_;
  DifferencePlot::Side second_;
  float largest_ = 0;  ///< magnitude of a difference
  std::optional<Cell> cell_;
};

}  // namespace quantoscope::ui
