#include "ui/panels/head_to_head_panel.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QLabel>
#include <QPainter>
#include <QSignalBlocker>
#include <QTabBar>
#include <QTabWidget>
#include <QVBoxLayout>

#include "ui/panels/plot_frame.h"
#include "ui/panels/win_bar.h"
#include "ui/plots/difference_map_plot.h"
#include "ui/plots/difference_plot.h"
#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

QIcon swatch(const PlotTheme& theme, int color, int side) {
  QPixmap square(side, side);
  square.fill(color < 0 ? theme.text : pinColor(theme, color));
  return QIcon(square);
}

QComboBox* chooser(const char* name, const QString& spoken, QWidget* parent) {
  auto* box = new QComboBox(parent);
  box->setObjectName(QString::fromLatin1(name));
  box->setAccessibleName(spoken);
  box->setToolTip(spoken);
  box->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
  box->setMinimumContentsLength(10);
  return box;
}

}  // namespace

HeadToHeadPanel::HeadToHeadPanel(HeadToHead* headToHead, QWidget* parent)
    : QWidget(parent),
      headToHead_(headToHead),
      first_(chooser("headToHeadFirst", tr("First settings"), this)),
      second_(chooser("headToHeadSecond", tr("Second settings"), this)),
      bar_(new WinBar(this)),
      verdict_(new QLabel(this)),
      plot_(new DifferencePlot),
      map_(new DifferenceMapPlot) {
  verdict_->setObjectName(QStringLiteral("headToHeadVerdict"));
  verdict_->setAccessibleName(tr("Who wins"));
  verdict_->setWordWrap(true);
  verdict_->setTextInteractionFlags(Qt::TextSelectableByMouse);
  auto* sides = new QHBoxLayout;
  auto* against = new QLabel(tr("against"), this);
  sides->addWidget(first_, 1);
  sides->addWidget(against);
  sides->addWidget(second_, 1);
  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(6, 4, 6, 4);
  layout->setSpacing(4);
  layout->addLayout(sides);
  layout->addWidget(bar_);
  layout->addWidget(verdict_);
  auto* views = new QTabWidget(this);
  views->setObjectName(QStringLiteral("headToHeadViews"));
  views->setAccessibleName(tr("Views of the difference"));
  views->setDocumentMode(true);
  views->tabBar()->setAccessibleName(views->accessibleName());
  // Below all that stands above it, it shall not decide how small the window can be.
  constexpr int kLeastHeight = 60;
  plot_->setMinimumHeight(kLeastHeight);
  map_->setMinimumHeight(kLeastHeight);
  views->addTab(new PlotFrame(plot_), tr("Histogram"));
  views->addTab(new PlotFrame(map_), tr("Map"));
  layout->addWidget(views, 1);

  for (QComboBox* box : {first_, second_}) {
    connect(box, &QComboBox::activated, this, [this] {
      headToHead_->choose(first_->currentData().toInt(), second_->currentData().toInt());
    });
  }
  connect(headToHead, &HeadToHead::changed, this, [this] {
    if (isVisible()) refresh();
  });
  refresh();
}

void HeadToHeadPanel::refresh() {
  fillChoosers();
  showAnswer();
}

void HeadToHeadPanel::showEvent(QShowEvent* event) {
  headToHead_->setWanted(true);
  refresh();
  QWidget::showEvent(event);
}

void HeadToHeadPanel::hideEvent(QHideEvent* event) {
  headToHead_->setWanted(false);
  QWidget::hideEvent(event);
}

void HeadToHeadPanel::fillChoosers() {
  const PlotTheme theme = PlotTheme::from(palette());
  const int side = fontMetrics().height() * 2 / 3;
  const auto sides = headToHead_->sides();
  const std::vector<HeadToHead::Side> all = headToHead_->candidates();
  const auto fill = [&](QComboBox* box, int chosen) {
    const QSignalBlocker block(box);
    box->clear();
    for (const HeadToHead::Side& candidate : all) {
      box->addItem(swatch(theme, candidate.color, side), candidate.name, candidate.pin);
    }
    box->setCurrentIndex(box->findData(chosen));
    box->setEnabled(all.size() > 1);
  };
  fill(first_, sides ? sides->first.pin : HeadToHead::kPresent);
  fill(second_, sides ? sides->second.pin : -1);
}

QString HeadToHeadPanel::verdict() const {
  const SharedWinRate answer = headToHead_->answer();
  const auto sides = headToHead_->sides();
  if (!answer || !sides) {
    const QString problem = headToHead_->problem();
    return problem.isEmpty() ? tr("Comparing…") : problem;
  }
  const QLocale numbers = locale();
  const auto share = [&](std::uint64_t part, std::uint64_t all) {
    return percentText(static_cast<double>(part) / static_cast<double>(all), numbers);
  };
  return tr("%1 groups of %2 weights: %3 wins %4, %5 wins %6, %7 drawn. Weights equally near: %8")
      .arg(countText(answer->groups, numbers), countText(answer->groupSize, numbers),
           sides->first.name, countText(answer->firstWins, numbers), sides->second.name,
           countText(answer->secondWins, numbers), countText(answer->draws(), numbers),
           share(answer->weights - answer->firstNearer - answer->secondNearer, answer->weights));
}

void HeadToHeadPanel::showAnswer() {
  const SharedWinRate answer = headToHead_->answer();
  const auto sides = headToHead_->sides();
  verdict_->setText(verdict());
  const bool awaited = !answer && headToHead_->problem().isEmpty();
  if (answer && sides) {
    bar_->show({sides->first.name, sides->first.color, answer->firstWins},
               {sides->second.name, sides->second.color, answer->secondWins}, answer->groups);
    plot_->setAnswer(answer, {sides->first.name, sides->first.color},
                     {sides->second.name, sides->second.color});
    map_->setAnswer(answer, {sides->first.name, sides->first.color},
                    {sides->second.name, sides->second.color});
  } else if (!awaited) {
    bar_->show({}, {}, 0);
    plot_->setEmptyText(headToHead_->problem());
    plot_->setAnswer(nullptr, {}, {});
    map_->setEmptyText(headToHead_->problem());
    map_->setAnswer(nullptr, {}, {});
  }
  plot_->setStale(awaited);
  map_->setStale(awaited);
}

}  // namespace quantoscope::ui
