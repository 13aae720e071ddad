#include "ui/panels/win_bar.h"

#include <QLocale>
#include <QPainter>
#include <QStyleOptionFocusRect>

#include "ui/plots/series.h"
#include "ui/plots/theme.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

WinBar::WinBar(QWidget* parent) : QWidget(parent) {
  setAccessibleName(tr("Groups won"));
  setFocusPolicy(Qt::TabFocus);
  setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
}

QSize WinBar::sizeHint() const {
  return {fontMetrics().averageCharWidth() * 40, fontMetrics().height() + 8};
}

void WinBar::show(const Side& first, const Side& second, std::uint64_t groups) {
  first_ = first;
  second_ = second;
  groups_ = groups;
  const QLocale numbers = locale();
  const QString text = groups == 0
                           ? QString()
                           : tr("%1 wins %2 groups, %3 wins %4, %5 are drawn")
                                 .arg(first.name, countText(first.wins, numbers), second.name,
                                      countText(second.wins, numbers),
                                      countText(groups - first.wins - second.wins, numbers));
  setAccessibleDescription(text);
  setToolTip(tipText(text));
  update();
}

void WinBar::paintEvent(QPaintEvent*) {
  QPainter painter(this);
  const PlotTheme theme = PlotTheme::from(palette());
  const QRectF bar = QRectF(rect()).adjusted(1, 2, -1, -2);
  painter.fillRect(bar, mixed(theme.text, theme.background, 0.12));
  if (groups_ == 0) return;
  const auto drawSide = [&](const Side& side, bool left) {
    const double share = static_cast<double>(side.wins) / static_cast<double>(groups_);
    const double width = bar.width() * share;
    QRectF part(left ? bar.left() : bar.right() - width, bar.top(), width, bar.height());
    const QColor color = side.color < 0 ? theme.text : pinColor(theme, side.color);
    painter.fillRect(part, color);
    const QString text = percentText(share, locale());
    const double needed = fontMetrics().horizontalAdvance(text) + 12;
    const bool inside = needed <= width;
    if (!inside)
      part = QRectF(left ? part.right() : part.left() - needed, bar.top(), needed, bar.height());
    const bool darkText = contrastRatio(color, Qt::black) > contrastRatio(color, Qt::white);
    painter.setPen(!inside ? theme.text : darkText ? QColor(Qt::black) : QColor(Qt::white));
    painter.drawText(part.adjusted(6, 0, -6, 0),
                     (left ? Qt::AlignLeft : Qt::AlignRight) | Qt::AlignVCenter, text);
  };
  drawSide(first_, true);
  drawSide(second_, false);
  if (hasFocus()) {
    painter.setPen(QPen(theme.focus, 2));
    painter.setBrush(Qt::NoBrush);
    painter.drawRect(bar);
  }
}

}  // namespace quantoscope::ui
