#include "ui/panels/metric_delegate.h"

#include <utility>

#include <QApplication>
#include <QPainter>

#include "ui/models/comparison_model.h"
#include "ui/plots/theme.h"

namespace quantoscope::ui {

namespace {

constexpr int kMetricMargin = 6;

QFont small(QFont font) {
  font.setPointSizeF(font.pointSizeF() * 0.88);
  return font;
}

}  // namespace

/// Empty where there is none.
QString MetricDelegate::differenceOf(const QModelIndex& index) {
  const QModelIndex next = index.siblingAtColumn(index.column() + 1);
  return next.data(ComparisonModel::NumberRole).isValid() ? next.data().toString() : QString();
}

void MetricDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                           const QModelIndex& index) const {
  const QString difference = differenceOf(index);
  if (difference.isEmpty()) {
    QStyledItemDelegate::paint(painter, option, index);
    return;
  }
  QStyleOptionViewItem item = option;
  initStyleOption(&item, index);
  const QString text = std::exchange(item.text, QString());
  const QStyle* style = item.widget != nullptr ? item.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);
  const bool selected = item.state.testFlag(QStyle::State_Selected);
  const auto group =
      item.state.testFlag(QStyle::State_Active) ? QPalette::Active : QPalette::Inactive;
  const QColor ink =
      item.palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text);
  const QColor back = item.palette.color(group, selected ? QPalette::Highlight : QPalette::Base);
  const QRect rect = item.rect.adjusted(kMetricMargin, 2, -kMetricMargin, -2);
  painter->save();
  painter->setFont(item.font);
  painter->setPen(ink);
  painter->drawText(rect.adjusted(0, 0, 0, -rect.height() / 2), Qt::AlignRight | Qt::AlignVCenter,
                    text);
  painter->setFont(small(item.font));
  painter->setPen(mixed(ink, back, 0.75));
  painter->drawText(rect.adjusted(0, rect.height() / 2, 0, 0), Qt::AlignRight | Qt::AlignVCenter,
                    difference);
  painter->restore();
}

QSize MetricDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  QSize size = QStyledItemDelegate::sizeHint(option, index);
  const QFontMetrics metrics(small(option.font));
  size.rwidth() += kMetricMargin;  // the style's own margin is smaller
  return size.expandedTo({metrics.horizontalAdvance(differenceOf(index)) + 2 * kMetricMargin, 0});
}

}  // namespace quantoscope::ui
