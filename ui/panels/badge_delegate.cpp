#include "ui/panels/badge_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/models/tensor_list_model.h"
#include "ui/plots/theme.h"

namespace quantoscope::ui {

namespace {

constexpr int kBadgeMargin = 4;
constexpr int kPadding = 4;  // left and right of the letters
constexpr int kGap = 3;

QFont smallFont(QFont font) {
  if (font.pointSizeF() > 0) font.setPointSizeF(font.pointSizeF() * 0.85);
  return font;
}

std::vector<TensorBadge> badgesAt(const QModelIndex& index) {
  return index.data(TensorListModel::BadgesRole).value<std::vector<TensorBadge>>();
}

QColor tintOf(TensorBadge::Kind kind, const QPalette& palette) {
  switch (kind) {
    case TensorBadge::Kind::Refusal:
      return QColor(0xd5, 0x3f, 0x3f);
    case TensorBadge::Kind::Filter:
      return palette.color(QPalette::Highlight);
    default:
      return palette.color(QPalette::Text);
  }
}

}  // namespace

BadgeDelegate::BadgeDelegate(QObject* parent) : QStyledItemDelegate(parent) {}

void BadgeDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                          const QModelIndex& index) const {
  const std::vector<TensorBadge> badges = badgesAt(index);
  if (badges.empty()) {
    QStyledItemDelegate::paint(painter, option, index);
    return;
  }
  QStyleOptionViewItem item = option;
  initStyleOption(&item, index);
  item.text.clear();
  const QStyle* style = item.widget != nullptr ? item.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);

  const bool selected = item.state.testFlag(QStyle::State_Selected);
  const QFont font = smallFont(item.font);
  const QFontMetrics metrics(font);
  const QColor back = item.palette.color(selected ? QPalette::Highlight : QPalette::Base);
  painter->save();
  painter->setFont(font);
  painter->setRenderHint(QPainter::Antialiasing);
  int x = item.rect.left() + kBadgeMargin;
  for (const TensorBadge& badge : badges) {
    const int width = metrics.horizontalAdvance(badge.text) + 2 * kPadding;
    if (x + width > item.rect.right()) break;
    QRectF box(x, 0, width, metrics.height() + 1);
    box.moveTop(item.rect.center().y() - box.height() / 2 + 0.5);
    const QColor ink = selected ? item.palette.color(QPalette::HighlightedText)
                                : item.palette.color(QPalette::Text);
    const QColor tint = selected ? ink : tintOf(badge.kind, item.palette);
    painter->setPen(QPen(mixed(tint, back, 0.45), 1));
    painter->setBrush(mixed(tint, back, 0.12));
    painter->drawRoundedRect(box, 3, 3);
    painter->setPen(ink);
    painter->drawText(box, Qt::AlignCenter, badge.text);
    x += width + kGap;
  }
  painter->restore();
}

QSize BadgeDelegate::sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const {
  const std::vector<TensorBadge> badges = badgesAt(index);
  if (badges.empty()) return QStyledItemDelegate::sizeHint(option, index);
  const QFontMetrics metrics(smallFont(option.font));
  int width = 2 * kBadgeMargin;
  for (const TensorBadge& badge : badges) {
    width += metrics.horizontalAdvance(badge.text) + 2 * kPadding + kGap;
  }
  return {width, metrics.height() + 4};
}

}  // namespace quantoscope::ui
