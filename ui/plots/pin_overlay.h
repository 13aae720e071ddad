// Pinned configurations as plots lay them over what they show.
#pragma once

#include <memory>

#include <QtGui/QPen>

#include "core/engine/detail.h"
#include "ui/plots/theme.h"

namespace quantoscope::ui {

/// One of them; of the tensor that is shown. What is not known (yet) is null and not drawn.
struct PinOverlay {
  QString name;
  int color = 0;                           ///< a number for pinColor()
  Histogram errors;                        ///< of y - w in weight units; may be empty
  std::shared_ptr<const ClipCurve> curve;  ///< over the same ratios as the plot's own
  SharedResult result;
  SharedDetail detail;
};

/// In the pin's colour, with dashes of its own: colour is not all there is to tell lines apart.
QPen pinPen(const PlotTheme& theme, int color, double width = 2);
/// Whether that pen has no dashes.
bool isSolidPin(int color);

}  // namespace quantoscope::ui
