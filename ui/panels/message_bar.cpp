#include "ui/panels/message_bar.h"

#include <QAccessible>
#include <QEvent>
#include <QHBoxLayout>
#include <QKeyEvent>
#include <QLabel>
#include <QPainter>
#include <QPixmap>
#include <QPushButton>
#include <QToolButton>

#include "ui/plots/theme.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

QColor accentOf(MessageBar::Kind kind, const QPalette& palette) {
  if (kind == MessageBar::Kind::Error) return QColor(0xd5, 0x3f, 0x3f);
  return palette.color(QPalette::Highlight);
}

/// A disc with an exclamation mark or an i.
QPixmap symbolOf(MessageBar::Kind kind, const QColor& color, qreal pixelRatio) {
  constexpr int kSize = 16;
  QPixmap pixmap(QSize(kSize, kSize) * pixelRatio);
  pixmap.setDevicePixelRatio(pixelRatio);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  painter.setPen(Qt::NoPen);
  painter.setBrush(color);
  painter.drawEllipse(0, 0, kSize, kSize);
  QFont font = painter.font();
  font.setPixelSize(12);
  font.setBold(true);
  painter.setFont(font);
  painter.setPen(Qt::white);
  const bool error = kind == MessageBar::Kind::Error;
  painter.drawText(QRect(0, 0, kSize, kSize), Qt::AlignCenter,
                   error ? QStringLiteral("!") : QStringLiteral("i"));
  return pixmap;
}

}  // namespace

MessageBar::MessageBar(QWidget* parent)
    : QFrame(parent),
      icon_(new QLabel(this)),
      label_(new QLabel(this)),
      button_(new QPushButton(this)),
      close_(new QToolButton(this)) {
  setAutoFillBackground(true);
  icon_->setAccessibleName(tr("Kind of message"));
  label_->setWordWrap(true);
  label_->setTextFormat(Qt::PlainText);
  label_->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  label_->setAccessibleName(tr("Message"));
  label_->setFocusPolicy(Qt::ClickFocus);
  close_->setAutoRaise(true);
  close_->setText(QStringLiteral("✕"));
  close_->setAccessibleName(tr("Dismiss message"));
  close_->setToolTip(tr("Dismiss"));
  close_->setFocusPolicy(Qt::TabFocus);

  auto* layout = new QHBoxLayout(this);
  layout->setContentsMargins(10, 5, 6, 5);
  layout->setSpacing(8);
  layout->addWidget(icon_, 0, Qt::AlignVCenter);
  layout->addWidget(label_, 1);
  layout->addWidget(button_, 0, Qt::AlignVCenter);
  layout->addWidget(close_, 0, Qt::AlignTop);
  button_->setObjectName(QStringLiteral("messageAction"));
  button_->setAccessibleName(tr("Offered action"));
  button_->hide();
  connect(button_, &QPushButton::clicked, this, [this] {
    const std::function<void()> action = action_;
    clear();
    if (action) action();
  });
  connect(close_, &QToolButton::clicked, this, [this] {
    clear();
    Q_EMIT dismissed();
  });
  hide();
}

void MessageBar::showMessage(Kind kind, const QString& message, const QString& button,
                             std::function<void()> action) {
  showMessage(kind, message);
  action_ = std::move(action);
  button_->setText(button);
  button_->setAccessibleName(button);
  button_->show();
}

void MessageBar::showMessage(Kind kind, const QString& message) {
  button_->hide();
  action_ = {};
  kind_ = kind;
  const QString shown = shownLines(message);
  label_->setText(shown);
  label_->setAccessibleDescription(shown);
  applyColors();
  show();
  QAccessibleEvent event(label_, QAccessible::Alert);
  QAccessible::updateAccessibility(&event);
}

void MessageBar::addMessage(Kind kind, const QString& message, const QString& button) {
  if (!offersSomething()) return showMessage(kind, message, button, [] {});
  const std::function<void()> offered = action_;
  showMessage(kind_, text() + QLatin1Char('\n') + message, button_->text(), offered);
}

void MessageBar::clear() {
  label_->clear();
  action_ = {};
  hide();
}

QString MessageBar::text() const {
  return label_->text();
}

void MessageBar::changeEvent(QEvent* event) {
  QFrame::changeEvent(event);
  if (event->type() == QEvent::ApplicationPaletteChange) applyColors();
}

void MessageBar::keyPressEvent(QKeyEvent* event) {
  if (event->key() == Qt::Key_Escape) {
    close_->click();
  } else {
    QFrame::keyPressEvent(event);
  }
}

void MessageBar::applyColors() {
  // From the parent's palette, since our own holds the colours of the last message.
  const QPalette base = parentWidget() != nullptr ? parentWidget()->palette() : QPalette();
  QPalette tinted = base;
  const double share = kind_ == Kind::Hint ? 0.08 : 0.16;
  tinted.setColor(QPalette::Window,
                  mixed(accentOf(kind_, base), base.color(QPalette::Window), share));
  setPalette(tinted);
  icon_->setPixmap(symbolOf(kind_, accentOf(kind_, base), devicePixelRatio()));
}

}  // namespace quantoscope::ui
