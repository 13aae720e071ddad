#include "ui/main_window/action_icon.h"

#include <QFile>
#include <QGuiApplication>
#include <QIconEngine>
#include <QPainter>
#include <QPalette>
#include <QtSvg/QSvgRenderer>

#include "ui/plots/theme.h"

namespace quantoscope::ui {

namespace {

QColor inkFor(QIcon::Mode mode) {
  const QPalette palette = QGuiApplication::palette();
  const QColor ground = palette.color(QPalette::Window);
  const QColor text = palette.color(QPalette::WindowText);
  const bool disabled = mode == QIcon::Disabled;
  if (PlotTheme::from(palette).highContrast) return disabled ? mixed(text, ground, 0.5) : text;
  return mixed(text, ground, disabled ? 0.25 : 0.65);
}

/// Colours are looked up when it paints, so that it follows the palette.
class InkEngine : public QIconEngine {
 public:
  explicit InkEngine(QString path) : path_(std::move(path)) {}

  void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State) override {
    const qreal ratio = painter->device()->devicePixelRatioF();
    painter->drawImage(rect, image(rect.size() * ratio, mode));
  }

  QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State) override {
    return QPixmap::fromImage(image(size, mode));
  }

  QIconEngine* clone() const override { return new InkEngine(path_); }

 private:
  QImage image(const QSize& size, QIcon::Mode mode) const {
    QImage drawn(size, QImage::Format_ARGB32_Premultiplied);
    drawn.fill(Qt::transparent);
    QPainter painter(&drawn);
    QSvgRenderer(path_).render(&painter);
    painter.setCompositionMode(QPainter::CompositionMode_SourceIn);
    painter.fillRect(drawn.rect(), inkFor(mode));
    return drawn;
  }

  QString path_;
};

}  // namespace

QIcon actionIcon(const QString& name) {
  const QString path = QStringLiteral(":/icons/actions/%1.svg").arg(name);
  return QFile::exists(path) ? QIcon(new InkEngine(path)) : QIcon();
}

}  // namespace quantoscope::ui
