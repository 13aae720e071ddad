#include "ui/plots/pin_overlay.h"

namespace quantoscope::ui {

QPen pinPen(const PlotTheme& theme, int color, double width) {
  static constexpr Qt::PenStyle kStyles[] = {Qt::SolidLine, Qt::DashLine, Qt::DotLine,
                                             Qt::DashDotLine};
  return {pinColor(theme, color), width, kStyles[color % 4]};
}

bool isSolidPin(int color) {
  return color % 4 == 0;
}

}  // namespace quantoscope::ui
