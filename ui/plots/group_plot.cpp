#include "ui/plots/group_plot.h"

#include <algorithm>
#include <cmath>

#include <QtGui/QPainter>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/series.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

constexpr double kLargeDot = 2.5;  // radius, where there is room

}  // namespace

GroupPlot::GroupPlot(QWidget* parent) : SequencePlot(tr("Weights of the group"), parent) {
  setEmptyText(tr("The weights of a group appear here"));
  canvas().xAxis->setLabel(tr("Place in the group"));
  canvas().xAxis->setTicker(countTicker());
  canvas().xAxis->grid()->setVisible(false);
  canvas().yAxis->setLabel(tr("Weight"));
  canvas().yAxis->setTicker(valueTicker());
  canvas().yAxis->grid()->setVisible(false);
  addDrawing(Layer::Shade,
             [this](QPainter& painter, const Frame& frame) { drawLevels(painter, frame); });
  addDrawing(Layer::Data,
             [this](QPainter& painter, const Frame& frame) { drawWeights(painter, frame); });
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  addBrush();
  styleCanvas();
  dataChanged(false);
}

void GroupPlot::setResult(SharedResult result) {
  if (result == result_) return;
  const bool sameGroup = result && result_ && result->group && result_->group &&
                         result->info.name == result_->info.name &&
                         result->group->index == result_->group->index &&
                         result->group->weights.size() == result_->group->weights.size();
  result_ = std::move(result);
  setSubject(result_ && result_->group ? shownName(result_->info.name) + QStringLiteral(", ") +
                                             groupText(*result_, locale())
                                       : QString());
  dataChanged(sameGroup);
}

bool GroupPlot::hasData() const {
  return result_ && result_->group && !result_->group->weights.empty();
}

double GroupPlot::errorOf(std::size_t place) const {
  return -static_cast<double>(group().weights[place] - group().values[place]);
}

bool GroupPlot::isSelected(std::size_t place) const {
  return selection() && selects(*selection(), factsOf(group(), place));
}

Plot::Table GroupPlot::table() const {
  Table table{{QStringLiteral("row"), QStringLiteral("column"), QStringLiteral("weight"),
               QStringLiteral("code"), QStringLiteral("decoded"), QStringLiteral("error"),
               QStringLiteral("scale"), QStringLiteral("zero_point")},
              {}};
  if (!hasData()) return table;
  if (selection()) table.header << QStringLiteral("selected");
  for (std::size_t i = 0; i < group().weights.size(); ++i) {
    table.rows.append(
        {static_cast<double>(group().index.row), static_cast<double>(group().firstColumn + i),
         static_cast<double>(group().weights[i]), static_cast<double>(group().codes[i]),
         static_cast<double>(group().values[i]), errorOf(i), static_cast<double>(group().scale),
         static_cast<double>(group().zeroPoint)});
    if (selection()) table.rows.last().append(isSelected(i) ? 1 : 0);
  }
  return table;
}

QString GroupPlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  std::size_t worst = 0;
  for (std::size_t i = 0; i < group().weights.size(); ++i) {
    if (std::abs(errorOf(i)) > std::abs(errorOf(worst))) worst = i;
  }
  return tr("%1 weights of %2, between %3 and %4, with %5 levels; the largest error is %6, of "
            "column %7")
      .arg(countText(group().weights.size(), locale()), groupText(*result_, locale()),
           valueText(static_cast<double>(group().min), locale()),
           valueText(static_cast<double>(group().max), locale()),
           countText(group().levels.size(), locale()), valueText(errorOf(worst), locale()),
           countText(group().firstColumn + worst, locale()));
}

// The view ---------------------------------------------------------------------------------------

std::pair<double, double> GroupPlot::fullRange() const {
  return {-0.5, static_cast<double>(group().weights.size()) - 0.5};
}

double GroupPlot::narrowestRange() const {
  return std::min(4.0, static_cast<double>(group().weights.size()));
}

void GroupPlot::fitVertically(double, double) {
  double lower = static_cast<double>(group().min);
  double upper = static_cast<double>(group().max);
  for (const float level : group().levels) {
    lower = std::min(lower, static_cast<double>(level));
    upper = std::max(upper, static_cast<double>(level));
  }
  const double padding = upper > lower ? (upper - lower) * 0.06 : 1;
  canvas().yAxis->setRange(lower - padding, upper + padding);
}

// Drawing ----------------------------------------------------------------------------------------

void GroupPlot::drawLevels(QPainter& painter, const Frame& frame) const {
  const std::vector<float>& levels = group().levels;
  const auto place = [&](float level) { return frame.yToPixel(static_cast<double>(level)); };
  QColor color = theme().level;
  if (levels.size() > 1 && !theme().highContrast) {
    const double spacing =
        (place(levels.front()) - place(levels.back())) / static_cast<double>(levels.size() - 1);
    color.setAlphaF(static_cast<float>(levelOpacity(spacing)));
  }
  painter.setRenderHint(QPainter::Antialiasing, false);
  painter.setPen(QPen(color, 1));
  double drawn = frame.area.bottom() + 2;
  for (const float level : levels) {
    const double y = std::round(place(level));
    if (y > drawn - 1) continue;  // on the same pixel
    painter.drawLine(QPointF(frame.area.left(), y), QPointF(frame.area.right(), y));
    drawn = y;
  }
}

void GroupPlot::drawWeights(QPainter& painter, const Frame& frame) const {
  const double room = frame.xToPixel(1) - frame.xToPixel(0);
  const double radius = std::clamp(room / 3, 0.8, kLargeDot);
  painter.setRenderHint(QPainter::Antialiasing);
  for (std::size_t i = 0; i < group().weights.size(); ++i) {
    const double x = frame.xToPixel(static_cast<double>(i));
    if (x < frame.area.left() - room || x > frame.area.right() + room) continue;
    const double weight = frame.yToPixel(static_cast<double>(group().weights[i]));
    const double value = frame.yToPixel(static_cast<double>(group().values[i]));
    painter.setPen(QPen(theme().error, std::clamp(room / 4, 1.0, 2.0)));
    painter.drawLine(QPointF(x, weight), QPointF(x, value));
    const bool chosen = isSelected(i);
    if (chosen) {
      painter.setPen(QPen(theme().selected, 1.5));
      painter.setBrush(theme().background);
      painter.drawEllipse(QPointF(x, weight), radius + 3, radius + 3);
    }
    painter.setPen(Qt::NoPen);
    painter.setBrush(chosen ? theme().selected : theme().weight);
    painter.drawEllipse(QPointF(x, weight), radius, radius);
  }
}

// The cursor -------------------------------------------------------------------------------------

std::optional<Selection> GroupPlot::selectionOf(Item first, Item last) const {
  return Region{{{group().index.row, 1}},
                {{group().firstColumn + static_cast<std::size_t>(first.x()),
                  static_cast<std::size_t>(last.x() - first.x()) + 1}}};
}

std::size_t GroupPlot::itemCount() const {
  return group().weights.size();
}

double GroupPlot::placeAt(double x) const {
  return std::floor(x + 0.5);
}

double GroupPlot::middleOf(std::size_t place) const {
  return static_cast<double>(place);
}

QStringList GroupPlot::linesOf(std::size_t place) const {
  constexpr int kDigits = 6;
  const auto text = [&](double value) { return valueText(value, locale(), kDigits); };
  QStringList lines = {
      tr("Row %1, column %2")
          .arg(countText(group().index.row, locale()),
               countText(group().firstColumn + place, locale())),
      tr("weight %1, code %2")
          .arg(text(static_cast<double>(group().weights[place])))
          .arg(group().codes[place]),
      tr("decoded %1, error %2")
          .arg(text(static_cast<double>(group().values[place])), text(errorOf(place))),
      tr("scale %1").arg(text(static_cast<double>(group().scale)))};
  if (codecOf(result_->spec).hasZeroPoint()) {
    lines.last() += tr(", zero point %1").arg(text(static_cast<double>(group().zeroPoint)));
  }
  return lines;
}

void GroupPlot::drawHover(QPainter& painter, const Frame& frame) const {
  const auto place = cursorPlace();
  if (!place) return;
  const double x = frame.xToPixel(static_cast<double>(*place));
  const double room = std::max(1.0, frame.xToPixel(1) - frame.xToPixel(0));
  painter.fillRect(QRectF(x - room / 2, frame.area.top(), room, frame.area.height()), theme().band);
  const QPointF dot(x, frame.yToPixel(static_cast<double>(group().weights[*place])));
  painter.setPen(QPen(theme().background, 1.5));
  painter.setBrush(theme().text);
  painter.drawEllipse(dot, 4, 4);
  drawCallout(painter, frame.area, dot, linesOf(*place));
}

}  // namespace quantoscope::ui
