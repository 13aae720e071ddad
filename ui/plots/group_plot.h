// The weights of one group beside what they decode to.
#pragma once

#include "ui/plots/brush_plot.h"

namespace quantoscope::ui {

/// Every weight of the result's group as a dot, over its place in the group, with a line to the
/// value that it decodes to: the error. The group's levels are thin lines. Its items are the
/// weights; selected ones are framed.
class GroupPlot : public BrushPlot {
  Q_OBJECT

 public:
  explicit GroupPlot(QWidget* parent = nullptr);

  /// Null, or without a group: the empty state. The zoom is kept while the group stays the same.
  void setResult(SharedResult result) override;

  /// One row a weight: row, column, weight, code, decoded, error, scale, zero_point, and where
  /// something is selected, whether it is.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override { return place_; }
  QString summary() const override;
  QSize minimumSizeHint() const override { return {150, 100}; }

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
  std::size_t valueColumn() const override { return 2; }
  std::optional<Item> itemAt(QPointF position, bool nearest) const override;
  std::optional<Item> cursorItem() const override;
  QString cursorText() const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;

 private:
  const GroupDetail& group() const { return *result_->group; }
  double errorOf(std::size_t place) const;
  bool isSelected(std::size_t place) const;
  void showPlace(std::optional<std::size_t> place);
  QStringList placeLines(std::size_t place) const;
  void drawLevels(QPainter& painter, const Frame& frame) const;
  void drawWeights(QPainter& painter, const Frame& frame) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedResult result_;
  std::optional<std::size_t> place_;
};

}  // namespace quantoscope::ui
