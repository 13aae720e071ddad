#include "ui/plots/error_map_plot.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QApplication>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

constexpr int kBigStep = 10;  // cells, with Shift
constexpr int kShades = 256;

/// Cividis (Nunez, Anderton and Renslow 2018): rises evenly in lightness and looks the same to
/// people with and without colour-blindness. Its own colours at six places, straight lines between.
const std::array<QRgb, kShades>& shades() {
  static const std::array<QRgb, kShades> table = [] {
    constexpr std::array<QRgb, 6> kAnchors = {0xff00224e, 0xff35456c, 0xff666970,
                                              0xff948e77, 0xffc8b866, 0xfffee838};
    std::array<QRgb, kShades> made{};
    for (int i = 0; i < kShades; ++i) {
      const double at = static_cast<double>(i) / (kShades - 1) * (kAnchors.size() - 1);
      const auto left = std::min<std::size_t>(static_cast<std::size_t>(at), kAnchors.size() - 2);
      const QColor color =
          mixed(QColor(kAnchors[left + 1]), QColor(kAnchors[left]), at - static_cast<double>(left));
      made[static_cast<std::size_t>(i)] = color.rgb();
    }
    return made;
  }();
  return table;
}

QString rangeText(const QString& one, const QString& many, IndexRange range,
                  const QLocale& locale) {
  if (range.size == 1) return one.arg(countText(range.first, locale));
  return many.arg(countText(range.first, locale), countText(range.first + range.size - 1, locale));
}

}  // namespace

ErrorMapPlot::ErrorMapPlot(QWidget* parent) : Plot(tr("Error map"), parent) {
  setEmptyText(tr("Open a file to see where in a tensor the errors are"));
  canvas().xAxis->setLabel(tr("Group"));
  canvas().xAxis->setTicker(countTicker());
  canvas().xAxis->grid()->setVisible(false);
  canvas().yAxis->setLabel(tr("Row"));
  canvas().yAxis->setTicker(countTicker());
  canvas().yAxis->grid()->setVisible(false);
  canvas().yAxis->setRangeReversed(true);
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawMap(painter, frame); });
  addDrawing(Layer::Cursor,
             [this](QPainter& painter, const Frame& frame) { drawChosen(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawScale(painter); }, false);
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  styleCanvas();
  dataChanged(false);
}

void ErrorMapPlot::setDetail(SharedDetail detail) {
  if (detail == detail_) return;  // the keyboard cursor stays
  const bool sameShape = detail && detail_ && detail->report.map.layout == map().layout &&
                         detail->info.name == detail_->info.name;
  detail_ = std::move(detail);
  showPlane(sameShape);
}

void ErrorMapPlot::setMeasure(Measure measure) {
  measure_ = measure;
  showPlane(true);
}

void ErrorMapPlot::showPlane(bool keepZoom) {
  largest_ = hasData() ? *std::max_element(plane().begin(), plane().end()) : 0;
  dataChanged(keepZoom);
  redraw();
}

void ErrorMapPlot::setChosenGroup(std::optional<GroupIndex> group) {
  chosen_ = group;
  redraw(Layer::Cursor);
}

bool ErrorMapPlot::hasData() const {
  return detail_ && !map().maximum.empty();
}

const std::vector<float>& ErrorMapPlot::plane() const {
  if (measure_ == Measure::Rms) return map().rms;
  return measure_ == Measure::Mean ? map().mean : map().maximum;
}

Plot::Table ErrorMapPlot::table() const {
  Table table{{QStringLiteral("row_from"), QStringLiteral("row_to"), QStringLiteral("group_from"),
               QStringLiteral("group_to"), QStringLiteral("max_abs_error"), QStringLiteral("rms"),
               QStringLiteral("mean_abs_error")},
              {}};
  if (!hasData()) return table;
  for (std::size_t row = 0; row < map().cellRows; ++row) {
    for (std::size_t col = 0; col < map().cellCols; ++col) {
      const IndexRange rows = map().rowsOf(row);
      const IndexRange groups = map().groupsOf(col);
      const std::size_t i = indexOf({row, col});
      table.rows.append(
          {static_cast<double>(rows.first), static_cast<double>(rows.first + rows.size - 1),
           static_cast<double>(groups.first), static_cast<double>(groups.first + groups.size - 1),
           map().maximum[i], map().rms[i], map().mean[i]});
    }
  }
  return table;
}

QString ErrorMapPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  const auto& maximum = map().maximum;
  const auto worst = std::max_element(maximum.begin(), maximum.end());
  const GroupIndex group = map().worstOf(static_cast<std::size_t>(worst - maximum.begin()));
  return tr("Errors of %1 rows by %2 groups; the largest is %3, in row %4, group %5")
      .arg(countText(map().layout.rows, locale()), countText(map().layout.groupsPerRow(), locale()),
           valueText(*worst, locale()), countText(group.row, locale()),
           countText(group.group, locale()));
}

void ErrorMapPlot::applyTheme() {}

// The view ---------------------------------------------------------------------------------------

std::pair<double, double> ErrorMapPlot::fullRange() const {
  return {0, static_cast<double>(map().layout.groupsPerRow())};
}

double ErrorMapPlot::narrowestRange() const {
  return std::min(4.0 * static_cast<double>(map().groupsPerCell), fullRange().second);
}

void ErrorMapPlot::fitVertically(double, double) {
  canvas().yAxis->setRange(0, static_cast<double>(map().layout.rows));
}

/// Each pixel gets the largest of the cells that it meets, so that none is lost between two.
QImage ErrorMapPlot::render(QSize pixels, double lower, double upper) const {
  QImage image(pixels, QImage::Format_RGB32);
  const auto& values = plane();
  const double scale = largest_ > 0 ? (kShades - 1) / static_cast<double>(largest_) : 0;
  const auto cellsUnder = [](int pixel, int count, double from, double to, double perCell,
                             std::size_t cells) {
    const double begin = (from + (to - from) * pixel / count) / perCell;
    const double end = (from + (to - from) * (pixel + 1) / count) / perCell;
    const auto last = static_cast<std::ptrdiff_t>(cells) - 1;
    const auto first =
        std::clamp(static_cast<std::ptrdiff_t>(std::floor(begin)), std::ptrdiff_t{0}, last);
    const auto past = std::clamp(static_cast<std::ptrdiff_t>(std::ceil(end)), first + 1, last + 1);
    return std::pair{static_cast<std::size_t>(first), static_cast<std::size_t>(past)};
  };
  std::vector<std::pair<std::size_t, std::size_t>> across;
  for (int x = 0; x < pixels.width(); ++x) {
    across.push_back(cellsUnder(x, pixels.width(), lower, upper,
                                static_cast<double>(map().groupsPerCell), map().cellCols));
  }
  std::vector<float> columns(map().cellCols);
  for (int y = 0; y < pixels.height(); ++y) {
    const auto [firstRow, pastRow] =
        cellsUnder(y, pixels.height(), 0, static_cast<double>(map().layout.rows),
                   static_cast<double>(map().rowsPerCell), map().cellRows);
    std::fill(columns.begin(), columns.end(), 0.0F);
    for (std::size_t row = firstRow; row < pastRow; ++row) {
      const float* cells = values.data() + row * map().cellCols;
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = std::max(columns[c], cells[c]);
    }
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
    for (int x = 0; x < pixels.width(); ++x) {
      const auto [first, past] = across[static_cast<std::size_t>(x)];
      const float worst = *std::max_element(columns.begin() + static_cast<std::ptrdiff_t>(first),
                                            columns.begin() + static_cast<std::ptrdiff_t>(past));
      line[x] = shades()[static_cast<std::size_t>(worst * scale)];
    }
  }
  return image;
}

void ErrorMapPlot::drawMap(QPainter& painter, const Frame& frame) const {
  const auto [lowest, highest] = fullRange();
  const double lower = std::max(lowest, canvas().xAxis->range().lower);
  const double upper = std::min(highest, canvas().xAxis->range().upper);
  if (!(upper > lower)) return;
  const QRectF target(QPointF(frame.xToPixel(lower), frame.area.top()),
                      QPointF(frame.xToPixel(upper), frame.area.bottom() + 1));
  const double ratio = painter.device()->devicePixelRatioF();
  const QSize pixels(std::max(1, qRound(target.width() * ratio)),
                     std::max(1, qRound(target.height() * ratio)));
  painter.setRenderHint(QPainter::SmoothPixmapTransform, false);
  painter.drawImage(target, render(pixels, lower, upper));
}

void ErrorMapPlot::drawChosen(QPainter& painter, const Frame& frame) const {
  if (!chosen_ || chosen_->row >= map().layout.rows ||
      chosen_->group >= map().layout.groupsPerRow()) {
    return;
  }
  const double left = frame.xToPixel(static_cast<double>(chosen_->group));
  const double right = frame.xToPixel(static_cast<double>(chosen_->group + 1));
  const double top = frame.yToPixel(static_cast<double>(chosen_->row));
  const double bottom = frame.yToPixel(static_cast<double>(chosen_->row + 1));
  QRectF box(QPointF(left, top), QPointF(right, bottom));
  constexpr double kLeastSide = 7;  // smaller cells get a frame around them
  const double wider = std::max(0.0, kLeastSide - box.width()) / 2;
  const double higher = std::max(0.0, kLeastSide - box.height()) / 2;
  box.adjust(-wider, -higher, wider, higher);
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(Qt::black, 3));
  painter.drawRect(box);
  painter.setPen(QPen(Qt::white, 1.5));
  painter.drawRect(box);
}

void ErrorMapPlot::drawScale(QPainter& painter) const {
  constexpr double kWidth = 90;
  constexpr double kHeight = 8;
  constexpr double kGap = 6;
  const QRectF strip = topStrip();
  painter.setFont(canvas().xAxis->labelFont());
  const QFontMetricsF metrics(painter.font());
  painter.setPen(theme().mutedText);
  double x = strip.left();
  const auto write = [&](const QString& text) {
    const double width = metrics.horizontalAdvance(text) + 1;
    painter.drawText(QRectF(x, strip.top(), width, strip.height()),
                     Qt::AlignLeft | Qt::AlignVCenter, text);
    x += width + kGap;
  };
  write(QStringLiteral("0"));
  for (int i = 0; i < kWidth; ++i) {
    const int shade = i * (kShades - 1) / (static_cast<int>(kWidth) - 1);
    painter.fillRect(QRectF(x + i, strip.center().y() - kHeight / 2, 1.5, kHeight),
                     QColor(shades()[static_cast<std::size_t>(shade)]));
  }
  x += kWidth + kGap;
  const QString what = measure_ == Measure::Maximum ? tr("largest |error|")
                       : measure_ == Measure::Rms   ? tr("RMS error")
                                                    : tr("mean |error|");
  write(QStringLiteral("%1  %2").arg(valueText(largest_, locale()), what));
}

// The cursor -------------------------------------------------------------------------------------

std::optional<ErrorMapPlot::Cell> ErrorMapPlot::cellAt(QPointF position) const {
  const double group = std::floor(xAt(position.x()));
  const double row = std::floor(canvas().yAxis->pixelToCoord(position.y()));
  if (!(group >= 0 && row >= 0)) return std::nullopt;
  if (group >= fullRange().second || row >= static_cast<double>(map().layout.rows)) {
    return std::nullopt;
  }
  return Cell{static_cast<std::size_t>(row) / map().rowsPerCell,
              static_cast<std::size_t>(group) / map().groupsPerCell};
}

void ErrorMapPlot::hoverAt(QPointF position) {
  showCell(cellAt(position));
}

void ErrorMapPlot::clearHover() {
  showCell(std::nullopt);
}

bool ErrorMapPlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  moveCursor(direction * (modifiers.testFlag(Qt::ShiftModifier) ? kBigStep : 1), 0);
  return true;
}

void ErrorMapPlot::moveCursor(int across, int down) {
  const auto moved = [](std::size_t from, int by, std::size_t count) {
    const auto to = static_cast<std::ptrdiff_t>(from) + by;
    return static_cast<std::size_t>(
        std::clamp(to, std::ptrdiff_t{0}, static_cast<std::ptrdiff_t>(count) - 1));
  };
  if (!cell_) {  // begin where something is to be seen
    const auto worst = std::max_element(plane().begin(), plane().end()) - plane().begin();
    const auto cell = static_cast<std::size_t>(worst);
    return showCell(Cell{cell / map().cellCols, cell % map().cellCols});
  }
  showCell(
      Cell{moved(cell_->row, down, map().cellRows), moved(cell_->col, across, map().cellCols)});
}

std::optional<double> ErrorMapPlot::cursorX() const {
  if (!cell_ || !hasData()) return std::nullopt;
  const IndexRange groups = map().groupsOf(cell_->col);
  return static_cast<double>(groups.first) + static_cast<double>(groups.size) / 2;
}

void ErrorMapPlot::showCell(std::optional<Cell> cell) {
  if (cell == cell_ && cell.has_value() != hoverText().isEmpty()) return;
  cell_ = cell;
  redraw(Layer::Hover);
  setHoverText(cell ? cellLines(*cell).join(QStringLiteral(", ")) : QString());
}

QStringList ErrorMapPlot::cellLines(Cell cell) const {
  const std::size_t i = indexOf(cell);
  const GroupIndex worst = map().worstOf(i);
  QStringList lines;
  lines << rangeText(tr("Row %1"), tr("Rows %1–%2"), map().rowsOf(cell.row), locale()) +
               QStringLiteral(", ") +
               rangeText(tr("group %1"), tr("groups %1–%2"), map().groupsOf(cell.col), locale());
  lines << tr("largest |error| %1, RMS %2, mean %3")
               .arg(valueText(map().maximum[i], locale()), valueText(map().rms[i], locale()),
                    valueText(map().mean[i], locale()));
  if (map().rowsPerCell * map().groupsPerCell > 1) {
    lines << tr("worst in row %1, group %2")
                 .arg(countText(worst.row, locale()), countText(worst.group, locale()));
  }
  return lines;
}

void ErrorMapPlot::drawHover(QPainter& painter, const Frame& frame) const {
  if (!cell_ || cell_->row >= map().cellRows || cell_->col >= map().cellCols) return;
  const IndexRange rows = map().rowsOf(cell_->row);
  const IndexRange groups = map().groupsOf(cell_->col);
  const QRectF box(QPointF(frame.xToPixel(static_cast<double>(groups.first)),
                           frame.yToPixel(static_cast<double>(rows.first))),
                   QPointF(frame.xToPixel(static_cast<double>(groups.first + groups.size)),
                           frame.yToPixel(static_cast<double>(rows.first + rows.size))));
  painter.setBrush(Qt::NoBrush);
  painter.setPen(QPen(Qt::white, 1));
  painter.drawRect(box);
  drawCallout(painter, frame.area, box.center(), cellLines(*cell_));
}

void ErrorMapPlot::chooseCell(Cell cell) {
  const GroupIndex group = map().worstOf(indexOf(cell));
  Q_EMIT groupChosen(group.row, group.group);
}

void ErrorMapPlot::keyPressEvent(QKeyEvent* event) {
  const int step = event->modifiers().testFlag(Qt::ShiftModifier) ? kBigStep : 1;
  const bool usable = hasData() && failure().isEmpty();
  switch (event->key()) {
    case Qt::Key_Up:
    case Qt::Key_Down:
      if (!usable) break;
      return moveCursor(0, event->key() == Qt::Key_Up ? -step : step);
    case Qt::Key_Return:
    case Qt::Key_Enter:
      if (!usable || !cell_) break;
      return chooseCell(*cell_);
    default:
      break;
  }
  Plot::keyPressEvent(event);
}

void ErrorMapPlot::mousePressEvent(QMouseEvent* event) {
  pressedAt_ = event->position();
  Plot::mousePressEvent(event);
}

void ErrorMapPlot::mouseReleaseEvent(QMouseEvent* event) {
  Plot::mouseReleaseEvent(event);
  const QPointF position = onCanvas(event->position());
  const double moved = QLineF(event->position(), pressedAt_).length();
  if (event->button() != Qt::LeftButton || moved >= QApplication::startDragDistance()) return;
  if (!hasData() || !failure().isEmpty() || !plottedArea().contains(position)) return;
  if (const auto cell = cellAt(position)) chooseCell(*cell);
}

}  // namespace quantoscope::ui
