#include "ui/plots/brush_plot.h"

#include <algorithm>

#include <QtCore/QLineF>
#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QApplication>

#include "ui/plots/series.h"

namespace quantoscope::ui {

void BrushPlot::setSelected(const std::optional<Selection>& selection, SharedSelection selected) {
  if (selection == selection_ && selected == selected_) return;
  if (selection != selection_ && !selection) anchor_.reset();
  selection_ = selection;
  selected_ = std::move(selected);
  selectedChanged();
  if (isShowing()) {
    setHoverText(cursorText());
    redraw();
  }
  Q_EMIT tableChanged();
}

QString BrushPlot::selectedText(std::uint64_t count) const {
  return count == 0 ? QString() : tr("%1 of them selected").arg(countText(count, locale()));
}

void BrushPlot::chooseRows(std::size_t first, std::size_t last) {
  if (isShowing()) choose(itemOfRow(first), itemOfRow(last), false);
}

void BrushPlot::choose(Item from, Item to, bool toggles) {
  const Item first(std::min(from.x(), to.x()), std::min(from.y(), to.y()));
  const Item last(std::max(from.x(), to.x()), std::max(from.y(), to.y()));
  const std::optional<Selection> choice = selectionOf(first, last);
  if (!choice) return;
  if (choice != selection_) return emitChoice(choice);
  if (toggles) emitChoice(std::nullopt);
}

void BrushPlot::emitChoice(const std::optional<Selection>& choice) {
  if (choice) {
    Q_EMIT selectionChosen(*choice);
  } else {
    Q_EMIT selectionCleared();
  }
}

// The keyboard -----------------------------------------------------------------------------------

bool BrushPlot::extendByKey(QKeyEvent* event) {
  const std::optional<Item> before = cursorItem();
  const Qt::KeyboardModifiers modifiers = event->modifiers() & ~Qt::ShiftModifier;
  const bool down = event->key() == Qt::Key_Up || event->key() == Qt::Key_Down;
  if (down && !isMap()) return false;
  QKeyEvent step(QEvent::KeyPress, event->key(), modifiers);
  Plot::keyPressEvent(&step);
  const std::optional<Item> now = cursorItem();
  if (!now) return true;
  if (!anchor_) anchor_ = before.value_or(*now);
  choose(*anchor_, *now, false);
  return true;
}

void BrushPlot::keyPressEvent(QKeyEvent* event) {
  if (!isShowing()) return Plot::keyPressEvent(event);
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Right:
    case Qt::Key_Up:
    case Qt::Key_Down:
      if (event->modifiers().testFlag(Qt::ShiftModifier) && extendByKey(event)) return;
      anchor_.reset();
      break;
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (isMap()) break;
      [[fallthrough]];
    case Qt::Key_Space:
      if (const auto item = cursorItem()) {
        anchor_ = item;
        return choose(*item, *item, true);
      }
      break;
    case Qt::Key_Escape:
      if (brushing_) {
        endBrush();
        return emitChoice(before_);
      }
      if (!selection_) break;
      return emitChoice(std::nullopt);
    default:
      break;
  }
  Plot::keyPressEvent(event);
}

// The mouse --------------------------------------------------------------------------------------

void BrushPlot::mousePressEvent(QMouseEvent* event) {
  const QPointF position = onCanvas(event->position());
  const bool usable =
      event->button() == Qt::LeftButton && isShowing() && plottedArea().contains(position);
  pressed_ = usable;
  if (usable) {
    before_ = selection_;
    brushFrom_ = brushTo_ = position;
  }
  if (!usable || !event->modifiers().testFlag(Qt::ShiftModifier)) {
    return Plot::mousePressEvent(event);
  }
  brushing_ = true;
  setCursor(Qt::CrossCursor);
}

void BrushPlot::mouseMoveEvent(QMouseEvent* event) {
  if (!brushing_) return Plot::mouseMoveEvent(event);
  const QRectF area = plottedArea();
  const QPointF position = onCanvas(event->position());
  brushTo_ = {std::clamp(position.x(), area.left(), area.right()),
              std::clamp(position.y(), area.top(), area.bottom())};
  const auto from = itemAt(brushFrom_, true);
  const auto to = itemAt(brushTo_, true);
  if (from && to) choose(*from, *to, false);  // seen in the other views while dragging
  redraw(Layer::Hover);
}

void BrushPlot::mouseReleaseEvent(QMouseEvent* event) {
  const bool brushed = brushing_;
  if (brushing_) {
    endBrush();
  } else {
    Plot::mouseReleaseEvent(event);
  }
  if (!pressed_ || event->button() != Qt::LeftButton) return;
  pressed_ = false;
  const QPointF position = onCanvas(event->position());
  if (QLineF(brushFrom_, position).length() >= QApplication::startDragDistance()) return;
  if (isMap() && !brushed) return;
  if (const auto item = itemAt(position, false)) choose(*item, *item, true);
}

/// What its first click chose was not meant.
void BrushPlot::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && before_ != selection_) emitChoice(before_);
  Plot::mouseDoubleClickEvent(event);
}

void BrushPlot::endBrush() {
  brushing_ = false;
  unsetCursor();
  if (isShowing()) redraw(Layer::Hover);
}

void BrushPlot::addBrush() {
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawBrush(painter, frame); });
}

void BrushPlot::drawBrush(QPainter& painter, const Frame& frame) const {
  if (!brushing_) return;
  QRectF band = QRectF(brushFrom_, brushTo_).normalized();
  if (!isMap()) {
    band.setTop(frame.area.top());
    band.setBottom(frame.area.bottom());
  }
  QColor fill = theme().selected;
  fill.setAlphaF(0.15F);
  painter.fillRect(band, fill);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme().selected, 1));
  painter.drawRect(band);
}

}  // namespace quantoscope::ui
