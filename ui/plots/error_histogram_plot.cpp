#include "ui/plots/error_histogram_plot.h"

#include <cmath>

#include <QtGui/QAction>
#include <QtGui/QPainter>
#include <QtWidgets/QCheckBox>
#include <qcustomplot.h>

#include "ui/plots/choices.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

QString notFiniteMessage(const TensorHealth& health, const QLocale& locale) {
  return QStringLiteral(
             "This tensor has %1 NaN and %2 infinite values: it cannot be quantized, so there is "
             "no "
             "error to show")
      .arg(countText(health.nan, locale), countText(health.inf, locale));
}

void drawVertical(QPainter& painter, const QRectF& area, double pixel) {
  painter.drawLine(QPointF(pixel, area.top()), QPointF(pixel, area.bottom()));
}

}  // namespace

ErrorHistogramPlot::ErrorHistogramPlot(QWidget* parent)
    : HistogramPlot(tr("Error histogram"), {}, {}, {}, parent) {
  setEmptyText(tr("Open a file to see the error of its weights"));
  createActions();
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawMarks(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawPercentiles(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawErrorLegend(painter); }, false);
  nameQuantity();
  styleCanvas();
  ErrorHistogramPlot::applyTheme();
  setHistogram({}, {.symmetric = true});
}

void ErrorHistogramPlot::createActions() {
  auto* next = new QAction(tr("Next &unit of errors"), this);
  next->setShortcut(Qt::Key_U);
  connect(next, &QAction::triggered, this, [this] {
    setUnit(static_cast<ErrorUnit>((static_cast<std::size_t>(unit_) + 1) % kErrorUnits.size()));
  });
  addPlotAction(next);
  magnitudesAction_ = new QAction(tr("&Absolute errors"), this);
  magnitudesAction_->setCheckable(true);
  magnitudesAction_->setShortcut(Qt::Key_A);
  connect(magnitudesAction_, &QAction::toggled, this, &ErrorHistogramPlot::setMagnitudes);
  addPlotAction(magnitudesAction_);
}

// What is shown ----------------------------------------------------------------------------------

void ErrorHistogramPlot::setResult(SharedResult result) {
  const bool sameTensor = result && result_ && result->info.name == result_->info.name;
  result_ = std::move(result);
  if (!sameTensor) detail_ = nullptr;
  setSubject(result_ ? shownText(result_->info.name + ", " + describe(result_->spec)) : QString());
  arrange(sameTensor);
}

void ErrorHistogramPlot::setDetail(SharedDetail detail) {
  if (detail == detail_) return;
  if (detail && result_ && detail->info.name != result_->info.name) return;
  detail_ = std::move(detail);
  arrange(true);
}

void ErrorHistogramPlot::setUnit(ErrorUnit unit) {
  if (unit == unit_) return;
  unit_ = unit;
  nameQuantity();
  arrange(false);
  Q_EMIT unitChanged(unit);
}

void ErrorHistogramPlot::setMagnitudes(bool on) {
  if (on == magnitudes_) return;
  magnitudes_ = on;
  magnitudesAction_->setChecked(on);
  nameQuantity();
  arrange(false);
  Q_EMIT magnitudesChanged(on);
}

void ErrorHistogramPlot::setPins(std::vector<PinOverlay> pins) {
  pins_ = std::move(pins);
  if (hasData()) arrangeOverlays();  // else a message may be shown, which must stay
}

std::vector<QWidget*> ErrorHistogramPlot::makeControls(QWidget* parent) {
  QComboBox* units = makeChooser("errorUnit", tr("Unit of errors"),
                                 tr("Errors in weight units, in steps of each group's scale, or "
                                    "relative to the weights"),
                                 parent);
  addChoice(units, tr("Weight units"), ErrorUnit::Weight);
  addChoice(units, tr("Steps"), ErrorUnit::Step);
  addChoice(units, tr("Relative"), ErrorUnit::Relative);
  showChoice(units, unit_);
  connect(units, &QComboBox::currentIndexChanged, this,
          [this, units](int index) { setUnit(choiceAt<ErrorUnit>(units, index)); });
  connect(this, &ErrorHistogramPlot::unitChanged, units,
          [units](ErrorUnit unit) { showChoice(units, unit); });

  auto* magnitudes = new QCheckBox(tr("Absolute"), parent);
  magnitudes->setObjectName(QStringLiteral("errorMagnitudes"));
  magnitudes->setAccessibleName(tr("Absolute errors"));
  magnitudes->setToolTip(tr("Count the magnitudes of errors"));
  magnitudes->setChecked(magnitudes_);
  connect(magnitudes, &QCheckBox::toggled, this, &ErrorHistogramPlot::setMagnitudes);
  connect(this, &ErrorHistogramPlot::magnitudesChanged, magnitudes, &QCheckBox::setChecked);
  return {units, magnitudes};
}

bool ErrorHistogramPlot::detailFits() const {
  return result_ && detail_ && result_->metrics && !result_->preview &&
         detail_->info.name == result_->info.name && detail_->spec == result_->spec;
}

bool ErrorHistogramPlot::awaitsDetail() const {
  return unit_ != ErrorUnit::Weight && result_ && result_->metrics && !detailFits();
}

/// That of the chosen unit, if what is shown is drawn from it.
const ErrorDistribution* ErrorHistogramPlot::distribution() const {
  if (!detail_ || !result_ || !result_->metrics) return nullptr;
  if (unit_ == ErrorUnit::Weight && !detailFits()) return nullptr;
  const auto& all = detail_->report.distributions;
  const auto index = static_cast<std::size_t>(unit_);
  return index < all.size() ? &all[index] : nullptr;
}

void ErrorHistogramPlot::arrange(bool keepZoom) {
  const ErrorDistribution* known = distribution();
  Histogram all;
  Histogram clipped;
  if (known != nullptr) {
    all = known->all;
    clipped = known->clipped;
  } else if (unit_ == ErrorUnit::Weight && result_ && result_->errorHistogram) {
    all = *result_->errorHistogram;
  }
  if (magnitudes_) {
    all = folded(all);
    clipped = folded(clipped);
  }
  setEmptyText(awaitsDetail() ? tr("The errors appear here in this unit once they are measured")
                              : tr("Open a file to see the error of its weights"));
  setPart(tr("clipped"), std::move(clipped));
  setHistogram(std::move(all), {.symmetric = !magnitudes_, .keepZoom = keepZoom});
  arrangeOverlays();
  if (result_ && !result_->errorHistogram) {
    setFailure(notFiniteMessage(result_->health, locale()));
  }
}

void ErrorHistogramPlot::arrangeOverlays() {
  std::vector<Overlay> shown;
  const auto unit = static_cast<std::size_t>(unit_);
  for (const PinOverlay& pin : pins_) {
    if (!hasData()) break;
    const Histogram* errors = nullptr;
    if (unit_ == ErrorUnit::Weight) {
      errors = &pin.errors;
    } else if (pin.detail && unit < pin.detail->report.distributions.size()) {
      errors = &pin.detail->report.distributions[unit].all;
    }
    if (errors == nullptr || errors->counts.empty()) continue;
    shown.push_back({pin.name, magnitudes_ ? folded(*errors) : *errors, pin.color});
  }
  setOverlays(std::move(shown));
}

void ErrorHistogramPlot::nameQuantity() {
  const QString units[] = {tr("weight units"), tr("steps of the group's scale"),
                           tr("relative to the weight")};
  const QString columns[] = {QStringLiteral("error"), QStringLiteral("error_steps"),
                             QStringLiteral("relative_error")};
  const QString names[] = {tr("Error"), tr("Error in steps"), tr("Relative error")};
  const auto index = static_cast<std::size_t>(unit_);
  const QString label = magnitudes_ ? tr("Absolute error (|dequantized − original|), %1")
                                    : tr("Error (dequantized − original), %1");
  setQuantity(magnitudes_ ? QStringLiteral("|%1|").arg(names[index]) : names[index],
              magnitudes_ ? QStringLiteral("abs_") + columns[index] : columns[index],
              label.arg(units[index]));
}

QString ErrorHistogramPlot::axisKey() const {
  const bool signedWeights = unit_ == ErrorUnit::Weight && !magnitudes_;
  return signedWeights ? QStringLiteral("error") : QString();
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
  const ErrorDistribution* known = distribution();
  if (known == nullptr) return text;
  for (const Percentile& percentile : known->percentiles) {
    text += tr(", %1 % within ±%2")
                .arg(locale().toString(percentile.percent), valueText(percentile.value, locale()));
  }
  text += tr(", %1 of clipped weights").arg(countText(known->clipped.total(), locale()));
  if (known->undefined > 0) {
    text += tr(", %1 without a relative error").arg(countText(known->undefined, locale()));
  }
  return text;
}

Histogram ErrorHistogramPlot::selectedBins(const SelectedWeights& selected) const {
  const Histogram& errors = selected.errorsByUnit[static_cast<std::size_t>(unit_)];
  return magnitudes_ ? folded(errors) : errors;
}

std::optional<Selection> ErrorHistogramPlot::selectionOf(Item first, Item last) const {
  return ErrorRange{unit_, magnitudes_,
                    BinRange::of(histogram(), static_cast<std::size_t>(first.x()),
                                 static_cast<std::size_t>(last.x()))};
}

// Drawing ----------------------------------------------------------------------------------------

void ErrorHistogramPlot::applyTheme() {
  setSeriesColor(theme().error);
  setPartColor(theme().cursor);
  styleOverlays();
}

std::optional<double> ErrorHistogramPlot::halfStepInUnit() const {
  const std::optional<double> half = halfStep(*result_);
  if (!half || unit_ == ErrorUnit::Weight) return half;
  return unit_ == ErrorUnit::Step ? std::optional(0.5) : std::nullopt;
}

void ErrorHistogramPlot::drawMarks(QPainter& painter, const Frame& frame) const {
  const auto drawLine = [&](double x, const QPen& pen) {
    painter.setPen(pen);
    drawVertical(painter, frame.area, std::round(frame.xToPixel(x)) + 0.5);
  };
  QColor zero = theme().zeroLine;
  zero.setAlphaF(0.4F);  // the bin of the exact zeros must shine through
  drawLine(0, QPen(zero, 1));

  const std::optional<double> half = halfStepInUnit();
  if (!half) return;
  const QPen dashes(theme().level, 1, Qt::DashLine);
  if (!magnitudes_) drawLine(-*half, dashes);
  drawLine(*half, dashes);
}

/// A dotted line a percentile, on both sides of a signed histogram, each with a label in a line of
/// its own, since they often stand close.
void ErrorHistogramPlot::drawPercentiles(QPainter& painter, const Frame& frame) const {
  const ErrorDistribution* known = distribution();
  if (known == nullptr) return;
  const QFont small = canvas().xAxis->tickLabelFont();
  const QFontMetricsF metrics(small);
  painter.setFont(small);
  double top = frame.area.top() + 2;
  for (const Percentile& percentile : known->percentiles) {
    painter.setPen(QPen(theme().text, 1, Qt::DotLine));
    const double right = std::round(frame.xToPixel(percentile.value)) + 0.5;
    drawVertical(painter, frame.area, right);
    if (!magnitudes_) {
      drawVertical(painter, frame.area, std::round(frame.xToPixel(-percentile.value)) + 0.5);
    }
    const QString label = tr("%1 %").arg(locale().toString(percentile.percent));
    QRectF box(right + 3, top, metrics.horizontalAdvance(label) + 6, metrics.height());
    if (box.right() > frame.area.right()) box.moveRight(right - 3);
    QColor behind = theme().background;
    if (!theme().highContrast) behind.setAlphaF(0.75F);
    painter.fillRect(box, behind);
    painter.setPen(theme().text);
    painter.drawText(box, Qt::AlignCenter, label);
    top += metrics.height() + 1;
  }
}

void ErrorHistogramPlot::drawErrorLegend(QPainter& painter) const {
  QVector<LegendEntry> entries = selectedLegend() + overlayLegend();
  if (const ErrorDistribution* known = distribution()) {
    const double share =
        static_cast<double>(known->clipped.total()) / static_cast<double>(known->all.total());
    entries.append({LegendEntry::Kind::Area, theme().cursor,
                    tr("clipped: %1").arg(percentText(share, locale()))});
  }
  if (halfStepInUnit()) {
    entries.append({LegendEntry::Kind::Dashes, theme().level, tr("± half a step")});
  }
  if (distribution() != nullptr) {
    entries.append({LegendEntry::Kind::Dashes, theme().text, tr("percentiles")});
  }
  drawLegend(painter, entries);
}

}  // namespace quantoscope::ui
