// Badges in a cell of the tensor table.
#pragma once

#include <QStyledItemDelegate>

namespace quantoscope::ui {

/// Paints TensorListModel::BadgesRole as small rounded boxes side by side, as many as fit. A cell
/// without badges is painted as text.
class BadgeDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  explicit BadgeDelegate(QObject* parent = nullptr);

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

}  // namespace quantoscope::ui
