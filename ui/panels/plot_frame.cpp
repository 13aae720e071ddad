#include "ui/panels/plot_frame.h"

#include <QHBoxLayout>
#include <QPainter>
#include <QVBoxLayout>

#include "ui/plots/plot.h"
#include "ui/plots/theme.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// A bold text that ends in an ellipsis where it is not given enough room.
class ElidedTitle : public QWidget {
 public:
  ElidedTitle(const QString& text, QWidget* parent) : QWidget(parent), text_(text) {
    QFont bold = font();
    bold.setBold(true);
    setFont(bold);
    setToolTip(tipText(text));
  }

  QSize sizeHint() const override {
    return {fontMetrics().horizontalAdvance(text_) + 2, fontMetrics().height()};
  }
  QSize minimumSizeHint() const override { return {1, fontMetrics().height()}; }

 protected:
  void paintEvent(QPaintEvent*) override {
    QPainter painter(this);
    painter.setPen(palette().color(QPalette::Text));
    painter.drawText(rect(), Qt::AlignLeft | Qt::AlignVCenter,
                     fontMetrics().elidedText(text_, Qt::ElideRight, width()));
  }

 private:
  QString text_;
};

}  // namespace

PlotFrame::PlotFrame(Plot* plot, QWidget* parent)
    : QFrame(parent), plot_(plot), headline_(new QHBoxLayout) {
  auto* title = new ElidedTitle(plot->title(), this);

  headline_->setContentsMargins(12, 6, 8, 0);
  headline_->setSpacing(6);
  // As high with controls as without, so that plots side by side line up.
  headline_->addStrut(fontMetrics().height() + 10);
  headline_->addWidget(title, 1);
  for (QWidget* control : plot->makeControls(this)) addControl(control);

  auto* layout = new QVBoxLayout(this);
  layout->setContentsMargins(1, 1, 1, 1);
  layout->setSpacing(2);
  layout->addLayout(headline_);
  layout->addWidget(plot, 1);
}

void PlotFrame::addControl(QWidget* control) {
  headline_->addWidget(control);
}

void PlotFrame::paintEvent(QPaintEvent*) {
  const PlotTheme theme = PlotTheme::from(palette());
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(theme.grid);
  painter.setBrush(theme.background);
  painter.drawRoundedRect(QRectF(rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4);
}

}  // namespace quantoscope::ui
