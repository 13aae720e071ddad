#include "ui/plots/weight_histogram_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QPainter>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

WeightHistogramPlot::WeightHistogramPlot(QWidget* parent)
    : HistogramPlot(tr("Weight histogram"), tr("Weight"), QStringLiteral("weight"),
                    tr("Weight (original)"), parent) {
  setEmptyText(tr("Open a file to see its weights and quantization levels"));
  addDrawing(Layer::Shade,
             [this](QPainter& painter, const Frame& frame) { drawGroupRange(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawLevels(painter, frame); });
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawPinLevels(painter, frame); });
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawLevelLegend(painter); }, false);
  styleCanvas();
  WeightHistogramPlot::applyTheme();
  setHistogram({}, {});
}

void WeightHistogramPlot::setResult(SharedResult result) {
  const bool sameTensor = result && result_ && result->info.name == result_->info.name;
  result_ = std::move(result);
  setSubject(result_ ? shownText(result_->info.name + ", " + describe(result_->spec)) : QString());
  const bool shown = result_ && result_->statistics.count > 0;
  setHistogram(shown ? result_->weightHistogram : Histogram{}, {.keepZoom = sameTensor});
  if (result_ && !shown) setFailure(tr("This tensor has no finite values"));
}

QString WeightHistogramPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  QString text = tr("Weights of %1: %2 values between %3 and %4")
                     .arg(subject(), countText(histogram().total(), locale()),
                          valueText(histogram().lo, locale()), valueText(histogram().hi, locale()));
  if (result_->group) {
    text +=
        tr(", %1 quantization levels in %2")
            .arg(countText(result_->group->levels.size(), locale()), groupText(*result_, locale()));
  }
  return text;
}

void WeightHistogramPlot::applyTheme() {
  setSeriesColor(theme().weight);
}

Histogram WeightHistogramPlot::selectedBins(const SelectedWeights& selected) const {
  return selected.weights;
}

std::optional<Selection> WeightHistogramPlot::selectionOf(Item first, Item last) const {
  return WeightRange{BinRange::of(histogram(), static_cast<std::size_t>(first.x()),
                                  static_cast<std::size_t>(last.x()))};
}

/// What the shown group makes of such a weight.
QStringList WeightHistogramPlot::notesAt(double value) const {
  if (!result_ || !result_->group || result_->group->levels.empty()) return {};
  const std::vector<float>& levels = result_->group->levels;
  const auto nearest = std::min_element(levels.begin(), levels.end(), [&](float a, float b) {
    return std::abs(static_cast<double>(a) - value) < std::abs(static_cast<double>(b) - value);
  });
  return {tr("nearest level %1 of %2: %3")
              .arg(countText(static_cast<std::uint64_t>(nearest - levels.begin()) + 1, locale()),
                   countText(levels.size(), locale()),
                   valueText(static_cast<double>(*nearest), locale())),
          tr("%1, scale %2")
              .arg(groupText(*result_, locale()),
                   valueText(static_cast<double>(result_->group->scale), locale()))};
}

void WeightHistogramPlot::drawGroupRange(QPainter& painter, const Frame& frame) const {
  if (!result_->group) return;
  const double left = frame.xToPixel(static_cast<double>(result_->group->min));
  const double right = frame.xToPixel(static_cast<double>(result_->group->max));
  painter.fillRect(QRectF(left, frame.area.top(), right - left, frame.area.height()), theme().band);
}

void WeightHistogramPlot::drawLevels(QPainter& painter, const Frame& frame) const {
  if (!result_->group) return;
  const std::vector<float>& levels = result_->group->levels;
  const auto place = [&](float level) { return frame.xToPixel(static_cast<double>(level)); };
  if (levels.size() > 1) {
    const double spacing =
        (place(levels.back()) - place(levels.front())) / static_cast<double>(levels.size() - 1);
    QColor color = theme().level;
    if (!theme().highContrast) color.setAlphaF(static_cast<float>(levelOpacity(spacing)));
    painter.setPen(QPen(color, 1));
  } else {
    painter.setPen(QPen(theme().level, 1));
  }
  painter.setRenderHint(QPainter::Antialiasing, false);
  double drawn = frame.area.left() - 1;
  for (const float level : levels) {
    const double x = std::round(place(level));
    // Several levels on one pixel would add up to a line that hides the histogram.
    if (x <= drawn || x > frame.area.right()) continue;
    painter.drawLine(QPointF(x, frame.area.top()), QPointF(x, frame.area.bottom()));
    drawn = x;
  }
}

void WeightHistogramPlot::setPins(std::vector<PinOverlay> pins) {
  pins_ = std::move(pins);
  redraw();
}

void WeightHistogramPlot::drawPinLevels(QPainter& painter, const Frame& frame) const {
  constexpr double kTick = 6;
  painter.setRenderHint(QPainter::Antialiasing, false);
  double bottom = frame.area.bottom();
  for (const PinOverlay& pin : pins_) {
    if (!pin.result || !pin.result->group) continue;
    painter.fillRect(QRectF(frame.area.left(), bottom - kTick, frame.area.width(), kTick),
                     theme().background);
    painter.setPen(QPen(pinColor(theme(), pin.color), 2));
    for (const float level : pin.result->group->levels) {
      const double x = std::round(frame.xToPixel(static_cast<double>(level)));
      painter.drawLine(QPointF(x, bottom - kTick + 1), QPointF(x, bottom));
    }
    bottom -= kTick;
  }
}

void WeightHistogramPlot::drawLevelLegend(QPainter& painter) const {
  if (!result_->group) return;
  const QString group = groupText(*result_, locale());
  QVector<LegendEntry> entries = selectedLegend();
  entries.append({LegendEntry::Kind::Line, theme().level, tr("levels of %1").arg(group)});
  for (const PinOverlay& pin : pins_) {
    if (pin.result && pin.result->group) {
      entries.append({LegendEntry::Kind::Line, pinColor(theme(), pin.color), pin.name});
    }
  }
  entries.append({LegendEntry::Kind::Area, mixed(theme().text, theme().background, 0.18),
                  tr("range of its weights")});
  drawLegend(painter, entries);
}

}  // namespace quantoscope::ui
