// Where in a tensor the errors are.
#pragma once

#include "core/engine/detail.h"
#include "ui/plots/brush_plot.h"

namespace quantoscope::ui {

/// |e| as an image, rows down and groups across, dark blue for 0 and yellow for the largest. A
/// pixel shows the largest value of all that it stands for, so the worst group is always seen.
///
/// A click, or Enter at the keyboard cursor (all four arrow keys; with Ctrl ten cells), goes to the
/// worst group under it. The wheel and dragging zoom across; all rows stay in view. With Shift,
/// dragging, a click or the arrow keys select the weights of cells, as does Space; while weights
/// are selected, cells without them are faint.
class ErrorMapPlot : public BrushPlot {
  Q_OBJECT

 public:
  /// What a cell of the map shows of its weights' |e|.
  enum class Measure { Maximum, Rms, Mean };

  explicit ErrorMapPlot(QWidget* parent = nullptr);

  /// Null: the empty state. The zoom is kept while the shape of the map stays the same.
  void setDetail(SharedDetail detail) override;
  std::vector<QWidget*> makeControls(QWidget* parent) override;
  void setMeasure(Measure measure);
  Measure measure() const { return measure_; }
  /// The group that is framed.
  void setChosenGroup(std::optional<GroupIndex> group);

  /// One row a cell: row_from, row_to, group_from, group_to (inclusive), max, rms, mean,
  /// and where something is selected, how many of the cell's weights.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override;
  QString summary() const override;
  QString axisKey() const override;

 Q_SIGNALS:
  void groupChosen(std::size_t row, std::size_t group);

 protected:
  void applyTheme() override;
  bool hasData() const override;
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override;
  void fitVertically(double lower, double upper) override;
  void hoverAt(QPointF position) override;
  void clearHover() override;
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  bool stepCursorDown(int direction, Qt::KeyboardModifiers modifiers) override;
  std::size_t valueColumn() const override { return 4 + static_cast<std::size_t>(measure_); }
  std::optional<Item> itemAt(QPointF position, bool nearest) const override;
  std::optional<Item> cursorItem() const override;
  QString cursorText() const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;
  Item itemOfRow(std::size_t row) const override;
  bool isMap() const override { return true; }
  void selectedChanged() override;
  std::optional<double> cursorX() const override;

  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;

 private:
  struct Cell {
    std::size_t row = 0;
    std::size_t col = 0;
    bool operator==(const Cell&) const = default;
  };

  const BlockMap& map() const { return detail_->report.map; }
  const std::vector<float>& plane() const;
  void showPlane(bool keepZoom);
  std::size_t indexOf(Cell cell) const { return cell.row * map().cellCols + cell.col; }
  std::optional<Cell> cellAt(QPointF position) const;
  void moveCursor(int across, int down);
  void showCell(std::optional<Cell> cell);
  void chooseCell(Cell cell);
  QStringList cellLines(Cell cell) const;
  void drawMap(QPainter& painter, const Frame& frame) const;
  void drawRegion(QPainter& painter, const Frame& frame) const;
  void drawChosen(QPainter& painter, const Frame& frame) const;
  void drawScale(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedDetail detail_;
  Measure measure_ = Measure::Maximum;
  float largest_ = 0;       ///< of the plane
  std::vector<float> lit_;  ///< 0..1 for each cell: what is selected; empty for nothing
  std::optional<GroupIndex> chosen_;
  std::optional<Cell> cell_;
  QPointF pressedAt_;
};

}  // namespace quantoscope::ui
