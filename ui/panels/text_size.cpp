#include "ui/panels/text_size.h"

#include <utility>

#include <QApplication>
#include <QEvent>
#include <QWidget>

namespace quantoscope::ui {

namespace {

class FontFollower : public QObject {
 public:
  FontFollower(QWidget* widget, std::function<void()> arrange)
      : QObject(widget), arrange_(std::move(arrange)) {
    widget->installEventFilter(this);
  }

  bool eventFilter(QObject* watched, QEvent* event) override {
    const bool taken = QObject::eventFilter(watched, event);
    if (event->type() == QEvent::FontChange) {
      // The widget sees the event after its filters.
      QMetaObject::invokeMethod(
          this, [this] { arrange_(); }, Qt::QueuedConnection);
    }
    return taken;
  }

 private:
  std::function<void()> arrange_;
};

}  // namespace

void applyTextSize(int percent) {
  static const QFont kSystem = QApplication::font();
  QFont font = kSystem;
  if (font.pointSizeF() > 0) {
    font.setPointSizeF(kSystem.pointSizeF() * percent / 100);
  } else {
    font.setPixelSize(kSystem.pixelSize() * percent / 100);
  }
  QApplication::setFont(font);
}

void followFont(QWidget* widget, std::function<void()> arrange) {
  arrange();
  new FontFollower(widget, std::move(arrange));
}

}  // namespace quantoscope::ui
