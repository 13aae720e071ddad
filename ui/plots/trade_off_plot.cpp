#include "ui/plots/trade_off_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/models/metric_text.h"
#include "ui/plots/axis_tickers.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

constexpr double kRadius = 5;
constexpr double kReach = 12;  // pixels from which the pointer finds a mark

/// Each number has a shape of its own, so that colour is not all there is to tell marks apart.
void drawMark(QPainter& painter, QPointF at, int color) {
  QPolygonF shape;
  switch (color < 0 ? 0 : color % 4) {
    case 1:
      shape << at + QPointF(-kRadius, -kRadius) << at + QPointF(kRadius, -kRadius)
            << at + QPointF(kRadius, kRadius) << at + QPointF(-kRadius, kRadius);
      break;
    case 2:
      shape << at + QPointF(0, -1.2 * kRadius) << at + QPointF(1.2 * kRadius, kRadius)
            << at + QPointF(-1.2 * kRadius, kRadius);
      break;
    case 3:
      shape << at + QPointF(0, -1.3 * kRadius) << at + QPointF(1.3 * kRadius, 0)
            << at + QPointF(0, 1.3 * kRadius) << at + QPointF(-1.3 * kRadius, 0);
      break;
    default:
      painter.drawEllipse(at, kRadius, kRadius);
      return;
  }
  painter.drawPolygon(shape);
}

}  // namespace

TradeOffPlot::TradeOffPlot(QWidget* parent) : Plot(tr("Error against bits"), parent) {
  setEmptyText(tr("Open a file, and pin settings to compare them"));
  canvas().xAxis->setLabel(tr("Bits per weight"));
  canvas().xAxis->setTicker(valueTicker());
  canvas().yAxis->setLabel(axisLabelOf(metricOf("sqnr_db")));
  canvas().yAxis->setTicker(valueTicker());
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawPoints(painter, frame); });
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  styleCanvas();
  dataChanged(false);
}

void TradeOffPlot::setPoints(std::vector<Point> points) {
  points_ = std::move(points);
  std::erase_if(points_, [](const Point& point) { return !std::isfinite(point.sqnrDb); });
  std::stable_sort(points_.begin(), points_.end(),
                   [](const Point& a, const Point& b) { return a.bits < b.bits; });
  dataChanged(false);
  redraw();
}

Plot::Table TradeOffPlot::table() const {
  Table table{{QStringLiteral("bits_per_weight"), QString::fromLatin1(metricOf("sqnr_db").key)},
              {}};
  for (const Point& point : points_) table.rows.append({point.bits, point.sqnrDb});
  return table;
}

QString TradeOffPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  QStringList parts;
  for (std::size_t i = 0; i < points_.size(); ++i) parts << lines(i).join(QStringLiteral(", "));
  return parts.join(QStringLiteral("; "));
}

std::pair<double, double> TradeOffPlot::fullRange() const {
  const double width = std::max(1.0, points_.back().bits - points_.front().bits);
  return {points_.front().bits - 0.15 * width, points_.back().bits + 0.35 * width};
}

void TradeOffPlot::fitVertically(double, double) {
  const auto [least, most] =
      std::minmax_element(points_.begin(), points_.end(),
                          [](const Point& a, const Point& b) { return a.sqnrDb < b.sqnrDb; });
  const double margin = std::max(1.0, 0.15 * (most->sqnrDb - least->sqnrDb));
  canvas().yAxis->setRange(least->sqnrDb - margin, most->sqnrDb + margin);
}

QPointF TradeOffPlot::placeOf(const Point& point, const Frame& frame) const {
  return {frame.xToPixel(point.bits), frame.yToPixel(point.sqnrDb)};
}

QPointF TradeOffPlot::placeOf(const Point& point) const {
  return {xToPixel(point.bits), canvas().yAxis->coordToPixel(point.sqnrDb)};
}

void TradeOffPlot::drawPoints(QPainter& painter, const Frame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setFont(canvas().xAxis->labelFont());
  const QFontMetricsF metrics(painter.font());
  for (const Point& point : points_) {
    const QPointF at = placeOf(point, frame);
    const QColor color = point.color < 0 ? theme().text : pinColor(theme(), point.color);
    painter.setPen(QPen(theme().background, 1));
    painter.setBrush(color);
    drawMark(painter, at, point.color);
    const double room = frame.area.right() - at.x() - 2 * kRadius;
    painter.setPen(theme().mutedText);
    painter.drawText(QRectF(at.x() + 2 * kRadius, at.y() - metrics.height() / 2,
                            std::max(0.0, room), metrics.height()),
                     Qt::AlignLeft | Qt::AlignVCenter,
                     metrics.elidedText(point.name, Qt::ElideRight, room));
  }
}

void TradeOffPlot::hoverAt(QPointF position) {
  std::optional<std::size_t> nearest;
  double distance = kReach;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const double away = QLineF(position, placeOf(points_[i])).length();
    if (away < distance) {
      distance = away;
      nearest = i;
    }
  }
  showPoint(nearest);
}

void TradeOffPlot::clearHover() {
  showPoint(std::nullopt);
}

bool TradeOffPlot::stepCursor(int direction, Qt::KeyboardModifiers) {
  const auto last = static_cast<std::ptrdiff_t>(points_.size()) - 1;
  const auto next = point_ ? static_cast<std::ptrdiff_t>(*point_) + direction : 0;
  showPoint(static_cast<std::size_t>(std::clamp(next, std::ptrdiff_t{0}, last)));
  return true;
}

std::optional<double> TradeOffPlot::cursorX() const {
  if (!point_ || *point_ >= points_.size()) return std::nullopt;
  return points_[*point_].bits;
}

void TradeOffPlot::showPoint(std::optional<std::size_t> point) {
  if (point == point_ && point.has_value() != hoverText().isEmpty()) return;
  point_ = point;
  redraw(Layer::Hover);
  setHoverText(point ? lines(*point).join(QStringLiteral(", ")) : QString());
}

QStringList TradeOffPlot::lines(std::size_t point) const {
  const Point& shown = points_[point];
  return {shown.name, tr("SQNR %1 dB at %2 bits per weight")
                          .arg(valueText(shown.sqnrDb, locale()), valueText(shown.bits, locale()))};
}

void TradeOffPlot::drawHover(QPainter& painter, const Frame& frame) const {
  if (!point_ || *point_ >= points_.size()) return;
  drawCallout(painter, frame.area, placeOf(points_[*point_], frame), lines(*point_));
}

}  // namespace quantoscope::ui
