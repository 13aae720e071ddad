#include "ui/plots/difference_plot.h"

#include <cmath>

#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/plots/pin_overlay.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

DifferencePlot::DifferencePlot(QWidget* parent)
    : HistogramPlot(tr("Difference of errors"), tr("Difference"), QStringLiteral("difference"),
                    tr("|error| of the first − |error| of the second, weight units"), parent) {
  setEmptyText(tr("Pin settings to compare others with them"));
  addDrawing(Layer::Shade,
             [this](QPainter& painter, const Frame& frame) { drawHalves(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawZero(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawSides(painter, frame); });
  styleCanvas();
  DifferencePlot::applyTheme();
  setHistogram({}, {.symmetric = true});
}

void DifferencePlot::setAnswer(SharedWinRate answer, const Side& first, const Side& second) {
  const bool sameTensor = answer && answer_ && answer->info.name == answer_->info.name;
  answer_ = std::move(answer);
  first_ = first;
  second_ = second;
  setSubject(
      answer_ ? tr("%1, %2 against %3").arg(shownName(answer_->info.name), first.name, second.name)
              : QString());
  setHistogram(answer_ ? answer_->difference : Histogram{},
               {.symmetric = true, .keepZoom = sameTensor});
  redraw();
}

QString DifferencePlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  const auto share = [this](std::uint64_t part) {
    return percentText(static_cast<double>(part) / static_cast<double>(answer_->weights), locale());
  };
  return tr("%1: %2 of the weights are nearer with %3, %4 with %5, %6 are equally near")
      .arg(subject(), share(answer_->firstNearer), first_.name, share(answer_->secondNearer),
           second_.name, share(answer_->weights - answer_->firstNearer - answer_->secondNearer));
}

void DifferencePlot::applyTheme() {
  setSeriesColor(theme().error);
}

QColor DifferencePlot::colorOf(const Side& side) const {
  return side.color < 0 ? theme().text : pinColor(theme(), side.color);
}

void DifferencePlot::drawHalves(QPainter& painter, const Frame& frame) const {
  const double share = theme().highContrast ? 0.25 : 0.1;
  const double zero = std::clamp(frame.xToPixel(0), frame.area.left(), frame.area.right());
  painter.fillRect(QRectF(frame.area.topLeft(), QPointF(zero, frame.area.bottom())),
                   mixed(colorOf(first_), theme().background, share));
  painter.fillRect(QRectF(QPointF(zero, frame.area.top()), frame.area.bottomRight()),
                   mixed(colorOf(second_), theme().background, share));
}

void DifferencePlot::drawZero(QPainter& painter, const Frame& frame) const {
  const double x = std::round(frame.xToPixel(0)) + 0.5;
  painter.setPen(QPen(theme().zeroLine, 1));
  painter.drawLine(QPointF(x, frame.area.top()), QPointF(x, frame.area.bottom()));
}

void DifferencePlot::drawSides(QPainter& painter, const Frame& frame) const {
  painter.setFont(canvas().xAxis->labelFont());
  const QFontMetricsF metrics(painter.font());
  const double width = frame.area.width() / 2 - 12;
  const auto draw = [&](const Side& side, std::uint64_t nearer, double left, Qt::Alignment align) {
    const double share = static_cast<double>(nearer) / static_cast<double>(answer_->weights);
    const QRectF box(left, frame.area.top() + 4, width, metrics.height());
    painter.setPen(theme().text);
    painter.drawText(
        box, align | Qt::AlignVCenter,
        metrics.elidedText(tr("%1 nearer: %2").arg(percentText(share, locale()), side.name),
                           Qt::ElideRight, width));
    painter.fillRect(QRectF(left, box.bottom() + 2, width, 3), colorOf(side));
  };
  draw(first_, answer_->firstNearer, frame.area.left() + 6, Qt::AlignLeft);
  draw(second_, answer_->secondNearer, frame.area.center().x() + 6, Qt::AlignRight);
}

}  // namespace quantoscope::ui
