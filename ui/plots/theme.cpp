#include "ui/plots/theme.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace quantoscope::ui {

namespace {

constexpr double kReadable = 4.5;       // WCAG AA for text of normal size
constexpr double kHighContrast = 19.0;  // Fusion's light palette has 18.3 between text and window

double linear(double channel) {
  return channel <= 0.04045 ? channel / 12.92 : std::pow((channel + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& color) {
  return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) +
         0.0722 * linear(color.blueF());
}

QColor translucent(QColor color, double opacity) {
  color.setAlphaF(static_cast<float>(opacity));
  return color;
}

/// `text` mixed into the background as far as it stays readable.
QColor muted(const QColor& text, const QColor& background) {
  for (double share = 0.6; share < 1.0; share += 0.05) {
    const QColor color = mixed(text, background, share);
    if (contrastRatio(color, background) >= kReadable) return color;
  }
  return text;
}

}  // namespace

QColor pinColor(const PlotTheme& theme, int number) {
  static constexpr QRgb kOkabeIto[] = {0xffe69f00, 0xff56b4e9, 0xff009e73, 0xffcc79a7,
                                       0xff0072b2, 0xffd55e00, 0xfff0e442, 0xff999999};
  constexpr double kContrast = 3;
  QColor color(kOkabeIto[number % std::ssize(kOkabeIto)]);
  const QColor goal = theme.dark ? QColor(Qt::white) : QColor(Qt::black);
  for (int i = 0; i < 10 && contrastRatio(color, theme.background) < kContrast; ++i) {
    color = mixed(goal, color, 0.15);
  }
  return color;
}

double contrastRatio(const QColor& a, const QColor& b) {
  const auto [darker, lighter] = std::minmax({luminance(a), luminance(b)});
  return (lighter + 0.05) / (darker + 0.05);
}

QColor mixed(const QColor& top, const QColor& bottom, double share) {
  const auto mix = [share](float a, float b) {
    return static_cast<float>(share * a + (1 - share) * b);
  };
  return QColor::fromRgbF(mix(top.redF(), bottom.redF()), mix(top.greenF(), bottom.greenF()),
                          mix(top.blueF(), bottom.blueF()));
}

PlotTheme PlotTheme::from(const QPalette& palette) {
  const QColor base = palette.color(QPalette::Active, QPalette::Base);
  const QColor text = palette.color(QPalette::Active, QPalette::Text);

  PlotTheme theme;
  theme.dark = luminance(text) > luminance(base);
  theme.highContrast =
      contrastRatio(text, base) >= kHighContrast &&
      contrastRatio(palette.color(QPalette::Active, QPalette::WindowText),
                    palette.color(QPalette::Active, QPalette::Window)) >= kHighContrast;
  theme.background = base;
  theme.text = text;
  theme.mutedText = theme.highContrast ? text : muted(text, base);
  theme.axis = theme.highContrast ? text : mixed(text, base, 0.35);
  theme.grid = mixed(text, base, theme.highContrast ? 0.3 : theme.dark ? 0.11 : 0.08);
  theme.zeroLine = theme.highContrast ? text : mixed(text, base, 0.7);
  theme.band = translucent(text, theme.highContrast ? 0.16 : theme.dark ? 0.07 : 0.045);
  theme.focus = palette.color(QPalette::Active, QPalette::Highlight);
  if (contrastRatio(theme.focus, base) < 3.0) theme.focus = text;

  // Okabe and Ito's sky blue, bluish green and orange on dark; blue, green and vermillion on light.
  const QColor blue = theme.dark ? QColor(0x56, 0xB4, 0xE9) : QColor(0x00, 0x72, 0xB2);
  const QColor green = theme.dark ? QColor(0x1F, 0xBF, 0x93) : QColor(0x00, 0x9E, 0x73);
  const QColor warm = theme.dark ? QColor(0xE6, 0x9F, 0x00) : QColor(0xD5, 0x5E, 0x00);
  const QColor purple = theme.dark ? QColor(0xE0, 0x9A, 0xC1) : QColor(0xA8, 0x4B, 0x82);
  theme.error = blue;
  theme.weight = green;
  theme.level = warm;
  theme.curve = blue;
  theme.optimum = warm;
  theme.cursor = purple;
  // Yellow is the one of the eight that is left; as an amber it shows on light ground, too.
  theme.selected = theme.dark ? QColor(0xF0, 0xE4, 0x42) : QColor(0x8F, 0x5A, 0x00);
  return theme;
}

}  // namespace quantoscope::ui
