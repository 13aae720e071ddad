#include "ui/panels/appearance.h"

#include <QApplication>
#include <QPainter>
#include <QProxyStyle>
#include <QStyleFactory>
#include <QStyleOption>
#include <QToolTip>

#include "ui/plots/theme.h"

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

/// Fusion without the lines about menu bar and toolbars, with check boxes that stand out from dark
/// ground, and with a line around every control where the contrast is high: its own outlines are
/// darker than the ground, and so vanish in black.
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
    const bool framed = element == PE_PanelButtonCommand || element == PE_FrameLineEdit ||
                        element == PE_Frame || element == PE_IndicatorCheckBox ||
                        element == PE_IndicatorRadioButton;
    if (framed && outline(option, painter)) return;
    const bool dark = option->palette.color(QPalette::Window).lightness() < 128;
    if (element != PE_IndicatorCheckBox || !dark) return;
    painter->setPen(option->palette.color(QPalette::PlaceholderText));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(option->rect.adjusted(0, 0, -1, -1));
  }

  void drawComplexControl(ComplexControl control, const QStyleOptionComplex* option,
                          QPainter* painter, const QWidget* widget) const override {
    QProxyStyle::drawComplexControl(control, option, painter, widget);
    if (control == CC_ComboBox || control == CC_SpinBox) outline(option, painter);
    if (control != CC_Slider) return;
    const QRect handle = subControlRect(control, option, SC_SliderHandle, widget);
    outline(option, painter, handle);
  }

 private:
  /// Whether the contrast is high, and thus a line drawn; thicker and in the accent with the focus.
  static bool outline(const QStyleOption* option, QPainter* painter, QRect rect = {}) {
    if (!PlotTheme::from(option->palette).highContrast) return false;
    if (rect.isNull()) rect = option->rect;
    const bool enabled = (option->state & State_Enabled) != 0;
    const bool focused = (option->state & State_HasFocus) != 0;
    QColor color =
        option->palette.color(enabled ? QPalette::WindowText : QPalette::PlaceholderText);
    if (focused) color = option->palette.color(QPalette::Highlight);
    painter->save();
    painter->setPen(QPen(color, focused ? 2 : 1));
    painter->setBrush(Qt::NoBrush);
    painter->drawRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5));
    painter->restore();
    return true;
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

QPalette highContrastPalette() {
  const QColor black(Qt::black);
  const QColor white(Qt::white);
  return paletteOf({.window = black,
                    .base = black,
                    .alternate = QColor(0x1a, 0x1a, 0x1a),
                    .text = white,
                    .button = black,
                    .border = white,
                    .accent = QColor(0xff, 0xe6, 0x00),
                    .accentText = black,
                    .link = QColor(0x8c, 0xd2, 0xff),
                    .tip = black,
                    .disabled = QColor(0xb0, 0xb0, 0xb0)});
}

namespace {

QPalette paletteFor(Appearance appearance) {
  if (appearance == Appearance::HighContrast) return highContrastPalette();
  return appearance == Appearance::Dark ? darkPalette() : lightPalette();
}

}  // namespace

void applyAppearance(Appearance appearance) {
  static const QString platformStyle = QApplication::style()->name();
  if (appearance == Appearance::System) {
    QApplication::setStyle(platformStyle);
    QApplication::setPalette(QPalette());
  } else {
    QApplication::setStyle(new FlatFusion);
    QApplication::setPalette(paletteFor(appearance));
  }
  // The system's are not copied, so that tooltips follow it, too.
  const bool system = appearance == Appearance::System;
  QToolTip::setPalette(system ? QPalette() : QApplication::palette());
}

}  // namespace quantoscope::ui
