#include "core/io/model/pytorch_axes.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

namespace quantoscope {

namespace {

bool endsWith(std::string_view path, std::string_view end) {
  if (!path.ends_with(end)) return false;
  return path.size() == end.size() ||
         std::string_view("./+").find(path[path.size() - end.size() - 1]) != std::string_view::npos;
}

/// Lower case without underscores: "ConvTranspose2d" and "conv_transpose" both say "transpose".
bool saysTransposed(std::string_view component) {
  std::string text;
  for (const char c : component) {
    if (c != '_') text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return text.find("transpose") != std::string::npos || text.find("deconv") != std::string::npos;
}

bool isConv1DName(std::string_view layer) {
  return layer == "c_attn" || layer == "c_proj" || layer == "c_fc" || layer == "q_attn";
}

}  // namespace

bool hasConv1D(const StoredFile& file) {
  std::uint64_t width = 0;
  for (const StoredArray& array : file.arrays) {
    if (array.shape.size() == 2 && endsWith(array.path, "wte.weight")) width = array.shape[1];
  }
  if (width == 0) return false;
  return std::any_of(file.arrays.begin(), file.arrays.end(), [&](const StoredArray& array) {
    return (endsWith(array.path, "c_fc.weight") || endsWith(array.path, "c_attn.weight")) &&
           array.shape.size() == 2 && array.shape[0] == width && array.shape[1] != width;
  });
}

AxisMap pyTorchAxes(const std::vector<std::string>& components,
                    const std::vector<std::size_t>& shape, bool conv1D) {
  const std::size_t rank = shape.size();
  AxisMap axes = AxisMap::rows(rank);
  if (rank < 2 || components.size() < 2) return axes;
  const std::string& layer = components[components.size() - 2];
  const bool transposed =
      rank == 2 ? conv1D && isConv1DName(layer)
                : std::any_of(components.begin(), components.end() - 1, saysTransposed);
  if (transposed) std::swap(axes.order[0], axes.order[1]);
  return axes;
}

}  // namespace quantoscope
