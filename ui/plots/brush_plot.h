// A plot in which weights can be selected.
#pragma once

#include <QtCore/QPoint>

#include "core/engine/selected_weights.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

/// Shows what a tensor's weights fall into (bins, cells, rows, codes: its items), lets items be
/// chosen, and shows which of its items hold weights that were chosen anywhere.
///
/// Mouse: a click chooses the item under it (or none, where it is chosen already), dragging with
/// Shift all items from where it began. Keyboard: Enter or Space chooses the item at the cursor, an
/// arrow key with Shift moves the cursor and chooses all items from where it was; Ctrl makes long
/// steps; Escape chooses none.
class BrushPlot : public Plot {
  Q_OBJECT

 public:
  /// What is chosen, and what it is, null until it is known. A plot shows it where it was counted
  /// in the items that it shows.
  void setSelected(const std::optional<Selection>& selection, SharedSelection selected);
  const std::optional<Selection>& selection() const { return selection_; }

  /// Chooses the items that rows `first` to `last` of the table stand for.
  void chooseRows(std::size_t first, std::size_t last);

 Q_SIGNALS:
  /// By mouse or keyboard; setSelected() is for the receiver to call.
  void selectionChosen(const quantoscope::Selection& selection);
  void selectionCleared();

 protected:
  using Plot::Plot;

  /// An item by its place across and, in a map, down.
  using Item = QPoint;

  const SelectedWeights* selected() const { return selected_.get(); }
  /// selected() or its absence is another; the plot is drawn again afterwards.
  virtual void selectedChanged() {}

  /// The item at a position on the canvas; `nearest`: the one nearest to it where there is none.
  virtual std::optional<Item> itemAt(QPointF position, bool nearest) const = 0;
  virtual std::optional<Item> cursorItem() const = 0;
  /// The hover text at the cursor; empty without one.
  virtual QString cursorText() const = 0;
  /// The weights in the items from one to another, which is not before it in either direction.
  virtual std::optional<Selection> selectionOf(Item first, Item last) const = 0;
  virtual Item itemOfRow(std::size_t row) const { return {static_cast<int>(row), 0}; }
  /// Items lie across and down, and are not chosen by a plain click or Enter, which go to them.
  virtual bool isMap() const { return false; }

  /// "12 of them selected"; empty where nothing is.
  QString selectedText(std::uint64_t count) const;

  bool holdsPointer() const override { return brushing_ || Plot::holdsPointer(); }
  void keyPressEvent(QKeyEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;

  /// Draws the frame that is being dragged; constructors of plots call it once.
  void addBrush();

 private:
  void choose(Item from, Item to, bool toggles);
  void emitChoice(const std::optional<Selection>& choice);
  bool extendByKey(QKeyEvent* event);
  void endBrush();
  void drawBrush(QPainter& painter, const Frame& frame) const;

  std::optional<Selection> selection_;
  SharedSelection selected_;
  std::optional<Item> anchor_;  ///< where choosing by keys began
  bool brushing_ = false;
  bool pressed_ = false;
  QPointF brushFrom_;
  QPointF brushTo_;
  std::optional<Selection> before_;  ///< the press of a mouse button
};

}  // namespace quantoscope::ui
