#include "ui/plots/difference_map_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QKeyEvent>
#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/series.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// The cells [first, past) under a pixel of `count` that show [from, to) members.
std::pair<std::size_t, std::size_t> cellsUnder(int pixel, int count, double from, double to,
                                               double perCell, std::size_t cells) {
  const auto last = static_cast<std::ptrdiff_t>(cells) - 1;
  const double begin = (from + (to - from) * pixel / count) / perCell;
  const double end = (from + (to - from) * (pixel + 1) / count) / perCell;
  const auto first =
      std::clamp(static_cast<std::ptrdiff_t>(std::floor(begin)), std::ptrdiff_t{0}, last);
  const auto past = std::clamp(static_cast<std::ptrdiff_t>(std::ceil(end)), first + 1, last + 1);
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(past)};
}

QString rangeText(const QString& name, IndexRange range, const QLocale& locale) {
  if (range.size == 1) return QStringLiteral("%1 %2").arg(name, countText(range.first, locale));
  return QStringLiteral("%1s %2 to %3")
      .arg(name, countText(range.first, locale), countText(range.first + range.size - 1, locale));
}

}  // namespace

DifferenceMapPlot::DifferenceMapPlot(QWidget* parent) : Plot(tr("Map of differences"), parent) {
  setEmptyText(tr("Pin settings to compare others with them"));
  canvas().xAxis->setLabel(tr("Group"));
  canvas().yAxis->setLabel(tr("Row"));
  for (QCPAxis* axis : {canvas().xAxis, canvas().yAxis}) {
    axis->setTicker(countTicker());
    axis->grid()->setVisible(false);
  }
  canvas().yAxis->setRangeReversed(true);
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawMap(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawScale(painter); }, false);
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  styleCanvas();
  dataChanged(false);
}

void DifferenceMapPlot::setAnswer(SharedWinRate answer, const DifferencePlot::Side& first,
                                  const DifferencePlot::Side& second) {
  const bool sameShape = hasData() && answer && answer->firstMap &&
                         answer->firstMap->layout == map().layout &&
                         answer->info.name == answer_->info.name;
  answer_ = std::move(answer);
  first_ = first;
  second_ = second;
  largest_ = 0;
  if (hasData()) {
    for (std::size_t i = 0; i < map().rms.size(); ++i) {
      largest_ = std::max(largest_, std::abs(differenceAt(i)));
    }
  }
  if (!sameShape) cell_.reset();
  setSubject(
      answer_ ? tr("%1, %2 against %3").arg(shownName(answer_->info.name), first.name, second.name)
              : QString());
  dataChanged(sameShape);
  redraw();
}

bool DifferenceMapPlot::hasData() const {
  return answer_ && answer_->firstMap && answer_->secondMap && !map().rms.empty();
}

float DifferenceMapPlot::differenceAt(std::size_t cell) const {
  return answer_->firstMap->rms[cell] - answer_->secondMap->rms[cell];
}

Plot::Table DifferenceMapPlot::table() const {
  Table table{
      {QStringLiteral("row_from"), QStringLiteral("row_to"), QStringLiteral("group_from"),
       QStringLiteral("group_to"), QStringLiteral("first_rms"), QStringLiteral("second_rms")},
      {}};
  if (!hasData()) return table;
  for (std::size_t i = 0; i < map().rms.size(); ++i) {
    const IndexRange rows = map().rowsOf(i / map().cellCols);
    const IndexRange groups = map().groupsOf(i % map().cellCols);
    table.rows.append(
        {static_cast<double>(rows.first), static_cast<double>(rows.first + rows.size - 1),
         static_cast<double>(groups.first), static_cast<double>(groups.first + groups.size - 1),
         answer_->firstMap->rms[i], answer_->secondMap->rms[i]});
  }
  return table;
}

QString DifferenceMapPlot::axisKey() const {
  return hasData() ? groupAxisKey(map().layout) : QString();
}

QString DifferenceMapPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  return tr("%1: difference of the RMS errors of %2 rows by %3 groups, at most %4")
      .arg(subject(), countText(map().layout.rows, locale()),
           countText(map().layout.groupsPerRow(), locale()), valueText(largest_, locale()));
}

// The view ---------------------------------------------------------------------------------------

std::pair<double, double> DifferenceMapPlot::fullRange() const {
  return {0, static_cast<double>(map().layout.groupsPerRow())};
}

double DifferenceMapPlot::narrowestRange() const {
  return std::min(4.0 * static_cast<double>(map().groupsPerCell), fullRange().second);
}

void DifferenceMapPlot::fitVertically(double, double) {
  canvas().yAxis->setRange(0, static_cast<double>(map().layout.rows));
}

QColor DifferenceMapPlot::colorOf(const DifferencePlot::Side& side) const {
  return side.color < 0 ? theme().text : pinColor(theme(), side.color);
}

/// Each pixel gets the cell under it that differs most, so that none is lost between two.
QImage DifferenceMapPlot::render(QSize pixels, double lower, double upper) const {
  QImage image(pixels, QImage::Format_RGB32);
  const QColor first = colorOf(first_);
  const QColor second = colorOf(second_);
  const auto colorAt = [&](float difference) {
    const double share = largest_ > 0 ? std::abs(difference) / largest_ : 0;
    // A root: small differences are many, and should not look like none.
    return mixed(difference < 0 ? first : second, theme().background, std::sqrt(share)).rgb();
  };
  for (int y = 0; y < pixels.height(); ++y) {
    const auto [firstRow, pastRow] =
        cellsUnder(y, pixels.height(), 0, static_cast<double>(map().layout.rows),
                   static_cast<double>(map().rowsPerCell), map().cellRows);
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
    for (int x = 0; x < pixels.width(); ++x) {
      const auto [firstCol, pastCol] =
          cellsUnder(x, pixels.width(), lower, upper, static_cast<double>(map().groupsPerCell),
                     map().cellCols);
      float most = 0;
      for (std::size_t row = firstRow; row < pastRow; ++row) {
        for (std::size_t col = firstCol; col < pastCol; ++col) {
          const float difference = differenceAt(indexOf({row, col}));
          if (std::abs(difference) > std::abs(most)) most = difference;
        }
      }
      line[x] = colorAt(most);
    }
  }
  return image;
}

void DifferenceMapPlot::drawMap(QPainter& painter, const Frame& frame) const {
  const auto [lowest, highest] = fullRange();
  const double lower = std::max(lowest, canvas().xAxis->range().lower);
  const double upper = std::min(highest, canvas().xAxis->range().upper);
  if (!(upper > lower)) return;
  const QRectF target(QPointF(frame.xToPixel(lower), frame.area.top()),
                      QPointF(frame.xToPixel(upper), frame.area.bottom() + 1));
  const double ratio = painter.device()->devicePixelRatioF();
  const QSize pixels = (target.size() * ratio).toSize();
  if (pixels.isEmpty()) return;
  painter.drawImage(target, render(pixels, lower, upper));
}

void DifferenceMapPlot::drawScale(QPainter& painter) const {
  constexpr double kSwatch = 16;
  painter.setFont(canvas().xAxis->labelFont());
  const QFontMetricsF metrics(painter.font());
  const QRectF strip = topStrip();
  double x = strip.left();
  for (const DifferencePlot::Side* side : {&first_, &second_}) {
    painter.fillRect(QRectF(x, strip.center().y() - 4, kSwatch, 8), colorOf(*side));
    const double room = std::max(0.0, strip.left() + strip.width() / 2 - 2 * kSwatch);
    const QString text = metrics.elidedText(tr("%1 errs less").arg(side->name), Qt::ElideMiddle,
                                            std::min(room, strip.right() - x - kSwatch - 6));
    painter.setPen(theme().mutedText);
    painter.drawText(QRectF(x + kSwatch + 6, strip.top(), strip.width(), strip.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, text);
    x += kSwatch + 6 + metrics.horizontalAdvance(text) + 18;
  }
}

// The cursor -------------------------------------------------------------------------------------

void DifferenceMapPlot::hoverAt(QPointF position) {
  const double group = xAt(position.x());
  const double row = canvas().yAxis->pixelToCoord(position.y());
  if (group < 0 || row < 0 || group >= fullRange().second ||
      row >= static_cast<double>(map().layout.rows)) {
    return showCell(std::nullopt);
  }
  showCell(Cell{static_cast<std::size_t>(row) / map().rowsPerCell,
                static_cast<std::size_t>(group) / map().groupsPerCell});
}

void DifferenceMapPlot::clearHover() {
  showCell(std::nullopt);
}

bool DifferenceMapPlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  moveCursor(direction * (modifiers.testFlag(Qt::ShiftModifier) ? kBigStep : 1), 0);
  return true;
}

void DifferenceMapPlot::keyPressEvent(QKeyEvent* event) {
  const bool vertical = event->key() == Qt::Key_Up || event->key() == Qt::Key_Down;
  if (!vertical || !hasData() || !failure().isEmpty()) return Plot::keyPressEvent(event);
  const int step = event->modifiers().testFlag(Qt::ShiftModifier) ? kBigStep : 1;
  moveCursor(0, event->key() == Qt::Key_Up ? -step : step);
}

void DifferenceMapPlot::moveCursor(int across, int down) {
  if (!cell_) return showCell(Cell{});
  const auto moved = [](std::size_t from, int by, std::size_t count) {
    const auto last = static_cast<std::ptrdiff_t>(count) - 1;
    return static_cast<std::size_t>(
        std::clamp(static_cast<std::ptrdiff_t>(from) + by, std::ptrdiff_t{0}, last));
  };
  showCell(
      Cell{moved(cell_->row, down, map().cellRows), moved(cell_->col, across, map().cellCols)});
}

std::optional<double> DifferenceMapPlot::cursorX() const {
  if (!cell_) return std::nullopt;
  return (static_cast<double>(cell_->col) + 0.5) * static_cast<double>(map().groupsPerCell);
}

void DifferenceMapPlot::showCell(std::optional<Cell> cell) {
  if (cell == cell_ && cell.has_value() != hoverText().isEmpty()) return;
  cell_ = cell;
  redraw(Layer::Hover);
  setHoverText(cell ? cellLines(*cell).join(QStringLiteral(", ")) : QString());
}

QStringList DifferenceMapPlot::cellLines(Cell cell) const {
  const std::size_t i = indexOf(cell);
  return {rangeText(tr("Row"), map().rowsOf(cell.row), locale()),
          rangeText(tr("group"), map().groupsOf(cell.col), locale()),
          tr("RMS %1 with %2").arg(valueText(answer_->firstMap->rms[i], locale()), first_.name),
          tr("RMS %1 with %2").arg(valueText(answer_->secondMap->rms[i], locale()), second_.name)};
}

void DifferenceMapPlot::drawHover(QPainter& painter, const Frame& frame) const {
  if (!cell_) return;
  const IndexRange rows = map().rowsOf(cell_->row);
  const IndexRange groups = map().groupsOf(cell_->col);
  const QRectF box(QPointF(frame.xToPixel(static_cast<double>(groups.first)),
                           frame.yToPixel(static_cast<double>(rows.first))),
                   QPointF(frame.xToPixel(static_cast<double>(groups.first + groups.size)),
                           frame.yToPixel(static_cast<double>(rows.first + rows.size))));
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(theme().text, 1.5));
  painter.drawRect(box.normalized().adjusted(-1, -1, 1, 1));
  drawCallout(painter, frame.area, box.center(), cellLines(*cell_));
}

}  // namespace quantoscope::ui
