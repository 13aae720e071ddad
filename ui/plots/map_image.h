// A map of cells as pixels.
#pragma once

#include <array>
#include <utility>
#include <vector>

#include <QtGui/QColor>
#include <QtGui/QImage>

#include "core/metrics/block_map.h"

namespace quantoscope::ui {

inline constexpr int kMapShades = 256;

/// Cividis (Nunez, Anderton and Renslow 2018): rises evenly in lightness and looks the same to
/// people with and without colour-blindness. Its own colours at six places, straight lines between.
const std::array<QRgb, kMapShades>& mapShades();

/// What is drawn of a map: all rows, and the groups from `lower` to `upper`.
struct MapView {
  const BlockMap* map = nullptr;
  QSize pixels;
  double lower = 0;
  double upper = 0;
};

/// One value for each pixel, row-major: the largest of the cells that it meets, so that none is
/// lost between two. `plane` has a value of 0 or more for each cell.
std::vector<float> reducedPlane(const MapView& view, const std::vector<float>& plane);

/// Values as shades, from 0 to `largest`.
QImage shadedImage(const MapView& view, const std::vector<float>& values, float largest);

/// Fades pixels into `ground` where `lit`, 0..1 for each pixel, is below 1; by 0.8 where it is 0.
void fade(QImage& image, const std::vector<float>& lit, const QColor& ground);

}  // namespace quantoscope::ui
