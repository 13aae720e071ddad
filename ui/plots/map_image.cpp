#include "ui/plots/map_image.h"

#include <algorithm>
#include <cmath>

#include "ui/plots/theme.h"

namespace quantoscope::ui {

namespace {

/// The cells from first to past that a pixel meets.
using Span = std::pair<std::size_t, std::size_t>;

Span cellsOfPixel(int pixel, int count, double from, double to, double perCell, std::size_t cells) {
  const double begin = (from + (to - from) * pixel / count) / perCell;
  const double end = (from + (to - from) * (pixel + 1) / count) / perCell;
  const auto last = static_cast<std::ptrdiff_t>(cells) - 1;
  const auto first =
      std::clamp(static_cast<std::ptrdiff_t>(std::floor(begin)), std::ptrdiff_t{0}, last);
  const auto past = std::clamp(static_cast<std::ptrdiff_t>(std::ceil(end)), first + 1, last + 1);
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(past)};
}

}  // namespace

const std::array<QRgb, kMapShades>& mapShades() {
  static const std::array<QRgb, kMapShades> table = [] {
    constexpr std::array<QRgb, 6> kAnchors = {0xff00224e, 0xff35456c, 0xff666970,
                                              0xff948e77, 0xffc8b866, 0xfffee838};
    std::array<QRgb, kMapShades> made{};
    for (int i = 0; i < kMapShades; ++i) {
      const double at = static_cast<double>(i) / (kMapShades - 1) * (kAnchors.size() - 1);
      const auto left = std::min<std::size_t>(static_cast<std::size_t>(at), kAnchors.size() - 2);
      const QColor color =
          mixed(QColor(kAnchors[left + 1]), QColor(kAnchors[left]), at - static_cast<double>(left));
      made[static_cast<std::size_t>(i)] = color.rgb();
    }
    return made;
  }();
  return table;
}

std::vector<float> reducedPlane(const MapView& view, const std::vector<float>& plane) {
  const BlockMap& map = *view.map;
  const int width = view.pixels.width();
  const int height = view.pixels.height();
  std::vector<Span> across;
  for (int x = 0; x < width; ++x) {
    across.push_back(cellsOfPixel(x, width, view.lower, view.upper,
                                  static_cast<double>(map.groupsPerCell), map.cellCols));
  }
  std::vector<float> reduced;
  reduced.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  std::vector<float> columns(map.cellCols);
  for (int y = 0; y < height; ++y) {
    const auto [firstRow, pastRow] =
        cellsOfPixel(y, height, 0, static_cast<double>(map.layout.rows),
                     static_cast<double>(map.rowsPerCell), map.cellRows);
    std::fill(columns.begin(), columns.end(), 0.0F);
    for (std::size_t row = firstRow; row < pastRow; ++row) {
      const float* cells = plane.data() + row * map.cellCols;
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = std::max(columns[c], cells[c]);
    }
    for (const auto& [first, past] : across) {
      reduced.push_back(*std::max_element(columns.begin() + static_cast<std::ptrdiff_t>(first),
                                          columns.begin() + static_cast<std::ptrdiff_t>(past)));
    }
  }
  return reduced;
}

QImage shadedImage(const MapView& view, const std::vector<float>& values, float largest) {
  QImage image(view.pixels, QImage::Format_RGB32);
  const double scale = largest > 0 ? (kMapShades - 1) / static_cast<double>(largest) : 0;
  auto value = values.begin();
  for (int y = 0; y < view.pixels.height(); ++y) {
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
    for (int x = 0; x < view.pixels.width(); ++x, ++value) {
      line[x] = mapShades()[static_cast<std::size_t>(static_cast<double>(*value) * scale)];
    }
  }
  return image;
}

void fade(QImage& image, const std::vector<float>& lit, const QColor& ground) {
  constexpr float kMost = 0.8F;
  const QRgb behind = ground.rgb();
  auto share = lit.begin();
  for (int y = 0; y < image.height(); ++y) {
    auto* line = reinterpret_cast<QRgb*>(image.scanLine(y));
    for (int x = 0; x < image.width(); ++x, ++share) {
      const float kept = 1 - kMost * (1 - *share);
      const auto mix = [kept](int top, int bottom) {
        return qRound(kept * static_cast<float>(top) + (1 - kept) * static_cast<float>(bottom));
      };
      line[x] = qRgb(mix(qRed(line[x]), qRed(behind)), mix(qGreen(line[x]), qGreen(behind)),
                     mix(qBlue(line[x]), qBlue(behind)));
    }
  }
}

}  // namespace quantoscope::ui
