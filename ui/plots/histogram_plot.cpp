#include "ui/plots/histogram_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QAction>
#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/pin_overlay.h"

namespace quantoscope::ui {

namespace {

constexpr double kFillOpacity = 0.75;
constexpr double kSidePadding = 0.02;     // of the data's width
constexpr std::size_t kMostSteps = 2048;  // more than a plot has pixels would only take time

QVector<double> asVector(const std::vector<double>& values) {
  return QVector<double>(values.begin(), values.end());
}

}  // namespace

HistogramPlot::HistogramPlot(const QString& title, const QString& quantity, const QString& column,
                             const QString& axisLabel, QWidget* parent)
    : BrushPlot(title, parent), quantity_(quantity), column_(column) {
  graph_ = canvas().addGraph();
  partGraph_ = canvas().addGraph();
  selectedGraph_ = canvas().addGraph();
  for (QCPGraph* graph : {graph_, partGraph_, selectedGraph_}) {
    graph->setLineStyle(QCPGraph::lsStepLeft);
    graph->setAntialiased(false);
    // Steps have no slopes to smooth, and hard edges keep narrow bins at their full height.
    graph->setAntialiasedFill(false);
  }
  canvas().xAxis->setLabel(axisLabel);
  canvas().xAxis->setTicker(valueTicker());
  canvas().xAxis->grid()->setVisible(false);
  updateCountAxis();

  logAction_ = new QAction(tr("&Log counts"), this);
  logAction_->setCheckable(true);
  logAction_->setShortcut(Qt::Key_L);
  connect(logAction_, &QAction::toggled, this, &HistogramPlot::setLogCounts);
  addPlotAction(logAction_);

  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  addBrush();
}

void HistogramPlot::setLogCounts(bool on) {
  if (on == logCounts_) return;
  logCounts_ = on;
  logAction_->setChecked(on);
  updateCountAxis();
  if (hasData()) fitVertically(canvas().xAxis->range().lower, canvas().xAxis->range().upper);
  redraw();
  Q_EMIT logCountsChanged(on);
}

void HistogramPlot::updateCountAxis() {
  QCPAxis* const axis = canvas().yAxis;
  axis->setScaleType(logCounts_ ? QCPAxis::stLogarithmic : QCPAxis::stLinear);
  axis->setTicker(logCounts_ ? logCountTicker() : countTicker());
  axis->setLabel(logCounts_ ? tr("Count (log)") : tr("Count"));
}

void HistogramPlot::setHistogram(Histogram histogram, View view) {
  histogram_ = std::move(histogram);
  symmetric_ = view.symmetric;
  selectedBins_ = {};
  if (selected() != nullptr) selectedBins_ = selectedBins(*selected());
  dataChanged(view.keepZoom);
}

void HistogramPlot::setQuantity(const QString& quantity, const QString& column,
                                const QString& axisLabel) {
  quantity_ = quantity;
  column_ = column;
  canvas().xAxis->setLabel(axisLabel);
}

void HistogramPlot::setPart(const QString& name, Histogram part) {
  partName_ = name;
  part_ = std::move(part);
}

bool HistogramPlot::hasPart() const {
  return !part_.counts.empty() && part_.counts.size() == histogram_.counts.size();
}

bool HistogramPlot::hasSelected() const {
  return !selectedBins_.counts.empty() && selectedBins_.lo == histogram_.lo &&
         selectedBins_.hi == histogram_.hi &&
         selectedBins_.counts.size() == histogram_.counts.size();
}

void HistogramPlot::selectedChanged() {
  selectedBins_ = {};
  if (selected() != nullptr) selectedBins_ = selectedBins(*selected());
  if (isShowing()) fitVertically(canvas().xAxis->range().lower, canvas().xAxis->range().upper);
}

void HistogramPlot::updateGraph(double lower, double upper) {
  const StepSeries steps = stepSeries(histogram_, logCounts_, lower, upper, kMostSteps);
  graph_->setData(asVector(steps.x), asVector(steps.y), true);
  const StepSeries part =
      hasPart() ? stepSeries(part_, logCounts_, lower, upper, kMostSteps) : StepSeries{};
  partGraph_->setData(asVector(part.x), asVector(part.y), true);
  const StepSeries chosen = hasSelected()
                                ? stepSeries(selectedBins_, logCounts_, lower, upper, kMostSteps)
                                : StepSeries{};
  selectedGraph_->setData(asVector(chosen.x), asVector(chosen.y), true);
}

void HistogramPlot::setOverlays(std::vector<Overlay> overlays) {
  overlays_ = std::move(overlays);
  std::erase_if(overlays_, [](const Overlay& overlay) { return overlay.histogram.counts.empty(); });
  while (overlayGraphs_.size() > overlays_.size()) {
    canvas().removeGraph(overlayGraphs_.back());
    overlayGraphs_.pop_back();
  }
  while (overlayGraphs_.size() < overlays_.size()) {
    QCPGraph* const graph = canvas().addGraph();
    graph->setLineStyle(QCPGraph::lsStepLeft);
    graph->setAntialiased(false);
    overlayGraphs_.push_back(graph);
  }
  styleOverlays();
  dataChanged(true);
  redraw();
}

void HistogramPlot::styleOverlays() {
  for (std::size_t i = 0; i < overlays_.size(); ++i) {
    overlayGraphs_[i]->setPen(pinPen(theme(), overlays_[i].color));
  }
}

/// Counts of an overlay's bins as those of bins as wide as the bars.
double HistogramPlot::overlayScale(const Overlay& overlay) const {
  const auto widthOf = [](const Histogram& histogram) {
    const std::vector<double> edges = drawnEdges(histogram);
    return edges[1] - edges[0];
  };
  return widthOf(histogram_) / widthOf(overlay.histogram);
}

void HistogramPlot::updateOverlays(double lower, double upper) {
  for (std::size_t i = 0; i < overlays_.size(); ++i) {
    const StepSeries steps =
        stepSeries(overlays_[i].histogram, logCounts_, lower, upper, kMostSteps);
    QVector<double> heights = asVector(steps.y);
    for (double& height : heights) {
      height = std::max(height * overlayScale(overlays_[i]), logCounts_ ? kLogFloor : 0.0);
    }
    overlayGraphs_[i]->setData(asVector(steps.x), heights, true);
  }
}

QVector<HistogramPlot::LegendEntry> HistogramPlot::overlayLegend() const {
  QVector<LegendEntry> entries;
  for (const Overlay& overlay : overlays_) {
    const bool solid = isSolidPin(overlay.color);
    entries.append({solid ? LegendEntry::Kind::Line : LegendEntry::Kind::Dashes,
                    pinColor(theme(), overlay.color), overlay.name});
  }
  return entries;
}

void HistogramPlot::setSeriesColor(const QColor& color) {
  const QColor fill = theme().highContrast ? color : mixed(color, theme().background, kFillOpacity);
  graph_->setBrush(fill);
  // The outline shows bins that are narrower than a pixel, which a fill without smoothing may miss.
  graph_->setPen(QPen(fill, 1));
  selectedGraph_->setBrush(theme().selected);
  selectedGraph_->setPen(QPen(theme().selected, 1));
}

void HistogramPlot::setPartColor(const QColor& color) {
  partGraph_->setBrush(color);
  partGraph_->setPen(QPen(color, 1));
}

/// "1,234 of 65,536 (1.88 %)", and how much of that is the part, and selected.
QString HistogramPlot::countAt(std::size_t bin) const {
  QString text = binCountText(histogram_, bin, locale());
  if (hasPart()) {
    text = tr("%1, %2 %3").arg(text, countText(part_.counts[bin], locale()), partName_);
  }
  if (hasSelected() && selectedBins_.counts[bin] > 0) {
    text += QStringLiteral(", ") + selectedText(selectedBins_.counts[bin]);
  }
  return text;
}

QStringList HistogramPlot::notesAt(double) const {
  return {};
}

QVector<HistogramPlot::LegendEntry> HistogramPlot::selectedLegend() const {
  if (!hasSelected()) return {};
  return {{LegendEntry::Kind::Area, theme().selected,
           tr("selected: %1").arg(countText(selected()->count, locale()))}};
}

Plot::Table HistogramPlot::table() const {
  Table table{
      {column_ + QStringLiteral("_from"), column_ + QStringLiteral("_to"), QStringLiteral("count")},
      {}};
  if (!hasData()) return table;
  if (hasPart()) table.header << partName_;
  if (hasSelected()) table.header << QStringLiteral("selected");
  const std::vector<double> edges =
      histogram_.hi > histogram_.lo ? histogram_.edges() : std::vector<double>(2, histogram_.lo);
  for (std::size_t bin = 0; bin < histogram_.counts.size(); ++bin) {
    table.rows.append({edges[bin], edges[bin + 1], static_cast<double>(histogram_.counts[bin])});
    if (hasPart()) table.rows.last().append(static_cast<double>(part_.counts[bin]));
    if (hasSelected()) table.rows.last().append(static_cast<double>(selectedBins_.counts[bin]));
  }
  return table;
}

// The view ---------------------------------------------------------------------------------------

std::pair<double, double> HistogramPlot::fullRange() const {
  const std::vector<double> edges = drawnEdges(histogram_);
  double lower = edges.front();
  double upper = edges.back();
  for (const Overlay& overlay : overlays_) {
    lower = std::min(lower, overlay.histogram.lo);
    upper = std::max(upper, overlay.histogram.hi);
  }
  if (symmetric_) {
    upper = std::max(std::abs(lower), std::abs(upper));
    lower = -upper;
  }
  const double padding = (upper - lower) * kSidePadding;
  return {lower - padding, upper + padding};
}

double HistogramPlot::narrowestRange() const {
  const std::vector<double> edges = drawnEdges(histogram_);
  return 4 * (edges[1] - edges[0]);
}

void HistogramPlot::fitVertically(double lower, double upper) {
  updateGraph(lower, upper);
  updateOverlays(lower, upper);
  double largest = std::max(1.0, static_cast<double>(largestCount(histogram_, lower, upper)));
  for (const Overlay& overlay : overlays_) {
    const auto count = static_cast<double>(largestCount(overlay.histogram, lower, upper));
    largest = std::max(largest, count * overlayScale(overlay));
  }
  if (logCounts_) {
    canvas().yAxis->setRange(kLogFloor, largest * std::pow(largest / kLogFloor, 0.08));
  } else {
    canvas().yAxis->setRange(0, largest * 1.08);
  }
}

// The cursor -------------------------------------------------------------------------------------

void HistogramPlot::hoverAt(QPointF position) {
  showBin(binAt(histogram_, xAt(position.x())));
}

void HistogramPlot::clearHover() {
  showBin(std::nullopt);
}

bool HistogramPlot::stepCursor(int direction, Qt::KeyboardModifiers modifiers) {
  const auto last = static_cast<long long>(histogram_.counts.size()) - 1;
  if (!bin_) {
    const auto middle = binAt(histogram_, canvas().xAxis->range().center());
    showBin(middle.value_or(static_cast<std::size_t>(last / 2)));
    return true;
  }
  const int step = direction * (modifiers.testFlag(Qt::ControlModifier) ? kBigStep : 1);
  const long long next = std::clamp(static_cast<long long>(*bin_) + step, 0LL, last);
  showBin(static_cast<std::size_t>(next));
  return true;
}

std::optional<double> HistogramPlot::cursorX() const {
  if (!bin_ || !hasData()) return std::nullopt;
  const std::vector<double> edges = drawnEdges(histogram_);
  return (edges[*bin_] + edges[*bin_ + 1]) / 2;
}

std::optional<BrushPlot::Item> HistogramPlot::itemAt(QPointF position, bool nearest) const {
  const double x = xAt(position.x());
  if (const auto bin = binAt(histogram_, x)) return Item(static_cast<int>(*bin), 0);
  if (!nearest) return std::nullopt;
  const bool before = x < drawnEdges(histogram_).front();
  return Item(before ? 0 : static_cast<int>(histogram_.counts.size()) - 1, 0);
}

std::optional<BrushPlot::Item> HistogramPlot::cursorItem() const {
  if (!bin_ || *bin_ >= histogram_.counts.size()) return std::nullopt;
  return Item(static_cast<int>(*bin_), 0);
}

void HistogramPlot::showBin(std::optional<std::size_t> bin) {
  if (bin == bin_ && bin.has_value() != hoverText().isEmpty()) return;
  bin_ = bin;
  redraw(Layer::Hover);
  setHoverText(cursorText());
}

QString HistogramPlot::cursorText() const {
  if (!bin_ || *bin_ >= histogram_.counts.size()) return {};
  const QString text =
      binText(quantity_, histogram_, *bin_, locale()) + QStringLiteral(": ") + countAt(*bin_);
  return (QStringList{text} + notesAt(*cursorX())).join(QStringLiteral(", "));
}

void HistogramPlot::drawHover(QPainter& painter, const Frame& frame) const {
  if (!bin_ || *bin_ >= histogram_.counts.size()) return;
  const std::vector<double> edges = drawnEdges(histogram_);
  const double left = frame.xToPixel(edges[*bin_]);
  const double width = std::max(1.0, frame.xToPixel(edges[*bin_ + 1]) - left);
  const double count = static_cast<double>(histogram_.counts[*bin_]);
  const double top = frame.yToPixel(logCounts_ ? std::max(count, kLogFloor) : count);

  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.fillRect(QRectF(left, frame.area.top(), width, frame.area.height()), theme().band);
  painter.fillRect(QRectF(left, top, width, frame.area.bottom() - top), theme().text);
  painter.setRenderHint(QPainter::Antialiasing);
  const QPointF peak(left + width / 2, top);
  painter.setPen(QPen(theme().background, 1.5));
  painter.setBrush(theme().text);
  painter.drawEllipse(peak, 4, 4);
  drawCallout(painter, frame.area, peak,
              QStringList{binText(quantity_, histogram_, *bin_, locale()), countAt(*bin_)} +
                  notesAt(*cursorX()));
}

void HistogramPlot::drawLegend(QPainter& painter, const QVector<LegendEntry>& entries) const {
  constexpr double kSwatch = 16;
  constexpr double kGap = 6;
  const QFont small = canvas().xAxis->labelFont();
  const QFontMetricsF metrics(small);
  const QRectF strip = topStrip();
  painter.setFont(small);
  double x = strip.left();
  for (const LegendEntry& entry : entries) {
    const double textWidth = metrics.horizontalAdvance(entry.text) + 1;
    if (x > strip.left() && x + kSwatch + kGap + textWidth > strip.right()) return;
    const QRectF swatch(x, strip.center().y() - 4, kSwatch, 8);
    if (entry.kind == LegendEntry::Kind::Area) {
      painter.fillRect(swatch, entry.color);
    } else {
      const bool dashes = entry.kind == LegendEntry::Kind::Dashes;
      painter.setPen(QPen(entry.color, 1.5, dashes ? Qt::DashLine : Qt::SolidLine));
      painter.drawLine(QPointF(swatch.left(), swatch.center().y()),
                       QPointF(swatch.right(), swatch.center().y()));
    }
    const QRectF text(swatch.right() + kGap, strip.top(),
                      std::min(textWidth, strip.right() - swatch.right() - kGap), strip.height());
    painter.setPen(theme().mutedText);
    painter.drawText(text, Qt::AlignLeft | Qt::AlignVCenter,
                     metrics.elidedText(entry.text, Qt::ElideRight, text.width()));
    x = text.right() + 3 * kGap;
  }
}

}  // namespace quantoscope::ui
