#include "ui/panels/name_delegate.h"

#include <QApplication>
#include <QPainter>

#include "ui/plots/theme.h"

namespace quantoscope::ui {

namespace {

constexpr int kNameMargin = 4;
constexpr int kRowPadding = 8;

bool isSeparator(QChar c) {
  return c == QLatin1Char('/') || c == QLatin1Char('.');
}

}  // namespace

NameDelegate::NameDelegate(QObject* parent) : QStyledItemDelegate(parent) {}

int NameDelegate::rowHeight(const QFontMetrics& metrics) const {
  return metrics.height() * (twoLines_ ? 2 : 1) + kRowPadding;
}

std::pair<QString, QString> NameDelegate::pathAndEnd(const QString& name,
                                                     const QFontMetrics& metrics, int width) {
  if (metrics.horizontalAdvance(name) <= width) return {QString(), name};
  qsizetype begin = 0;
  for (qsizetype i = name.size() - 1; i > 0; --i) {
    if (!isSeparator(name[i - 1])) continue;
    const bool fits = metrics.horizontalAdvance(name.mid(i)) <= width;
    if (begin > 0 && !fits) break;
    begin = i;
    if (!fits) break;
  }
  if (begin == 0) return {QString(), name};
  return {name.left(begin - 1), name.mid(begin)};
}

void NameDelegate::paint(QPainter* painter, const QStyleOptionViewItem& option,
                         const QModelIndex& index) const {
  if (!twoLines_) {
    QStyledItemDelegate::paint(painter, option, index);
    return;
  }
  QStyleOptionViewItem item = option;
  initStyleOption(&item, index);
  const QString name = std::exchange(item.text, QString());
  const QStyle* style = item.widget != nullptr ? item.widget->style() : QApplication::style();
  style->drawControl(QStyle::CE_ItemViewItem, &item, painter, item.widget);

  const bool selected = item.state.testFlag(QStyle::State_Selected);
  const auto group =
      item.state.testFlag(QStyle::State_Active) ? QPalette::Active : QPalette::Inactive;
  const QColor text =
      item.palette.color(group, selected ? QPalette::HighlightedText : QPalette::Text);
  const QColor back = item.palette.color(group, selected ? QPalette::Highlight : QPalette::Base);
  const QRect rect =
      item.rect.adjusted(kNameMargin, kRowPadding / 2, -kNameMargin, -kRowPadding / 2);
  const auto [path, end] = pathAndEnd(name, item.fontMetrics, rect.width());
  const int lineHeight = path.isEmpty() ? rect.height() : rect.height() / 2;
  const QRect top(rect.left(), rect.top(), rect.width(), lineHeight);

  painter->save();
  painter->setFont(item.font);
  painter->setPen(text);
  painter->drawText(top, Qt::AlignLeft | Qt::AlignVCenter,
                    item.fontMetrics.elidedText(end, Qt::ElideLeft, rect.width()));
  QFont small = item.font;
  small.setPointSizeF(small.pointSizeF() * 0.88);
  painter->setFont(small);
  painter->setPen(mixed(text, back, 0.68));
  painter->drawText(top.translated(0, top.height()), Qt::AlignLeft | Qt::AlignVCenter,
                    QFontMetrics(small).elidedText(path, Qt::ElideMiddle, rect.width()));
  painter->restore();
}

}  // namespace quantoscope::ui
