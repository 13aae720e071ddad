// A plot whose items stand side by side.
#pragma once

#include <optional>

#include "ui/plots/brush_plot.h"

namespace quantoscope::ui {

/// Items in one row along the horizontal axis, with a cursor over them: Left and Right move it from
/// item to item, and what it is on is described beside the pointer.
class SequencePlot : public BrushPlot {
  Q_OBJECT

 public:
  std::optional<std::size_t> cursorRow() const override { return place_; }

 protected:
  using BrushPlot::BrushPlot;

  // Only called with data:

  virtual std::size_t itemCount() const = 0;
  /// The item at `x` as a whole number; below 0, or itemCount() and up, beside all of them.
  virtual double placeAt(double x) const = 0;
  virtual double middleOf(std::size_t place) const = 0;
  /// What an item is, a line each.
  virtual QStringList linesOf(std::size_t place) const = 0;
  /// How many items the cursor moves with Ctrl.
  virtual int longStep() const { return 10; }

  /// The item at the cursor; nothing without one, or without data.
  std::optional<std::size_t> cursorPlace() const;

  void hoverAt(QPointF position) override;
  void clearHover() override { showPlace(std::nullopt); }
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  std::optional<double> cursorX() const override;
  std::optional<Item> itemAt(QPointF position, bool nearest) const override;
  std::optional<Item> cursorItem() const override;
  QString cursorText() const override;

 private:
  void showPlace(std::optional<std::size_t> place);

  std::optional<std::size_t> place_;
};

}  // namespace quantoscope::ui
