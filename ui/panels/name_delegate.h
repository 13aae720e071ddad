// Long tensor names in a narrow column.
#pragma once

#include <utility>

#include <QStyledItemDelegate>

namespace quantoscope::ui {

/// Draws a name on two lines when asked to: its end, as much as fits, and below it faintly the
/// path that leads there.
class NameDelegate : public QStyledItemDelegate {
  Q_OBJECT

 public:
  explicit NameDelegate(QObject* parent = nullptr);

  void setTwoLines(bool on) { twoLines_ = on; }
  bool twoLines() const { return twoLines_; }
  /// The height of a row for a font.
  int rowHeight(const QFontMetrics& metrics) const;

  /// A name cut at '/' or '.' into the path and the longest end that is at most `width` wide; the
  /// last part is never cut.
  static std::pair<QString, QString> pathAndEnd(const QString& name, const QFontMetrics& metrics,
                                                int width);

  void paint(QPainter* painter, const QStyleOptionViewItem& option,
             const QModelIndex& index) const override;

 private:
  bool twoLines_ = false;
};

}  // namespace quantoscope::ui
