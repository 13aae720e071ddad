// The colours of plots, derived from the palette of the widget they stand in.
#pragma once

#include <QtGui/QColor>
#include <QtGui/QPalette>

namespace quantoscope::ui {

/// Colours of one plot. The series colours are Okabe and Ito's, which people with colour-blindness
/// tell apart, in the variant that stands out from the background. A value type.
struct PlotTheme {
  QColor background;
  QColor text;       ///< labels and annotations
  QColor mutedText;  ///< tick labels and notes; at least 4.5:1 against the background
  QColor axis;
  QColor grid;
  QColor zeroLine;
  QColor error;     ///< the error histogram
  QColor weight;    ///< the weight histogram
  QColor level;     ///< quantization levels
  QColor curve;     ///< MSE over the clip ratio
  QColor optimum;   ///< the optimum of that curve
  QColor cursor;    ///< what the user moves: the current ratio
  QColor selected;  ///< weights that were chosen, in front of all others
  QColor band;      ///< shaded ranges; translucent
  QColor focus;     ///< the frame of the plot that has the keyboard
  bool dark = false;
  bool highContrast = false;

  /// Dark where the palette's text is lighter than its base. High contrast where text and base, and
  /// text and window, differ by 19:1 or more: then nothing is muted or translucent.
  static PlotTheme from(const QPalette& palette);

  bool operator==(const PlotTheme&) const = default;
};

/// The colour of a pinned configuration, by its number from 0: Okabe and Ito's eight, lightened or
/// darkened until they stand out from the theme's background by 3:1.
QColor pinColor(const PlotTheme& theme, int number);

/// The contrast of two opaque colours as WCAG 2 defines it: 1 (equal) to 21 (black on white).
double contrastRatio(const QColor& a, const QColor& b);

/// `top` over `bottom` with the opacity `share` in [0, 1].
QColor mixed(const QColor& top, const QColor& bottom, double share);

}  // namespace quantoscope::ui
