#include "ui/panels/appearance.h"

#include <QApplication>
#include <QPainter>
#include <QProxyStyle>
#include <QStyleFactory>
#include <QStyleOption>
#include <QToolTip>

namespace quantoscope::ui {

namespace {

struct Colors {
  QColor window, base, alternate, text, button, border, accent, accentText, link, tip, disabled;
};

QPalette paletteOf(const Colors& colors) {
  QPalette palette(colors.text, colors.button, colors.base, colors.border.darker(115),
                   colors.border, colors.text, colors.text, colors.base, colors.window);
  palette.setColor(QPalette::AlternateBase, colors.alternate);
  palette.setColor(QPalette::Midlight, colors.alternate);
  palette.setColor(QPalette::Shadow, colors.border.darker(150));
  palette.setColor(QPalette::Highlight, colors.accent);
  palette.setColor(QPalette::HighlightedText, colors.accentText);
  palette.setColor(QPalette::Link, colors.link);
  palette.setColor(QPalette::LinkVisited, colors.link);
  palette.setColor(QPalette::ToolTipBase, colors.tip);
  palette.setColor(QPalette::ToolTipText, colors.text);
  palette.setColor(QPalette::PlaceholderText, colors.disabled);
  for (const auto role : {QPalette::Text, QPalette::WindowText, QPalette::ButtonText}) {
    palette.setColor(QPalette::Disabled, role, colors.disabled);
  }
  palette.setColor(QPalette::Disabled, QPalette::Highlight, colors.border);
  palette.setColor(QPalette::Disabled, QPalette::HighlightedText, colors.disabled);
  return palette;
}

/// Fusion without the lines about menu bar and toolbars, and with check boxes that stand out from
/// dark ground.
class FlatFusion : public QProxyStyle {
 public:
  FlatFusion() : QProxyStyle(QStyleFactory::create(QStringLiteral("Fusion"))) {}

  void drawControl(ControlElement element, const QStyleOption* option, QPainter* painter,
                   const QWidget* widget) const override {
    if (element == CE_ToolBar || element == CE_MenuBarEmptyArea) return;
    QProxyStyle::drawControl(element, option, painter, widget);
    if (element == CE_MenuBarItem) {
      painter->setPen(option->palette.color(QPalette::Window));
      painter->drawLine(option->rect.bottomLeft(), option->rect.bottomRight());
    }
  }

  void drawPrimitive(PrimitiveElement element, const QStyleOption* option, QPainter* painter,
                     const QWidget* widget) const override {
    QProxyStyle::drawPrimitive(element, option, painter, widget);
    const bool dark = option->palette.color(QPalette::Window).lightness() < 128;
    if (element != PE_IndicatorCheckBox || !dark) return;
    painter->setPen(option->palette.color(QPalette::PlaceholderText));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
  }
};

}  // namespace

QPalette lightPalette() {
  return paletteOf({.window = QColor(0xf4, 0xf5, 0xf7),
                    .base = QColor(0xff, 0xff, 0xff),
                    .alternate = QColor(0xf7, 0xf8, 0xfa),
                    .text = QColor(0x1f, 0x24, 0x2b),
                    .button = QColor(0xf8, 0xf9, 0xfa),
                    .border = QColor(0xc9, 0xce, 0xd6),
                    .accent = QColor(0x1f, 0x6f, 0xb8),
                    .accentText = QColor(0xff, 0xff, 0xff),
                    .link = QColor(0x1a, 0x64, 0xa8),
                    .tip = QColor(0xff, 0xff, 0xff),
                    .disabled = QColor(0x8a, 0x92, 0x9e)});
}

QPalette darkPalette() {
  return paletteOf({.window = QColor(0x1c, 0x1f, 0x24),
                    .base = QColor(0x26, 0x2a, 0x31),
                    .alternate = QColor(0x2b, 0x2f, 0x37),
                    .text = QColor(0xe3, 0xe7, 0xec),
                    .button = QColor(0x32, 0x37, 0x40),
                    .border = QColor(0x46, 0x4d, 0x58),
                    .accent = QColor(0x2f, 0x7d, 0xc4),
                    .accentText = QColor(0xff, 0xff, 0xff),
                    .link = QColor(0x6d, 0xb3, 0xf2),
                    .tip = QColor(0x2d, 0x32, 0x3a),
                    .disabled = QColor(0x7f, 0x88, 0x94)});
}

void applyAppearance(Appearance appearance) {
  static const QString platformStyle = QApplication::style()->name();
  if (appearance == Appearance::System) {
    QApplication::setStyle(platformStyle);
    QApplication::setPalette(QPalette());
  } else {
    QApplication::setStyle(new FlatFusion);
    QApplication::setPalette(appearance == Appearance::Dark ? darkPalette() : lightPalette());
  }
  QToolTip::setPalette(QApplication::palette());
}

}  // namespace quantoscope::ui
