// A scroll area that only ever scrolls up and down.
#pragma once

#include <QScrollArea>

namespace quantoscope::ui {

/// Is never narrower than its widget and the scroll bar beside it need.
class VerticalScrollArea : public QScrollArea {
  Q_OBJECT

 public:
  /// Takes ownership of the widget.
  explicit VerticalScrollArea(QWidget* content, QWidget* parent = nullptr);

  QSize minimumSizeHint() const override;
  QSize sizeHint() const override;

 protected:
  bool eventFilter(QObject* watched, QEvent* event) override;
};

}  // namespace quantoscope::ui
