#include "ui/plots/clip_curve_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <QtGui/QAction>
#include <QtGui/QKeyEvent>
#include <QtGui/QMouseEvent>
#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "core/metrics/error_metrics.h"
#include "ui/plots/axis_tickers.h"

namespace quantoscope::ui {

namespace {

constexpr double kGrabDistance = 6;      // pixels
constexpr double kOptimumDistance = 10;  // pixels
constexpr double kWideSpan = 5;          // a factor: from here on the MSE is better logarithmic
constexpr double kManyDecades = 500;     // a factor: from here on ticks at powers of ten are enough
constexpr double kFineStep = 0.001;      // with Alt
constexpr double kDefaultLowest = 0.5;
constexpr int kMostGainTicks = 8;
constexpr double kSmallGap = 4;
constexpr double kSameRatio = 1e-9;  // grids are sums of doubles: a ratio in two grids may differ

/// The power of ten that brings numbers up to `largest` to a readable size; 1 where they are.
int readableExponent(double largest) {
  if (!(largest > 0) || !std::isfinite(largest)) return 0;
  const int exponent = static_cast<int>(std::floor(std::log10(largest)));
  return exponent < -2 || exponent > 4 ? exponent : 0;
}

std::uint64_t chosenAt(const ClipSpread& spread, double ratio) {
  for (std::size_t i = 0; i < spread.counts.size(); ++i) {
    if (std::abs(spread.ratios[i] - ratio) < kSameRatio) return spread.counts[i];
  }
  return 0;
}

}  // namespace

ClipCurvePlot::ClipCurvePlot(QWidget* parent) : Plot(tr("Clip curve"), parent) {
  setEmptyText(tr("Open a file to see what clipping its weights gains"));
  graph_ = canvas().addGraph();
  canvas().xAxis->setLabel(tr("Clip ratio"));
  canvas().xAxis->setTicker(valueTicker());
  canvas().yAxis2->setVisible(true);
  canvas().yAxis2->setLabel(tr("Gain (dB)"));

  logAction_ = new QAction(tr("&Log MSE"), this);
  logAction_->setCheckable(true);
  logAction_->setShortcut(Qt::Key_L);
  connect(logAction_, &QAction::triggered, this, &ClipCurvePlot::setLogError);
  addPlotAction(logAction_);
  measureAction_ = new QAction(tr("Show &SQNR"), this);
  measureAction_->setCheckable(true);
  measureAction_->setShortcut(Qt::Key_U);
  connect(measureAction_, &QAction::triggered, this,
          [this](bool on) { setMeasure(on ? Measure::Sqnr : Measure::Mse); });
  addPlotAction(measureAction_);

  addDrawing(Layer::Shade,
             [this](QPainter& painter, const Frame& frame) { drawWindow(painter, frame); });
  addDrawing(Layer::Shade,
             [this](QPainter& painter, const Frame& frame) { drawSpread(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawSpreadTotal(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawWindowLabel(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawVerdict(painter); }, false);
  addDrawing(
      Layer::Cursor, [this](QPainter& painter, const Frame& frame) { drawRatio(painter, frame); },
      false);
  // Over the line, which would otherwise cross out the optimum's label.
  addDrawing(Layer::Cursor,
             [this](QPainter& painter, const Frame& frame) { drawOptimum(painter, frame); });
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  styleCanvas();
  ClipCurvePlot::applyTheme();
  dataChanged(false);
}

void ClipCurvePlot::setCurve(std::shared_ptr<const ClipCurve> curve, RatioGrid window,
                             double signal) {
  // Told again with every move of the line, which must keep what is hovered.
  if (curve == curve_ && window == window_ && signal == signal_ && failure().isEmpty()) return;
  curve_ = std::move(curve);
  window_ = window;
  signal_ = signal;
  optimum_ = hasData() ? optimumIn(*curve_, window_) : std::nullopt;
  if (!logChosen_) logError_ = hasData() && spansWidely();
  updateGraph();
  dataChanged(true);
}

void ClipCurvePlot::setPins(std::vector<PinOverlay> pins) {
  pins_ = std::move(pins);
  std::erase_if(pins_, [](const PinOverlay& pin) { return !pin.curve; });
  while (pinGraphs_.size() > pins_.size()) {
    canvas().removeGraph(pinGraphs_.back());
    pinGraphs_.pop_back();
  }
  while (pinGraphs_.size() < pins_.size()) pinGraphs_.push_back(canvas().addGraph());
  stylePins();
  updateGraph();
  if (!hasData() || !failure().isEmpty()) return;  // a message may be shown, which must stay
  dataChanged(true);
  redraw();
}

void ClipCurvePlot::setSpread(SharedClipSpread spread) {
  if (spread == spread_) return;
  spread_ = std::move(spread);
  if (!hasData() || !failure().isEmpty()) return;
  dataChanged(true);
  redraw();
}

void ClipCurvePlot::setMeasure(Measure measure) {
  if (measure == measure_) return;
  measure_ = measure;
  updateGraph();
  if (hasData()) fitVertically(canvas().xAxis->range().lower, canvas().xAxis->range().upper);
  redraw();
  Q_EMIT measureChanged(measure);
}

void ClipCurvePlot::setCurrentRatio(double ratio, bool draggable) {
  if (dragging_ || stepping_) return;
  ratio_ = ratio;
  draggable_ = draggable;
  redraw(Layer::Cursor);
}

void ClipCurvePlot::chooseRatio(double ratio) {
  if (!draggable_ || dragging_ || stepping_) return;
  ratioBefore_ = ratio_;
  moveRatio(std::clamp(ratio, lowestRatio(), 1.0));
  finishMove();
}

void ClipCurvePlot::setLogError(bool on) {
  logChosen_ = true;
  if (on == logError_) return;
  logError_ = on;
  updateGraph();
  if (hasData()) fitVertically(canvas().xAxis->range().lower, canvas().xAxis->range().upper);
  redraw();
}

std::optional<double> ClipCurvePlot::optimumRatio() const {
  if (!optimum_) return std::nullopt;
  return optimum_->ratio;
}

double ClipCurvePlot::lowestRatio() const {
  if (!hasData()) return kDefaultLowest;
  return *std::min_element(curve_->ratios.begin(), curve_->ratios.end());
}

bool ClipCurvePlot::spansWidely() const {
  double least = curve_->mse.front();
  double most = 0;
  for (std::size_t i = 0; i < curve_->ratios.size(); ++i) {
    if (curve_->ratios[i] < std::min(window_.from, window_.to) - kFineStep) continue;
    least = std::min(least, curve_->mse[i]);
    most = std::max(most, curve_->mse[i]);
  }
  return least > 0 && most / least > kWideSpan;
}

Plot::Table ClipCurvePlot::table() const {
  Table table{{QStringLiteral("ratio"), QStringLiteral("mse"), QStringLiteral("gain_db")}, {}};
  if (!hasData()) return table;
  if (signal_ > 0) table.header << QStringLiteral("sqnr_db");
  if (spread_) table.header << QStringLiteral("chosen");
  for (std::size_t i = 0; i < curve_->ratios.size(); ++i) {
    QVector<double> row = {curve_->ratios[i], curve_->mse[i],
                           gainDb(curve_->unclippedMse, curve_->mse[i])};
    if (signal_ > 0) row << decibels(signal_, curve_->mse[i]);
    if (spread_) row << static_cast<double>(chosenAt(*spread_, curve_->ratios[i]));
    table.rows.append(row);
  }
  return table;
}

QString ClipCurvePlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  QString text = verdict();
  if (optimum_) {
    text += tr(". The best ratio of the %1 is %2 with a mean squared error of %3")
                .arg(windowText(window_, locale()), ratioText(optimum_->ratio, locale()),
                     valueText(optimum_->mse, locale()));
  }
  return text;
}

// The view ---------------------------------------------------------------------------------------

bool ClipCurvePlot::hasData() const {
  return curve_ && !curve_->ratios.empty();
}

/// Where an error stands on the axis.
double ClipCurvePlot::heightOf(double mse) const {
  if (measure_ == Measure::Sqnr) return decibels(signal_, std::max(mse, smallestPositive()));
  return logError_ ? std::max(mse, smallestPositive()) : mse;
}

QVector<double> ClipCurvePlot::heightsOf(const ClipCurve& curve) const {
  QVector<double> heights;
  for (const double mse : curve.mse) heights << heightOf(mse);
  return heights;
}

void ClipCurvePlot::updateGraph() {
  logAction_->setChecked(logError_);
  logAction_->setEnabled(measure_ == Measure::Mse);
  measureAction_->setChecked(measure_ == Measure::Sqnr);
  const bool logarithmic = logError_ && measure_ == Measure::Mse;
  canvas().yAxis->setScaleType(logarithmic ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  canvas().yAxis2->setScaleType(canvas().yAxis->scaleType());
  const auto show = [this](QCPGraph* graph, const ClipCurve* curve) {
    if (curve == nullptr) return graph->setData({}, {});
    graph->setData(QVector<double>(curve->ratios.begin(), curve->ratios.end()), heightsOf(*curve));
  };
  show(graph_, hasData() ? curve_.get() : nullptr);
  for (std::size_t i = 0; i < pins_.size(); ++i) {
    show(pinGraphs_[i], hasData() ? pins_[i].curve.get() : nullptr);
  }
}

double ClipCurvePlot::smallestPositive() const {
  double smallest = std::numeric_limits<double>::infinity();
  for (const double mse : curve_->mse) {
    if (mse > 0) smallest = std::min(smallest, mse);
  }
  return std::isfinite(smallest) ? smallest : 1;
}

std::pair<double, double> ClipCurvePlot::fullRange() const {
  const auto [least, most] = std::minmax_element(curve_->ratios.begin(), curve_->ratios.end());
  const double padding = std::max(0.005, (*most - *least) * 0.02);
  return {*least - padding, *most + padding};
}

double ClipCurvePlot::narrowestRange() const {
  return 0.02;
}

void ClipCurvePlot::fitVertically(double lower, double upper) {
  // Far below the window the error grows without interest and would flatten the rest.
  const double window = std::min(window_.from, window_.to) - 0.08;
  const double interesting = isZoomed() ? lower : std::max(lower, window);
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  const auto include = [&](const ClipCurve& curve) {
    for (std::size_t i = 0; i < curve.ratios.size(); ++i) {
      const double ratio = curve.ratios[i];
      if (ratio < lower || ratio > upper) continue;
      least = std::min(least, curve.mse[i]);
      if (ratio >= interesting) most = std::max(most, curve.mse[i]);
    }
  };
  include(*curve_);
  for (const PinOverlay& pin : pins_) include(*pin.curve);
  if (spread_) least = std::min(least, spread_->mse);
  if (!(least <= most)) least = most = curve_->unclippedMse;

  double bottom = 0;
  double top = 1;
  if (measure_ == Measure::Sqnr) {
    const double worst = heightOf(most);
    const double best = heightOf(least);
    const double span = std::max(best - worst, 0.2);
    bottom = worst - 0.08 * span;
    top = best + 0.22 * span;
  } else if (logError_) {
    least = std::max(least, smallestPositive());
    const double factor = std::max(most / least, 1.2);
    bottom = least / std::pow(factor, 0.22);
    top = least * std::pow(factor, 1.08);
  } else if (most > 0) {
    // A curve that hardly bends must not look as if it did.
    const double span = std::max(most - least, 0.05 * most);
    bottom = std::max(0.0, least - 0.22 * span);
    top = least + 1.08 * span;
  }
  canvas().yAxis->setRange(bottom, top);
  canvas().yAxis2->setRange(bottom, top);
  updateErrorTicks(bottom, top);
  if (measure_ == Measure::Sqnr) {
    updateGainTicks(signal_ / std::pow(10, top / 10), signal_ / std::pow(10, bottom / 10));
  } else {
    updateGainTicks(std::max(bottom, least), top);
  }
}

void ClipCurvePlot::updateErrorTicks(double lower, double upper) {
  if (measure_ == Measure::Sqnr) {
    canvas().yAxis->setTicker(valueTicker());
    canvas().yAxis->setLabel(tr("SQNR (dB)"));
    return;
  }
  if (logError_ && upper / lower > kManyDecades) {
    canvas().yAxis->setTicker(QSharedPointer<QCPAxisTickerLog>::create());
    canvas().yAxis->setLabel(tr("MSE"));
    return;
  }
  const int exponent = readableExponent(upper);
  const double unit = std::pow(10.0, exponent);
  canvas().yAxis->setTicker(logError_ ? scaledLogTicker(unit) : scaledValueTicker(unit));
  canvas().yAxis->setLabel(exponent == 0 ? tr("MSE") : tr("MSE (×%1)").arg(powerText(exponent)));
}

void ClipCurvePlot::updateGainTicks(double lower, double upper) {
  const QSharedPointer<QCPAxisTickerText> ticker(new QCPAxisTickerText);
  for (const GainTick& tick : gainTicks(curve_->unclippedMse, lower, upper, kMostGainTicks,
                                        logError_ || measure_ == Measure::Sqnr)) {
    ticker->addTick(measure_ == Measure::Sqnr ? heightOf(tick.mse) : tick.mse,
                    gainTickText(tick.gainDb, locale()));
  }
  canvas().yAxis2->setTicker(ticker);
}

// The colours ------------------------------------------------------------------------------------

void ClipCurvePlot::applyTheme() {
  graph_->setPen(QPen(theme().curve, 2));
  stylePins();
}

void ClipCurvePlot::stylePins() {
  for (std::size_t i = 0; i < pinGraphs_.size(); ++i) {
    pinGraphs_[i]->setPen(pinPen(theme(), pins_[i].color, 1.5));
  }
}

/// How often each ratio was chosen, the highest bar over half of the height.
void ClipCurvePlot::drawSpread(QPainter& painter, const Frame& frame) const {
  if (!spread_ || spread_->counts.empty()) return;
  const double most =
      static_cast<double>(*std::max_element(spread_->counts.begin(), spread_->counts.end()));
  if (!(most > 0)) return;
  const double half = std::abs(frame.xToPixel(kFineStep * 2) - frame.xToPixel(0));
  painter.setRenderHint(QPainter::Antialiasing, false);
  const QColor color = mixed(theme().weight, theme().background, theme().highContrast ? 1 : 0.55);
  for (std::size_t i = 0; i < spread_->counts.size(); ++i) {
    const double height =
        static_cast<double>(spread_->counts[i]) / most * 0.5 * frame.area.height();
    if (height <= 0) continue;
    const double x = frame.xToPixel(spread_->ratios[i]);
    painter.fillRect(QRectF(x - half, frame.area.bottom() - std::max(1.0, height),
                            std::max(1.0, 2 * half), std::max(1.0, height)),
                     color);
  }
}

/// The error that the search leads to, which no single ratio reaches.
void ClipCurvePlot::drawSpreadTotal(QPainter& painter, const Frame& frame) const {
  if (!spread_) return;
  const double y = std::round(frame.yToPixel(heightOf(spread_->mse))) + 0.5;
  painter.setPen(QPen(theme().optimum, 1.5, Qt::DashLine));
  painter.drawLine(QPointF(frame.area.left(), y), QPointF(frame.area.right(), y));
  const QString text = (spread_->kind == ClipPolicy::Kind::SearchRows ? tr("each row's own: %1")
                                                                      : tr("each group's own: %1"))
                           .arg(decibelText(gainDb(spread_->unclippedMse, spread_->mse), locale()));
  painter.setFont(canvas().xAxis->labelFont());
  const QFontMetricsF metrics(painter.font());
  QRectF box(frame.area.left() + kSmallGap, y - metrics.height() - 1,
             metrics.horizontalAdvance(text) + 2, metrics.height());
  if (box.top() < frame.area.top()) box.moveTop(y + 1);
  painter.setPen(theme().text);
  painter.drawText(box, Qt::AlignLeft | Qt::AlignVCenter, text);
}

QString ClipCurvePlot::verdict() const {
  return spread_ ? spreadVerdict(*spread_, locale()) : clipVerdict(*curve_, window_, locale());
}

void ClipCurvePlot::drawWindow(QPainter& painter, const Frame& frame) const {
  const auto [low, high] = std::minmax(window_.from, window_.to);
  const QRectF band(QPointF(frame.xToPixel(low), frame.area.top()),
                    QPointF(frame.xToPixel(high), frame.area.bottom()));
  painter.fillRect(band, theme().band);
  painter.setPen(QPen(theme().axis, 1, Qt::DotLine));
  painter.drawLine(band.topLeft(), band.bottomLeft());
  painter.drawLine(band.topRight(), band.bottomRight());
}

void ClipCurvePlot::drawWindowLabel(QPainter& painter, const Frame& frame) const {
  const auto [low, high] = std::minmax(window_.from, window_.to);
  const double left = std::max(frame.xToPixel(low), frame.area.left());
  const double right = std::min(frame.xToPixel(high), frame.area.right());
  const QFontMetricsF metrics(canvas().xAxis->labelFont());
  const QRectF room(left + kSmallGap, frame.area.top() + kSmallGap, right - left - 2 * kSmallGap,
                    metrics.height());
  const QString full = windowText(window_, locale());
  const QString brief = full.section(QLatin1Char(' '), 1);
  const QString ratios = full.section(QLatin1Char(' '), 2);
  for (const QString& text : {full, brief, ratios}) {
    if (metrics.horizontalAdvance(text) > room.width()) continue;
    painter.setFont(canvas().xAxis->labelFont());
    painter.setPen(theme().mutedText);
    painter.drawText(room, Qt::AlignRight | Qt::AlignTop, text);
    return;
  }
}

void ClipCurvePlot::drawVerdict(QPainter& painter) const {
  const QRectF strip = topStrip();
  const QString text = QFontMetricsF(font()).elidedText(verdict(), Qt::ElideRight, strip.width());
  painter.setPen(theme().text);
  painter.drawText(strip, Qt::AlignLeft | Qt::AlignVCenter, text);
}

void ClipCurvePlot::drawOptimum(QPainter& painter, const Frame& frame) const {
  if (!optimum_ || spread_) return;  // the line of the search says more
  const QPointF point = pointAt(optimum_->index);
  painter.setPen(QPen(theme().background, 2));
  painter.setBrush(theme().optimum);
  painter.drawEllipse(point, 6, 6);

  const QString text =
      tr("optimum %1 (%2)")
          .arg(ratioText(optimum_->ratio, locale()), decibelText(optimum_->gainDb, locale()));
  const QFontMetricsF metrics(font());
  QRectF box(0, 0, metrics.horizontalAdvance(text) + 2 * kSmallGap, metrics.height());
  box.moveCenter(point + QPointF(0, 10 + box.height() / 2));
  if (measure_ == Measure::Sqnr) box.moveCenter(point - QPointF(0, 10 + box.height() / 2));
  // Under a curve that rises to the right there is room on the right only.
  if (optimum_->atLowerEdge) box.moveLeft(point.x() + 8);
  box.moveRight(std::min(box.right(), frame.area.right() - 1));
  box.moveLeft(std::max(box.left(), frame.area.left() + 1));
  if (box.bottom() > frame.area.bottom()) box.moveBottom(point.y() - 10);
  QColor backing = theme().background;
  backing.setAlphaF(theme().highContrast ? 1.0F : 0.8F);
  painter.setPen(Qt::NoPen);
  painter.setBrush(backing);
  painter.drawRoundedRect(box, 3, 3);
  painter.setPen(theme().text);
  painter.drawText(box, Qt::AlignCenter, text);
}

void ClipCurvePlot::drawRatio(QPainter& painter, const Frame& frame) const {
  const double x = frame.xToPixel(ratio_);
  const bool inView = x >= frame.area.left() && x <= frame.area.right();
  if (inView) {
    painter.setPen(draggable_ ? QPen(theme().cursor, 2) : QPen(theme().cursor, 1, Qt::DashLine));
    painter.drawLine(QPointF(x, frame.area.top()), QPointF(x, frame.area.bottom()));
  }

  const QString text = tr("ratio %1").arg(ratioText(ratio_, locale()));
  const QFont small = canvas().xAxis->tickLabelFont();
  const QFontMetricsF metrics(small);
  QRectF pill(0, 0, metrics.horizontalAdvance(text) + 12, metrics.height() + 4);
  pill.moveCenter(QPointF(std::clamp(x, frame.area.left(), frame.area.right()),
                          frame.area.bottom() + 3 + pill.height() / 2));
  const double mostRight = canvas().viewport().right() - 2.0;
  if (pill.right() > mostRight) pill.moveRight(mostRight);
  painter.setFont(small);
  painter.setPen(QPen(theme().cursor, 1));
  painter.setBrush(draggable_ ? theme().cursor : theme().background);
  painter.drawRoundedRect(pill, pill.height() / 2, pill.height() / 2);
  painter.setPen(draggable_ ? theme().background : theme().text);
  painter.drawText(pill, Qt::AlignCenter, text);
}

// The cursor and the line ------------------------------------------------------------------------

QPointF ClipCurvePlot::pointAt(std::size_t index) const {
  return {canvas().xAxis->coordToPixel(curve_->ratios[index]),
          canvas().yAxis->coordToPixel(heightOf(curve_->mse[index]))};
}

bool ClipCurvePlot::isOnLine(QPointF position) const {
  constexpr double kPillHeight = 20;  // the handle below the axis
  const QRectF area = plottedArea().adjusted(-kGrabDistance, 0, kGrabDistance, kPillHeight);
  return hasData() && failure().isEmpty() && area.contains(position) &&
         std::abs(position.x() - xToPixel(ratio_)) <= kGrabDistance;
}

bool ClipCurvePlot::isOnOptimum(QPointF position) const {
  if (!optimum_ || spread_ || !failure().isEmpty()) return false;
  const QPointF away = position - pointAt(optimum_->index);
  return std::hypot(away.x(), away.y()) <= kOptimumDistance;
}

bool ClipCurvePlot::isOnCurve(QPointF position) const {
  if (!hasData() || !failure().isEmpty() || !plottedArea().contains(position)) return false;
  const auto nearest = nearestPoint(xAt(position.x()));
  return nearest && std::abs(pointAt(*nearest).y() - position.y()) <= kOptimumDistance;
}

/// Enter, or a click on the optimum.
bool ClipCurvePlot::choose() {
  if (!failure().isEmpty() || !hasData()) return false;
  if (spread_) {
    Q_EMIT searchChosen(spread_->kind, spread_->window);
    return true;
  }
  if (optimum_) Q_EMIT optimumChosen(optimum_->ratio);
  return optimum_.has_value();
}

void ClipCurvePlot::moveRatio(double ratio) {
  if (ratio == ratio_) return;
  ratio_ = ratio;
  redraw(Layer::Cursor);
  showPoint(nearestPoint(ratio));
  Q_EMIT ratioDragged(ratio);
}

void ClipCurvePlot::finishMove() {
  dragging_ = false;
  stepping_ = false;
  if (ratio_ != ratioBefore_) Q_EMIT ratioDragFinished(ratio_);
}

std::optional<std::size_t> ClipCurvePlot::nearestPoint(double ratio) const {
  std::optional<std::size_t> nearest;
  for (std::size_t i = 0; hasData() && i < curve_->ratios.size(); ++i) {
    if (!nearest ||
        std::abs(curve_->ratios[i] - ratio) < std::abs(curve_->ratios[*nearest] - ratio)) {
      nearest = i;
    }
  }
  return nearest;
}

void ClipCurvePlot::showPoint(std::optional<std::size_t> index) {
  if (index == point_ && index.has_value() != hoverText().isEmpty()) return;
  point_ = index;
  redraw(Layer::Hover);
  setHoverText(index ? pointLines(*index).join(QStringLiteral(", ")) : QString());
}

QStringList ClipCurvePlot::pointLines(std::size_t index) const {
  const double ratio = curve_->ratios[index];
  QStringList lines = {
      tr("Ratio %1").arg(ratioText(ratio, locale())),
      tr("MSE %1").arg(valueText(curve_->mse[index], locale(), 5)),
      tr("gain %1").arg(decibelText(gainDb(curve_->unclippedMse, curve_->mse[index]), locale()))};
  if (signal_ > 0) {
    lines.insert(2,
                 tr("SQNR %1").arg(decibelText(decibels(signal_, curve_->mse[index]), locale())));
  }
  if (spread_) {
    const std::uint64_t chosen = chosenAt(*spread_, ratio);
    const double share = static_cast<double>(chosen) / static_cast<double>(spread_->total());
    lines << (spread_->kind == ClipPolicy::Kind::SearchRows ? tr("best for %1 rows (%2)")
                                                            : tr("best for %1 groups (%2)"))
                 .arg(countText(chosen, locale()), percentText(share, locale()));
  }
  for (const PinOverlay& pin : pins_) {
    if (index >= pin.curve->mse.size() || pin.curve->ratios[index] != ratio) continue;
    lines << tr("%1: MSE %2").arg(pin.name, valueText(pin.curve->mse[index], locale(), 5));
  }
  return lines;
}

void ClipCurvePlot::drawHover(QPainter& painter, const Frame& frame) const {
  if (!point_ || *point_ >= curve_->ratios.size()) return;
  const QPointF point = pointAt(*point_);
  painter.setPen(QPen(theme().background, 1.5));
  painter.setBrush(theme().text);
  painter.drawEllipse(point, 4.5, 4.5);
  drawCallout(painter, frame.area, point, pointLines(*point_));
}

void ClipCurvePlot::hoverAt(QPointF position) {
  showPoint(nearestPoint(xAt(position.x())));
}

void ClipCurvePlot::clearHover() {
  showPoint(std::nullopt);
}

bool ClipCurvePlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  if (!draggable_) {
    // Ratios fall along the curve, so the next to the right is the one before.
    const auto last = static_cast<long long>(curve_->ratios.size()) - 1;
    const bool falling = curve_->ratios.front() > curve_->ratios.back();
    const auto from = static_cast<long long>(point_.value_or(optimum_ ? optimum_->index : 0));
    const long long next = point_ ? from + (falling ? -direction : direction) : from;
    showPoint(static_cast<std::size_t>(std::clamp(next, 0LL, last)));
    return true;
  }
  if (!stepping_) {
    stepping_ = true;
    ratioBefore_ = ratio_;
  }
  const int steps = direction * (modifiers.testFlag(Qt::ShiftModifier) ? kBigStep : 1);
  moveRatio(modifiers.testFlag(Qt::AltModifier)
                ? std::clamp(ratio_ + direction * kFineStep, lowestRatio(), 1.0)
                : steppedRatio(ratio_, steps, lowestRatio()));
  return true;
}

std::optional<double> ClipCurvePlot::cursorX() const {
  if (draggable_) return ratio_;
  if (point_ && hasData()) return curve_->ratios[*point_];
  return std::nullopt;
}

void ClipCurvePlot::keyPressEvent(QKeyEvent* event) {
  const bool enter = event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter;
  if (enter && choose()) return;
  if (dragging_ && event->key() == Qt::Key_Escape) {
    moveRatio(ratioBefore_);
    dragging_ = false;
    Q_EMIT ratioDragFinished(ratio_);
    return;
  }
  Plot::keyPressEvent(event);
}

void ClipCurvePlot::keyReleaseEvent(QKeyEvent* event) {
  const bool arrow = event->key() == Qt::Key_Left || event->key() == Qt::Key_Right;
  if (arrow && stepping_ && !event->isAutoRepeat()) finishMove();
  Plot::keyReleaseEvent(event);
}

void ClipCurvePlot::focusOutEvent(QFocusEvent* event) {
  if (dragging_ || stepping_) finishMove();
  Plot::focusOutEvent(event);
}

void ClipCurvePlot::mousePressEvent(QMouseEvent* event) {
  if (event->button() == Qt::LeftButton && draggable_ && isOnLine(onCanvas(event->position()))) {
    dragging_ = true;
    ratioBefore_ = ratio_;
    return;
  }
  pressedAt_ = event->position();
  Plot::mousePressEvent(event);
}

void ClipCurvePlot::mouseMoveEvent(QMouseEvent* event) {
  const QPointF position = onCanvas(event->position());
  if (dragging_) {
    const double ratio = xAt(position.x());
    moveRatio(event->modifiers().testFlag(Qt::AltModifier) ? std::clamp(ratio, lowestRatio(), 1.0)
                                                           : snappedRatio(ratio, lowestRatio()));
    setPointer(position);
    return;
  }
  if (event->buttons() == Qt::NoButton) {
    if (draggable_ && isOnLine(position)) {
      setCursor(Qt::SizeHorCursor);
    } else if (isOnOptimum(position) || (draggable_ && isOnCurve(position))) {
      setCursor(Qt::PointingHandCursor);
    } else {
      unsetCursor();
    }
  }
  Plot::mouseMoveEvent(event);
}

void ClipCurvePlot::mouseReleaseEvent(QMouseEvent* event) {
  if (dragging_ && event->button() == Qt::LeftButton) return finishMove();
  Plot::mouseReleaseEvent(event);
  const QPointF away = event->position() - pressedAt_;
  const QPointF position = onCanvas(event->position());
  if (event->button() != Qt::LeftButton || away.manhattanLength() >= kGrabDistance) return;
  if (isOnOptimum(position)) {
    choose();
  } else if (draggable_ && isOnCurve(position)) {
    const double ratio = xAt(position.x());
    chooseRatio(event->modifiers().testFlag(Qt::AltModifier) ? ratio
                                                             : snappedRatio(ratio, lowestRatio()));
  }
}

/// The first click of the two has chosen already.
void ClipCurvePlot::mouseDoubleClickEvent(QMouseEvent* event) {
  const QPointF position = onCanvas(event->position());
  pressedAt_ = QPointF(-1e6, -1e6);  // its release is no click
  if (isOnOptimum(position) || isOnCurve(position)) return;
  Plot::mouseDoubleClickEvent(event);
}

}  // namespace quantoscope::ui
