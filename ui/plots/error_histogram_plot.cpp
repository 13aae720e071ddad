#include "ui/plots/error_histogram_plot.h"

#include <cmath>

#include <QtGui/QPainter>

namespace quantoscope::ui {

namespace {

QString notFiniteMessage(const TensorHealth& health, const QLocale& locale) {
  return QStringLiteral(
             "This tensor has %1 NaN and %2 infinite values: it cannot be quantized, so there is "
             "no "
             "error to show")
      .arg(countText(health.nan, locale), countText(health.inf, locale));
}

}  // namespace

ErrorHistogramPlot::ErrorHistogramPlot(QWidget* parent)
    : HistogramPlot(tr("Error histogram"), tr("Error"), QStringLiteral("error"),
                    tr("Error (dequantized − original), weight units"), parent) {
  setEmptyText(tr("Open a file to see the error of its weights"));
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawMarks(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawHalfStepLegend(painter); },
      false);
  styleCanvas();
  ErrorHistogramPlot::applyTheme();
  setHistogram({}, true, false);
}

void ErrorHistogramPlot::setResult(SharedResult result) {
  const bool sameTensor = result && result_ && result->info.name == result_->info.name;
  result_ = std::move(result);
  setSubject(result_ ? QString::fromStdString(result_->info.name + ", " + describe(result_->spec))
                     : QString());
  const bool shown = result_ && result_->errorHistogram;
  setHistogram(shown ? *result_->errorHistogram : Histogram{}, true, sameTensor);
  if (result_ && !shown) setFailure(notFiniteMessage(result_->health, locale()));
}

void ErrorHistogramPlot::setPercentiles(std::vector<Percentile> percentiles) {
  if (percentiles == percentiles_) return;
  percentiles_ = std::move(percentiles);
  redraw();
}

void ErrorHistogramPlot::drawPercentiles(QPainter& painter, const Frame& frame) const {
  painter.setFont(smallFont());
  const QFontMetricsF metrics(painter.font());
  double taken = frame.xToPixel(0);  // labels stand on the right; those that would overlap do not
  for (const Percentile& percentile : percentiles_) {
    painter.setPen(QPen(theme().mutedText, 1, Qt::DotLine));
    for (const double x : {-percentile.value, percentile.value}) {
      const double pixel = std::round(frame.xToPixel(x)) + 0.5;
      painter.drawLine(QPointF(pixel, frame.area.top()), QPointF(pixel, frame.area.bottom()));
    }
    const QString label = tr("%1 %").arg(valueText(percentile.percent, locale()));
    const double left = frame.xToPixel(percentile.value) + 3;
    const double width = metrics.horizontalAdvance(label) + 1;
    if (left < taken || left + width > frame.area.right()) continue;
    const QRectF box(left, frame.area.top() + 1, width, metrics.height());
    painter.fillRect(box, theme().background);
    painter.setPen(theme().mutedText);
    painter.drawText(box, Qt::AlignCenter, label);
    taken = left + width + 4;
  }
}

QString ErrorHistogramPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  QString text = tr("Errors of %1: %2 values between %3 and %4")
                     .arg(subject(), countText(histogram().total(), locale()),
                          valueText(histogram().lo, locale()), valueText(histogram().hi, locale()));
  if (result_->metrics && std::isfinite(result_->metrics->sqnrDb)) {
    text += tr(", mean squared error %1, SQNR %2")
                .arg(valueText(result_->metrics->mse, locale()),
                     decibelText(result_->metrics->sqnrDb, locale()));
  }
  return text;
}

void ErrorHistogramPlot::applyTheme() {
  setSeriesColor(theme().error);
  styleOverlays();
}

void ErrorHistogramPlot::drawMarks(QPainter& painter, const Frame& frame) const {
  const auto drawLine = [&](double x, const QPen& pen) {
    const double pixel = std::round(frame.xToPixel(x)) + 0.5;
    painter.setPen(pen);
    painter.drawLine(QPointF(pixel, frame.area.top()), QPointF(pixel, frame.area.bottom()));
  };
  QColor zero = theme().zeroLine;
  zero.setAlphaF(0.4F);  // the bin of the exact zeros must shine through
  drawLine(0, QPen(zero, 1));

  drawPercentiles(painter, frame);
  const std::optional<double> half = halfStep(*result_);
  if (!half) return;
  const QPen dashes(theme().level, 1, Qt::DashLine);
  drawLine(-*half, dashes);
  drawLine(*half, dashes);
}

void ErrorHistogramPlot::drawHalfStepLegend(QPainter& painter) const {
  QVector<LegendEntry> entries = overlayLegend();
  if (halfStep(*result_)) {
    entries.append({LegendEntry::Kind::Dashes, theme().level,
                    tr("± half a step of %1").arg(groupText(*result_, locale()))});
  }
  drawLegend(painter, entries);
}

}  // namespace quantoscope::ui
