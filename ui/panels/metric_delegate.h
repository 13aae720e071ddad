// A number with its difference below.
#pragma once

#include <QStyledItemDelegate>

namespace quantoscope::ui {

/// Draws the text of a cell and, fainter below, that of the cell behind it, which holds the
/// difference from the baseline. Where no cell has one, a line is enough.
class MetricDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  explicit MetricDelegate(QObject* parent = nullptr) : QStyledItemDelegate(parent) {}

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;
  QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;

 private:
  static QString differenceOf(const QModelIndex& index);
};

}  // namespace quantoscope::ui
