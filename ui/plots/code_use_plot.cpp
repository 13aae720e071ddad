#include "ui/plots/code_use_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

constexpr double kBarWidth = 0.8;  // of the room of a code

double shareIn(const AnalysisDetail& detail, std::size_t code) {
  const double all = static_cast<double>(detail.info.rows) * static_cast<double>(detail.info.cols);
  return static_cast<double>(detail.report.codes->codes[code].count) / all;
}

}  // namespace

CodeUsePlot::CodeUsePlot(QWidget* parent) : SequencePlot(tr("Use of codes"), parent) {
  setEmptyText(tr("Open a file to see which codes its weights use"));
  canvas().xAxis->setLabel(tr("Code, by what it decodes to"));
  canvas().xAxis->setTickLabels(false);
  canvas().xAxis->setTicks(false);
  canvas().xAxis->grid()->setVisible(false);
  canvas().yAxis->setLabel(tr("Share of weights (%)"));
  canvas().yAxis->setTicker(valueTicker());
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawBars(painter, frame); });
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawPins(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawVerdict(painter); }, false);
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  addBrush();
  styleCanvas();
  dataChanged(false);
}

void CodeUsePlot::setDetail(SharedDetail detail) {
  if (detail == detail_) return;
  detail_ = std::move(detail);
  dataChanged(false);
}

void CodeUsePlot::setPins(std::vector<PinOverlay> pins) {
  pins_ = std::move(pins);
  if (!hasData()) return;  // a message may be shown, which must stay
  dataChanged(true);
  redraw();
}

bool CodeUsePlot::isComparable(const PinOverlay& pin) const {
  return pin.detail && pin.detail->report.codes &&
         pin.detail->report.codes->codes.size() == use().codes.size();
}

void CodeUsePlot::drawPins(QPainter& painter, const Frame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (const PinOverlay& pin : pins_) {
    if (!isComparable(pin)) continue;
    painter.setPen(pinPen(theme(), pin.color));
    for (std::size_t i = 0; i < use().codes.size(); ++i) {
      const auto x = static_cast<double>(i);
      const double y = frame.yToPixel(100 * shareIn(*pin.detail, i));
      painter.drawLine(QPointF(frame.xToPixel(x - 0.5), y), QPointF(frame.xToPixel(x + 0.5), y));
    }
  }
}

bool CodeUsePlot::hasData() const {
  return detail_ && detail_->report.codes && !use().codes.empty();
}

double CodeUsePlot::shareOf(std::size_t code) const {
  return shareIn(*detail_, code);
}

std::uint64_t CodeUsePlot::selectedOf(std::size_t code) const {
  if (selected() == nullptr || selected()->spec != detail_->spec) return 0;
  return code < selected()->codes.size() ? selected()->codes[code] : 0;
}

Plot::Table CodeUsePlot::table() const {
  Table table{{QStringLiteral("code"), QStringLiteral("level"), QStringLiteral("count"),
               QStringLiteral("share")},
              {}};
  if (!hasData()) return table;
  if (selected() != nullptr) table.header << QStringLiteral("selected");
  for (std::size_t i = 0; i < use().codes.size(); ++i) {
    const CodeUse::Code& code = use().codes[i];
    table.rows.append(
        {static_cast<double>(code.code), code.level, static_cast<double>(code.count), shareOf(i)});
    if (selected() != nullptr) table.rows.last().append(static_cast<double>(selectedOf(i)));
  }
  return table;
}

QString CodeUsePlot::verdict() const {
  const QString entropy = tr("entropy %1 of %2 bits")
                              .arg(valueText(use().entropyBits, locale(), 3),
                                   countText(static_cast<std::uint64_t>(use().bits), locale()));
  const QString all = countText(use().codes.size(), locale());
  if (use().unused == 0) return tr("All %1 codes are used, %2").arg(all, entropy);
  return tr("%1 of %2 codes unused, %3").arg(countText(use().unused, locale()), all, entropy);
}

QString CodeUsePlot::summary() const {
  if (!failure().isEmpty()) return failure();
  return hasData() ? verdict() : tr("No data");
}

void CodeUsePlot::applyTheme() {}

std::pair<double, double> CodeUsePlot::fullRange() const {
  return {-0.5, static_cast<double>(use().codes.size()) - 0.5};
}

double CodeUsePlot::narrowestRange() const {
  return std::min(4.0, static_cast<double>(use().codes.size()));
}

void CodeUsePlot::fitVertically(double lower, double upper) {
  double largest = 0;
  for (std::size_t i = 0; i < use().codes.size(); ++i) {
    const auto x = static_cast<double>(i);
    if (x + 0.5 < lower || x - 0.5 > upper) continue;
    largest = std::max(largest, shareOf(i));
    for (const PinOverlay& pin : pins_) {
      if (isComparable(pin)) largest = std::max(largest, shareIn(*pin.detail, i));
    }
  }
  canvas().yAxis->setRange(0, largest > 0 ? 108 * largest : 1);
}

void CodeUsePlot::drawBars(QPainter& painter, const Frame& frame) const {
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (std::size_t i = 0; i < use().codes.size(); ++i) {
    const auto x = static_cast<double>(i);
    const double left = frame.xToPixel(x - kBarWidth / 2);
    const double width = std::max(1.0, frame.xToPixel(x + kBarWidth / 2) - left);
    if (use().codes[i].count == 0) {  // a hollow mark on the axis
      painter.setPen(QPen(theme().cursor, 1.5));
      painter.setBrush(Qt::NoBrush);
      painter.drawRect(QRectF(left, frame.area.bottom() - 5, width, 5));
      continue;
    }
    const double top = frame.yToPixel(100 * shareOf(i));
    painter.fillRect(QRectF(left, top, width, frame.area.bottom() + 1 - top), theme().weight);
    if (selectedOf(i) == 0) continue;
    // Narrower than the bar, and never less than can be seen.
    const double share =
        shareOf(i) * static_cast<double>(selectedOf(i)) / static_cast<double>(use().codes[i].count);
    const double selectedTop = std::min(frame.yToPixel(100 * share), frame.area.bottom() - 2);
    const double inset = width / 5;
    painter.fillRect(QRectF(left + inset, selectedTop, std::max(1.0, width - 2 * inset),
                            frame.area.bottom() + 1 - selectedTop),
                     theme().selected);
  }
}

void CodeUsePlot::drawVerdict(QPainter& painter) const {
  painter.setFont(canvas().xAxis->labelFont());
  painter.setPen(theme().mutedText);
  const QFontMetricsF metrics(painter.font());
  painter.drawText(topStrip(), Qt::AlignLeft | Qt::AlignVCenter,
                   metrics.elidedText(verdict(), Qt::ElideRight, topStrip().width()));
}

// The cursor -------------------------------------------------------------------------------------

std::optional<Selection> CodeUsePlot::selectionOf(Item first, Item last) const {
  CodeSet set;
  for (int i = first.x(); i <= last.x(); ++i) {
    set.codes.push_back(use().codes[static_cast<std::size_t>(i)].code);
  }
  return set;
}

std::size_t CodeUsePlot::itemCount() const {
  return use().codes.size();
}

double CodeUsePlot::placeAt(double x) const {
  return std::floor(x + 0.5);
}

double CodeUsePlot::middleOf(std::size_t code) const {
  return static_cast<double>(code);
}

QStringList CodeUsePlot::linesOf(std::size_t code) const {
  const CodeUse::Code& shown = use().codes[code];
  QStringList lines = {
      tr("Code %1, level %2").arg(shown.code).arg(valueText(shown.level, locale())),
      tr("%1 weights (%2)")
          .arg(countText(shown.count, locale()), percentText(shareOf(code), locale()))};
  if (selectedOf(code) > 0) lines << selectedText(selectedOf(code));
  for (const PinOverlay& pin : pins_) {
    if (!isComparable(pin)) continue;
    lines << tr("%1: %2").arg(pin.name, percentText(shareIn(*pin.detail, code), locale()));
  }
  return lines;
}

void CodeUsePlot::drawHover(QPainter& painter, const Frame& frame) const {
  const auto place = cursorPlace();
  if (!place) return;
  const auto x = static_cast<double>(*place);
  const double left = frame.xToPixel(x - 0.5);
  const double right = frame.xToPixel(x + 0.5);
  painter.fillRect(QRectF(left, frame.area.top(), right - left, frame.area.height()), theme().band);
  drawCallout(painter, frame.area,
              QPointF((left + right) / 2, frame.yToPixel(100 * shareOf(*place))), linesOf(*place));
}

}  // namespace quantoscope::ui
