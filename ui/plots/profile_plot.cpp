#include "ui/plots/profile_plot.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <QtGui/QAction>
#include <QtGui/QPainter>
#include <QtWidgets/QCheckBox>
#include <qcustomplot.h>

#include "ui/plots/axis_tickers.h"
#include "ui/plots/choices.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

constexpr double kFillOpacity = 0.4;  // of the common error below the worst
constexpr std::size_t kNamedOutliers = 5;

double rmsOf(const Profile::Point& point) {
  return std::sqrt(point.tally.mse());
}

double worstOf(const Profile::Point& point) {
  return std::sqrt(point.worstMse);
}

}  // namespace

ProfilePlot::ProfilePlot(QWidget* parent) : SequencePlot(tr("Error profile"), parent) {
  setEmptyText(tr("Open a file to see which rows and channels err most"));
  mean_ = canvas().addGraph();
  worst_ = canvas().addGraph();
  for (QCPGraph* graph : {mean_, worst_}) {
    graph->setLineStyle(QCPGraph::lsStepLeft);
    graph->setAntialiased(false);
    graph->setAntialiasedFill(false);
  }
  canvas().xAxis->setTicker(countTicker());
  canvas().xAxis->grid()->setVisible(false);
  canvas().yAxis->setLabel(tr("RMS error"));
  canvas().yAxis->setTicker(valueTicker());
  sortAction_ = new QAction(tr("&Sorted, worst first"), this);
  sortAction_->setCheckable(true);
  sortAction_->setShortcut(Qt::Key_S);
  connect(sortAction_, &QAction::toggled, this, &ProfilePlot::setSorted);
  addPlotAction(sortAction_);
  addDrawing(Layer::Marks,
             [this](QPainter& painter, const Frame& frame) { drawSelected(painter, frame); });
  addBrush();
  addDrawing(
      Layer::Caption, [this](QPainter& painter, const Frame&) { drawOutliers(painter); }, false);
  addDrawing(Layer::Hover,
             [this](QPainter& painter, const Frame& frame) { drawHover(painter, frame); });
  styleCanvas();
  ProfilePlot::applyTheme();
  arrange();
}

void ProfilePlot::setDetail(SharedDetail detail) {
  if (detail == detail_) return;
  detail_ = std::move(detail);
  arrange();
}

std::vector<QWidget*> ProfilePlot::makeControls(QWidget* parent) {
  const QString name = tr("Side of the tensor along which errors are shown");
  QComboBox* side = makeChooser("profileSide", name, name, parent);
  addChoice(side, tr("Rows"), Side::Rows);
  addChoice(side, tr("Group places"), Side::GroupPositions);
  addChoice(side, tr("Input channels"), Side::InputChannels);
  showChoice(side, side_);
  connect(side, &QComboBox::currentIndexChanged, this,
          [this, side](int index) { setSide(choiceAt<Side>(side, index)); });
  auto* sorted = new QCheckBox(tr("Sorted"), parent);
  sorted->setAccessibleName(tr("Worst first"));
  sorted->setToolTip(tr("Worst first"));
  sorted->setChecked(sorted_);
  connect(sorted, &QCheckBox::toggled, this, &ProfilePlot::setSorted);
  connect(this, &ProfilePlot::sortedChanged, sorted, &QCheckBox::setChecked);
  return {side, sorted};
}

void ProfilePlot::setPins(std::vector<PinOverlay> pins) {
  pins_ = std::move(pins);
  arrangePins();
  if (!hasData()) return;  // a message may be shown, which must stay
  dataChanged(true);
  redraw();
}

bool ProfilePlot::isComparable(const PinOverlay& pin) const {
  return detail_ && pin.detail && profileOf(*pin.detail).length == profile().length &&
         profileOf(*pin.detail).points.size() == order_.size();
}

void ProfilePlot::arrangePins() {
  while (pinGraphs_.size() > pins_.size()) {
    canvas().removeGraph(pinGraphs_.back());
    pinGraphs_.pop_back();
  }
  while (pinGraphs_.size() < pins_.size()) {
    pinGraphs_.push_back(canvas().addGraph());
    pinGraphs_.back()->setLineStyle(QCPGraph::lsStepLeft);
    pinGraphs_.back()->setAntialiased(false);
  }
  stylePins();
  for (std::size_t i = 0; i < pins_.size(); ++i) {
    QVector<double> x;
    QVector<double> y;
    if (isComparable(pins_[i])) {
      const auto& points = profileOf(*pins_[i].detail).points;
      for (std::size_t place = 0; place < order_.size(); ++place) {
        x << xOf(place);
        y << rmsOf(points[order_[place]]);
      }
      x << static_cast<double>(profile().length);
      y << y.back();
    }
    pinGraphs_[i]->setData(x, y, true);
  }
}

void ProfilePlot::stylePins() {
  // Width 1: a dense line of width 2 takes seconds to draw.
  for (std::size_t i = 0; i < pinGraphs_.size(); ++i) {
    pinGraphs_[i]->setPen(pinPen(theme(), pins_[i].color, 1));
  }
}

void ProfilePlot::setSide(Side side) {
  side_ = side;
  arrange();
}

void ProfilePlot::setSorted(bool on) {
  if (on == sorted_) return;
  sorted_ = on;
  sortAction_->setChecked(on);
  arrange();
  Q_EMIT sortedChanged(on);
}

const Profile& ProfilePlot::profile() const {
  return profileOf(*detail_);
}

const Profile& ProfilePlot::profileOf(const AnalysisDetail& detail) const {
  const ErrorReport& report = detail.report;
  if (side_ == Side::Rows) return report.rows;
  return side_ == Side::GroupPositions ? report.groupPositions : report.columns;
}

const Profile::Point& ProfilePlot::pointAt(std::size_t place) const {
  return profile().points[order_[place]];
}

/// The left end of a point; where the points stand in order, its first member.
double ProfilePlot::xOf(std::size_t place) const {
  return static_cast<double>(std::min(place * profile().perPoint, profile().length));
}

void ProfilePlot::arrange() {
  order_.clear();
  QVector<double> x;
  QVector<double> mean;
  QVector<double> worst;
  if (detail_) {
    const auto& points = profile().points;
    order_.resize(points.size());
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    if (sorted_) {
      std::stable_sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
        return points[a].worstMse > points[b].worstMse;
      });
    }
    for (std::size_t place = 0; place < order_.size(); ++place) {
      x << xOf(place);
      mean << rmsOf(pointAt(place));
      worst << worstOf(pointAt(place));
    }
    if (!order_.empty()) {  // the last step's right end
      x << static_cast<double>(profile().length);
      mean << mean.back();
      worst << worst.back();
    }
  }
  mean_->setData(x, mean, true);
  worst_->setData(x, worst, true);
  arrangePins();
  const QString names[] = {tr("Row"), tr("Place of the group in its row"), tr("Input channel")};
  const QString name = names[static_cast<int>(side_)];
  canvas().xAxis->setLabel(sorted_ ? tr("%1s, the worst first").arg(name) : name);
  if (sorted_ && side_ == Side::GroupPositions) {
    canvas().xAxis->setLabel(tr("Places of groups, the worst first"));
  }
  dataChanged(false);
}

Plot::Table ProfilePlot::table() const {
  Table table{{QStringLiteral("first"), QStringLiteral("last"), QStringLiteral("rms_error"),
               QStringLiteral("worst"), QStringLiteral("worst_rms_error")},
              {}};
  if (selected() != nullptr) table.header << QStringLiteral("selected");
  for (std::size_t place = 0; place < order_.size(); ++place) {
    const Profile::Point& point = pointAt(place);
    table.rows.append({static_cast<double>(point.first),
                       static_cast<double>(point.first + point.members - 1), rmsOf(point),
                       static_cast<double>(point.worst), worstOf(point)});
    if (selected() != nullptr) table.rows.last().append(static_cast<double>(selectedAt(place)));
  }
  return table;
}

QString ProfilePlot::axisKey() const {
  const bool groups = hasData() && side_ == Side::GroupPositions && !sorted_;
  return groups ? groupAxisKey(detail_->report.map.layout) : QString();
}

QString ProfilePlot::summary() const {
  if (!failure().isEmpty()) return failure();
  if (!hasData()) return tr("No data");
  const auto& points = profile().points;
  const auto worst =
      std::max_element(points.begin(), points.end(),
                       [](const auto& a, const auto& b) { return a.worstMse < b.worstMse; });
  return tr("RMS error along %1 members; the largest is %2, of %3")
      .arg(countText(profile().length, locale()), valueText(worstOf(*worst), locale()),
           memberName(worst->worst));
}

QString ProfilePlot::memberName(std::size_t member) const {
  const QString names[] = {tr("row %1"), tr("group place %1"), tr("input channel %1")};
  return names[static_cast<int>(side_)].arg(countText(member, locale()));
}

void ProfilePlot::applyTheme() {
  const QColor color = theme().error;
  mean_->setPen(Qt::NoPen);
  mean_->setBrush(theme().highContrast ? color : mixed(color, theme().background, kFillOpacity));
  worst_->setPen(QPen(color, 1));
  stylePins();
}

bool ProfilePlot::hasData() const {
  return !order_.empty();
}

// The view ---------------------------------------------------------------------------------------

std::pair<double, double> ProfilePlot::fullRange() const {
  return {0, static_cast<double>(profile().length)};
}

double ProfilePlot::narrowestRange() const {
  return std::min(4.0 * static_cast<double>(profile().perPoint), fullRange().second);
}

void ProfilePlot::fitVertically(double lower, double upper) {
  double largest = 0;
  for (std::size_t place = 0; place < order_.size(); ++place) {
    const double left = xOf(place);
    if (left + static_cast<double>(profile().perPoint) < lower || left > upper) continue;
    largest = std::max(largest, worstOf(pointAt(place)));
    for (const PinOverlay& pin : pins_) {
      if (!isComparable(pin)) continue;
      largest = std::max(largest, rmsOf(profileOf(*pin.detail).points[order_[place]]));
    }
  }
  canvas().yAxis->setRange(0, largest > 0 ? largest * 1.08 : 1);
}

// The cursor -------------------------------------------------------------------------------------

/// Sorted, neighbours are members from everywhere.
std::optional<Selection> ProfilePlot::selectionOf(Item first, Item last) const {
  std::vector<IndexRange> members;
  for (int place = first.x(); place <= last.x(); ++place) {
    const Profile::Point& point = pointAt(static_cast<std::size_t>(place));
    members.push_back({point.first, point.members});
  }
  std::sort(members.begin(), members.end(),
            [](const IndexRange& a, const IndexRange& b) { return a.first < b.first; });
  std::vector<IndexRange> joined;
  for (const IndexRange& range : members) {
    if (!joined.empty() && joined.back().first + joined.back().size == range.first) {
      joined.back().size += range.size;
    } else {
      joined.push_back(range);
    }
  }
  if (side_ == Side::Rows) return Region{std::move(joined), {}};
  if (side_ == Side::GroupPositions) {
    const GroupLayout& layout = detail_->report.map.layout;
    for (IndexRange& range : joined) {
      const std::size_t end = std::min(layout.cols, layout.begin(range.first + range.size));
      range = {layout.begin(range.first), end - layout.begin(range.first)};
    }
  }
  return Region{{}, std::move(joined)};
}

std::uint64_t ProfilePlot::selectedAt(std::size_t place) const {
  if (selected() == nullptr || selected()->spec != detail_->spec) return 0;
  const SelectedWeights& chosen = *selected();
  const auto& counts = side_ == Side::Rows             ? chosen.rows
                       : side_ == Side::GroupPositions ? chosen.groupPositions
                                                       : chosen.columns;
  const std::size_t point = order_[place];
  return counts.size() == order_.size() ? counts[point] : 0;
}

/// A mark at the foot of each point that holds selected weights, the higher the more of its weights
/// are selected.
void ProfilePlot::drawSelected(QPainter& painter, const Frame& frame) const {
  if (selected() == nullptr) return;
  constexpr double kLeast = 4;
  constexpr double kMost = 18;
  painter.setRenderHint(QPainter::Antialiasing, false);
  for (std::size_t place = 0; place < order_.size(); ++place) {
    const std::uint64_t count = selectedAt(place);
    if (count == 0) continue;
    const double share =
        static_cast<double>(count) / static_cast<double>(pointAt(place).tally.count);
    const double height = kLeast + (kMost - kLeast) * share;
    const double left = frame.xToPixel(xOf(place));
    const double right = frame.xToPixel(xOf(place) + static_cast<double>(profile().perPoint));
    painter.fillRect(
        QRectF(left, frame.area.bottom() - height, std::max(1.0, right - left), height + 1),
        theme().selected);
  }
}

std::size_t ProfilePlot::itemCount() const {
  return order_.size();
}

double ProfilePlot::placeAt(double x) const {
  return std::floor(x / static_cast<double>(profile().perPoint));
}

double ProfilePlot::middleOf(std::size_t place) const {
  return xOf(place) + static_cast<double>(profile().perPoint) / 2;
}

QStringList ProfilePlot::linesOf(std::size_t place) const {
  const Profile::Point& point = pointAt(place);
  QStringList lines;
  if (point.members == 1) {
    lines = {memberName(point.first), tr("RMS error %1").arg(valueText(rmsOf(point), locale()))};
  } else {
    lines = spanLines(point);
  }
  lines << tr("largest |error| %1, of %2 weights")
               .arg(valueText(static_cast<double>(point.tally.maxAbsError), locale()),
                    countText(point.tally.count, locale()));
  for (const PinOverlay& pin : pins_) {
    if (!isComparable(pin)) continue;
    const double rms = rmsOf(profileOf(*pin.detail).points[order_[place]]);
    lines << tr("%1: %2").arg(pin.name, valueText(rms, locale()));
  }
  const QString chosen = selectedText(selectedAt(place));
  if (!chosen.isEmpty()) lines << chosen;
  return lines;
}

QStringList ProfilePlot::spanLines(const Profile::Point& point) const {
  return {
      tr("%1 to %2")
          .arg(memberName(point.first), countText(point.first + point.members - 1, locale())),
      tr("RMS error %1 together").arg(valueText(rmsOf(point), locale())),
      tr("%1 of %2, the worst").arg(valueText(worstOf(point), locale()), memberName(point.worst))};
}

void ProfilePlot::drawHover(QPainter& painter, const Frame& frame) const {
  const auto place = cursorPlace();
  if (!place) return;
  const double left = frame.xToPixel(xOf(*place));
  const double right = frame.xToPixel(xOf(*place) + static_cast<double>(profile().perPoint));
  const double top = frame.yToPixel(worstOf(pointAt(*place)));
  painter.fillRect(QRectF(left, frame.area.top(), std::max(1.0, right - left), frame.area.height()),
                   theme().band);
  const QPointF peak((left + right) / 2, top);
  painter.setPen(QPen(theme().background, 1.5));
  painter.setBrush(theme().text);
  painter.drawEllipse(peak, 4, 4);
  drawCallout(painter, frame.area, peak, linesOf(*place));
}

void ProfilePlot::drawOutliers(QPainter& painter) const {
  if (side_ != Side::InputChannels) return;
  const ChannelOutliers& outliers = detail_->report.outliers;
  QString text = tr("No outlier channels");
  if (outliers.count > 0) {
    QStringList names;
    for (std::size_t i = 0; i < std::min(kNamedOutliers, outliers.channels.size()); ++i) {
      const OutlierChannel& channel = outliers.channels[i];
      names << tr("%1 (%2×)")
                   .arg(countText(channel.channel, locale()),
                        valueText(channel.times(), locale(), 3));
    }
    if (outliers.count > kNamedOutliers) names << QStringLiteral("…");
    text = tr("%1 outlier channels: %2")
               .arg(countText(outliers.count, locale()), names.join(QStringLiteral(", ")));
  }
  painter.setFont(canvas().xAxis->labelFont());
  painter.setPen(theme().mutedText);
  const QFontMetricsF metrics(painter.font());
  painter.drawText(topStrip(), Qt::AlignLeft | Qt::AlignVCenter,
                   metrics.elidedText(text, Qt::ElideRight, topStrip().width()));
}

}  // namespace quantoscope::ui
