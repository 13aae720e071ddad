// How plots answer mouse and keyboard.
#include <algorithm>
#include <cmath>

#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QWheelEvent>
#include <QtWidgets/QApplication>
#include <qcustomplot.h>

#include "ui/plots/plot.h"

namespace quantoscope::ui {

namespace {

constexpr double kWheelFactor = 0.85;
constexpr double kKeyFactor = 0.7;
constexpr double kPageShare = 0.5;  // of the range in view

}  // namespace

void Plot::keyPressEvent(QKeyEvent* event) {
  if (!isShowing()) return QWidget::keyPressEvent(event);
  const QCPRange range = canvas_->xAxis->range();
  const double centre = cursorX().value_or(range.center());
  switch (event->key()) {
    case Qt::Key_Left:
    case Qt::Key_Right:
      if (!stepCursor(event->key() == Qt::Key_Left ? -1 : 1, event->modifiers())) break;
      if (const auto x = cursorX()) reveal(*x);
      return;
    case Qt::Key_Up:
    case Qt::Key_Down:
      if (!stepCursorDown(event->key() == Qt::Key_Up ? -1 : 1, event->modifiers())) break;
      return;
    case Qt::Key_PageUp:
      return panBy(-kPageShare);
    case Qt::Key_PageDown:
      return panBy(kPageShare);
    case Qt::Key_Home:
      return resetView();
    case Qt::Key_Plus:
    case Qt::Key_Equal:
      return zoomAbout(centre, kKeyFactor);
    case Qt::Key_Minus:
      return zoomAbout(centre, 1 / kKeyFactor);
    case Qt::Key_Escape:
      if (drag_ != Drag::None) return endDrag();
      if (hoverText_.isEmpty()) break;
      return clearHover();
    default:
      break;
  }
  QWidget::keyPressEvent(event);
}

bool Plot::stepCursorDown(int, Qt::KeyboardModifiers) {
  return false;
}

void Plot::panBy(double share) {
  const QCPRange range = canvas_->xAxis->range();
  setView(range.lower + share * range.size(), range.upper + share * range.size());
}

void Plot::mousePressEvent(QMouseEvent* event) {
  const QPointF position = onCanvas(event->position());
  if (!isShowing() || !plottedArea().contains(position)) return QWidget::mousePressEvent(event);
  dragStart_ = dragNow_ = position;
  if (event->button() == Qt::LeftButton) {
    drag_ = Drag::Armed;
  } else if (event->button() == Qt::MiddleButton) {
    drag_ = Drag::Pan;
    panLower_ = canvas_->xAxis->range().lower;
    panUpper_ = canvas_->xAxis->range().upper;
    setCursor(Qt::ClosedHandCursor);
  }
}

void Plot::mouseMoveEvent(QMouseEvent* event) {
  if (!isShowing()) return;
  dragNow_ = onCanvas(event->position());
  if (drag_ == Drag::Armed &&
      std::abs(dragNow_.x() - dragStart_.x()) >= QApplication::startDragDistance()) {
    drag_ = Drag::Zoom;
    clearHover();
  }
  if (drag_ == Drag::Zoom) {
    dragNow_.setX(std::clamp(dragNow_.x(), plottedArea().left(), plottedArea().right()));
    return redraw(Layer::Hover);
  }
  if (drag_ == Drag::Pan) {
    const double shift = (panUpper_ - panLower_) * (dragNow_.x() - dragStart_.x()) /
                         std::max(1.0, plottedArea().width());
    return setView(panLower_ - shift, panUpper_ - shift);
  }
  if (plottedArea().contains(dragNow_)) {
    pointer_ = dragNow_;
    hoverAt(dragNow_);
  } else if (pointer_) {
    pointer_.reset();
    clearHover();
  }
}

void Plot::mouseReleaseEvent(QMouseEvent*) {
  const bool zoom = drag_ == Drag::Zoom;
  endDrag();
  if (!zoom || std::abs(dragNow_.x() - dragStart_.x()) < QApplication::startDragDistance()) return;
  const auto [left, right] = std::minmax({dragStart_.x(), dragNow_.x()});
  setView(xAt(left), xAt(right));
}

void Plot::endDrag() {
  if (drag_ == Drag::Pan) unsetCursor();
  drag_ = Drag::None;
  if (isShowing()) redraw(Layer::Hover);
}

void Plot::mouseDoubleClickEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton) resetView();
}

void Plot::wheelEvent(QWheelEvent* event) {
  const QPointF position = onCanvas(event->position());
  if (!isShowing() || !plottedArea().contains(position)) return event->ignore();
  constexpr double kStep = 120;  // one notch of a wheel
  const QPointF turned = QPointF(event->angleDelta()) / kStep;
  const bool sideways = std::abs(turned.x()) > std::abs(turned.y());
  if (sideways || event->modifiers().testFlag(Qt::ShiftModifier)) {
    const QCPRange range = canvas_->xAxis->range();
    const double shift = (sideways ? turned.x() : turned.y()) * range.size() / 10;
    setView(range.lower - shift, range.upper - shift);
  } else {
    zoomAbout(xAt(position.x()), std::pow(kWheelFactor, turned.y()));
  }
  pointer_ = position;
  hoverAt(position);
  event->accept();
}

void Plot::leaveEvent(QEvent* event) {
  QWidget::leaveEvent(event);
  if (!pointer_) return;
  pointer_.reset();
  clearHover();
}

}  // namespace quantoscope::ui
