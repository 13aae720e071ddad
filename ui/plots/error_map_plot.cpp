#include "ui/plots/error_map_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <QtWidgets/QApplication>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/choices.h"
#include "ui/plots/map_image.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

QString rangeText(const QString& one, const QString& many, IndexRange range,
                  const QLocale& locale) {
  if (range.size == 1) return one.arg(countText(range.first, locale));
  return many.arg(countText(range.first, locale), countText(range.first + range.size - 1, locale));
}

}  // namespace

ErrorMapPlot::ErrorMapPlot(QWidget* parent) : BrushPlot(tr("Error map"), parent) {
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
             [this](QPainter& painter, const Frame& frame) { drawRegion(painter, frame); });
  addDrawing(Layer::Cursor,
             [this](QPainter& painter, const Frame& frame) { drawChosen(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawScale(painter); }, false);
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  addBrush();
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

std::vector<QWidget*> ErrorMapPlot::makeControls(QWidget* parent) {
  const QString name = tr("Measure of the errors in a cell of the map");
  QComboBox* box = makeChooser("mapMeasure", name, name, parent);
  addChoice(box, tr("Largest"), Measure::Maximum);
  addChoice(box, tr("RMS"), Measure::Rms);
  addChoice(box, tr("Mean"), Measure::Mean);
  showChoice(box, measure_);
  connect(box, &QComboBox::currentIndexChanged, this,
          [this, box](int index) { setMeasure(choiceAt<Measure>(box, index)); });
  return {box};
}

void ErrorMapPlot::setMeasure(Measure measure) {
  measure_ = measure;
  showPlane(true);
}

void ErrorMapPlot::showPlane(bool keepZoom) {
  selectedChanged();
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
  const bool withSelected = !lit_.empty();
  if (withSelected) table.header << QStringLiteral("selected");
  for (std::size_t row = 0; row < map().cellRows; ++row) {
    for (std::size_t col = 0; col < map().cellCols; ++col) {
      const IndexRange rows = map().rowsOf(row);
      const IndexRange groups = map().groupsOf(col);
      const std::size_t i = indexOf({row, col});
      table.rows.append(
          {static_cast<double>(rows.first), static_cast<double>(rows.first + rows.size - 1),
           static_cast<double>(groups.first), static_cast<double>(groups.first + groups.size - 1),
           map().maximum[i], map().rms[i], map().mean[i]});
      if (withSelected) table.rows.last().append(static_cast<double>(selected()->cells[i]));
    }
  }
  return table;
}

QString ErrorMapPlot::axisKey() const {
  return hasData() ? groupAxisKey(map().layout) : QString();
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
  const MapView view{&map(), pixels, lower, upper};
  QImage image = shadedImage(view, reducedPlane(view, plane()), largest_);
  if (!lit_.empty()) fade(image, reducedPlane(view, lit_), theme().background);
  painter.drawImage(target, image);
}

/// Cells with selected weights keep their colour, the more of them the better; the others fade.
void ErrorMapPlot::selectedChanged() {
  lit_.clear();
  const SelectedWeights* chosen = selected();
  if (chosen == nullptr || chosen->count == 0 || !hasData()) return;
  if (chosen->cells.size() != map().maximum.size() || chosen->spec != detail_->spec) return;
  const std::uint64_t most = *std::max_element(chosen->cells.begin(), chosen->cells.end());
  constexpr float kLeast = 0.4F;  // of a cell with a single one
  for (const std::uint64_t count : chosen->cells) {
    const float share = static_cast<float>(count) / static_cast<float>(most);
    lit_.push_back(count == 0 ? 0 : kLeast + (1 - kLeast) * std::sqrt(share));
  }
}

/// The frame of a selection by place.
void ErrorMapPlot::drawRegion(QPainter& painter, const Frame& frame) const {
  const auto* region = selection() ? std::get_if<Region>(&*selection()) : nullptr;
  if (region == nullptr) return;
  const GroupLayout& layout = map().layout;
  const std::vector<IndexRange> allRows = {{0, layout.rows}};
  const std::vector<IndexRange> allColumns = {{0, layout.cols}};
  const auto& rows = region->rows.empty() ? allRows : region->rows;
  const auto& columns = region->columns.empty() ? allColumns : region->columns;
  constexpr std::size_t kMostFrames = 64;  // more would only hide the map
  if (rows.size() * columns.size() > kMostFrames) return;
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setBrush(Qt::NoBrush);
  const auto across = [&](std::size_t column) {
    return frame.xToPixel(static_cast<double>(column) / static_cast<double>(layout.groupSize));
  };
  for (const IndexRange& r : rows) {
    for (const IndexRange& c : columns) {
      const QRectF box(
          QPointF(across(c.first), frame.yToPixel(static_cast<double>(r.first))),
          QPointF(across(c.first + c.size), frame.yToPixel(static_cast<double>(r.first + r.size))));
      painter.setPen(QPen(theme().background, 4));
      painter.drawRect(box);
      painter.setPen(QPen(theme().selected, 2));
      painter.drawRect(box);
    }
  }
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
  constexpr int kMostWidth = 90;
  constexpr int kLeastWidth = 24;
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
  const QString what = measure_ == Measure::Maximum ? tr("largest |error|")
                       : measure_ == Measure::Rms   ? tr("RMS error")
                                                    : tr("mean |error|");
  const QString most = QStringLiteral("%1  %2").arg(valueText(largest_, locale()), what);
  write(QStringLiteral("0"));
  // The words come first where there is little room.
  const double room = strip.right() - x - kGap - metrics.horizontalAdvance(most) - 1;
  const int bar = std::clamp(static_cast<int>(room), kLeastWidth, kMostWidth);
  for (int i = 0; i < bar; ++i) {
    const int shade = i * (kMapShades - 1) / (bar - 1);
    painter.fillRect(QRectF(x + i, strip.center().y() - kHeight / 2, 1.5, kHeight),
                     QColor(mapShades()[static_cast<std::size_t>(shade)]));
  }
  x += bar + kGap;
  write(most);
}

// The cursor -------------------------------------------------------------------------------------

std::optional<ErrorMapPlot::Cell> ErrorMapPlot::cellAt(QPointF position) const {
  const auto item = itemAt(position, false);
  if (!item) return std::nullopt;
  return Cell{static_cast<std::size_t>(item->y()), static_cast<std::size_t>(item->x())};
}

void ErrorMapPlot::hoverAt(QPointF position) {
  showCell(cellAt(position));
}

void ErrorMapPlot::clearHover() {
  showCell(std::nullopt);
}

bool ErrorMapPlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  moveCursor(direction * (modifiers.testFlag(Qt::ControlModifier) ? kBigStep : 1), 0);
  return true;
}

bool ErrorMapPlot::stepCursorDown(int direction, Qt::KeyboardModifiers modifiers) {
  moveCursor(0, direction * (modifiers.testFlag(Qt::ControlModifier) ? kBigStep : 1));
  return true;
}

std::optional<BrushPlot::Item> ErrorMapPlot::itemAt(QPointF position, bool nearest) const {
  const double group = std::floor(xAt(position.x()));
  const double row = std::floor(canvas().yAxis->pixelToCoord(position.y()));
  const double lastGroup = fullRange().second - 1;
  const double lastRow = static_cast<double>(map().layout.rows) - 1;
  if (!nearest && (group < 0 || row < 0 || group > lastGroup || row > lastRow)) {
    return std::nullopt;
  }
  const auto place = [](double index, double last, std::size_t perCell) {
    return static_cast<int>(static_cast<std::size_t>(std::clamp(index, 0.0, last)) / perCell);
  };
  return Item(place(group, lastGroup, map().groupsPerCell), place(row, lastRow, map().rowsPerCell));
}

std::optional<BrushPlot::Item> ErrorMapPlot::cursorItem() const {
  if (!cell_ || !hasData()) return std::nullopt;
  return Item(static_cast<int>(cell_->col), static_cast<int>(cell_->row));
}

BrushPlot::Item ErrorMapPlot::itemOfRow(std::size_t row) const {
  return {static_cast<int>(row % map().cellCols), static_cast<int>(row / map().cellCols)};
}

std::optional<std::size_t> ErrorMapPlot::cursorRow() const {
  if (!cell_ || !hasData()) return std::nullopt;
  return indexOf(*cell_);
}

std::optional<Selection> ErrorMapPlot::selectionOf(Item first, Item last) const {
  const auto joined = [](IndexRange from, IndexRange to) {
    return IndexRange{from.first, to.first + to.size - from.first};
  };
  const auto row = [](Item item) { return static_cast<std::size_t>(item.y()); };
  const auto col = [](Item item) { return static_cast<std::size_t>(item.x()); };
  return Region{{joined(map().rowsOf(row(first)), map().rowsOf(row(last)))},
                {joined(map().columnsOf(col(first)), map().columnsOf(col(last)))}};
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
  setHoverText(cursorText());
}

QString ErrorMapPlot::cursorText() const {
  return cursorItem() ? cellLines(*cell_).join(QStringLiteral(", ")) : QString();
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
  if (!lit_.empty() && selected()->cells[i] > 0) lines << selectedText(selected()->cells[i]);
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
  const bool enter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
  if (enter && isShowing() && cell_) return chooseCell(*cell_);
  BrushPlot::keyPressEvent(event);
}

void ErrorMapPlot::mousePressEvent(QMouseEvent* event) {
  pressedAt_ = event->position();
  BrushPlot::mousePressEvent(event);
}

void ErrorMapPlot::mouseReleaseEvent(QMouseEvent* event) {
  BrushPlot::mouseReleaseEvent(event);
  const QPointF position = onCanvas(event->position());
  const double moved = QLineF(event->position(), pressedAt_).length();
  if (event->button() != Qt::LeftButton || moved >= QApplication::startDragDistance()) return;
  if (!isShowing() || !plottedArea().contains(position)) return;
  if (event->modifiers().testFlag(Qt::ShiftModifier)) return;  // chose weights
  if (const auto cell = cellAt(position)) chooseCell(*cell);
}

}  // namespace quantoscope::ui
