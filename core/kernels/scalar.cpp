#include <algorithm>
#include <cmath>

#include "core/kernels/error_counts.h"
#include "core/kernels/half_arithmetic.h"
#include "core/kernels/kernels.h"
#include "core/kernels/scale_formats.h"

namespace quantoscope::kernels {

namespace {

struct Extremes {
  float min;
  float max;
};

Extremes extremesOf(const float* x, std::size_t n) {
  Extremes found{x[0], x[0]};
  for (std::size_t i = 1; i < n; ++i) {
    if (x[i] < found.min) found.min = x[i];
    if (x[i] > found.max) found.max = x[i];
  }
  return found;
}

/// The first of those of the largest magnitude.
float farthestOf(const float* x, std::size_t n) {
  return *std::max_element(x, x + n, [](float a, float b) { return std::fabs(a) < std::fabs(b); });
}

struct Parameters {
  float scale;
  float zeroPoint;
};

Parameters asymmetricParameters(const Codec& codec, Extremes x, float ratio) {
  float wmin = std::min(x.min, 0.0f) * ratio;
  float wmax = std::max(x.max, 0.0f) * ratio;
  if (wmin == 0 && wmax == 0) {
    wmin = -1;
    wmax = 1;
  }
  const float scale = (wmax - wmin) / codec.maxCode;
  // Adding +0 makes the sign of a zero the same whatever the sign of the extremes' zero was.
  return {scale, std::nearbyintf(-wmin / scale) + 0.0f};
}

Parameters symmetricParameters(const Codec& codec, Extremes x, float ratio) {
  float amax = std::max(std::fabs(x.max), std::fabs(x.min)) * ratio;
  if (amax == 0) amax = 1;
  if (codec.halfRange) return {amax / ((codec.maxCode - codec.minCode) / 2), 0};
  if (!codec.fullRange) return {amax / codec.maxCode, 0};
  const float scale = amax / -codec.minCode;
  return {std::fabs(x.max) > std::fabs(x.min) ? -scale : scale, 0};
}

Parameters codebookParameters(const Codec& codec, Extremes x, float ratio) {
  const float amax = std::max(std::fabs(x.max), std::fabs(x.min)) * ratio;
  const float maxLevel = codec.codebook->maxMagnitude();
  switch (codec.scaleFormat) {
    case ScaleFormat::Float32:
      return {amax / maxLevel, 0};
    case ScaleFormat::E8m0:
      return {e8m0Scale(amax, maxLevel), 0};
    case ScaleFormat::E4m3:
      return {nvfp4Scale(amax, maxLevel, codec.tensorScale), 0};
    case ScaleFormat::SignedHalf: {
      const float farthest = std::fabs(x.max) > std::fabs(x.min) ? x.max : x.min;
      return {signedHalfScale(farthest * ratio, codec.codebook->farthest()), 0};
    }
  }
  return {1, 0};
}

Parameters parametersOf(const Codec& codec, Extremes x, float ratio) {
  if (codec.arithmetic != Arithmetic::Float32 && codec.kind != CodecKind::Asymmetric) {
    return {halfScale(codec, x.min, x.max, ratio), 0};
  }
  switch (codec.kind) {
    case CodecKind::Asymmetric:
      return asymmetricParameters(codec, x, ratio);
    case CodecKind::Symmetric:
      return symmetricParameters(codec, x, ratio);
    case CodecKind::Codebook:
      return codebookParameters(codec, x, ratio);
  }
  return {1, 0};
}

Parameters parametersOf(const Codec& codec, const float* x, std::size_t n, float ratio) {
  if (codec.followsFromExtremes()) return parametersOf(codec, extremesOf(x, n), ratio);
  const float farthest = farthestOf(x, n);
  return parametersOf(codec, {farthest, farthest}, ratio);
}

/// Calls fn(group index in the block, offset of its first element, length) in row-major order.
template <typename Fn>
void forEachGroup(const BlockShape& shape, Fn fn) {
  std::size_t group = 0;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize) {
      fn(group++, r * shape.cols + begin, std::min(shape.groupSize, shape.cols - begin));
    }
  }
}

// std::clamp keeps a -0 at a bound of 0, as the reference does; fmin and fmax would lose it.
float asymmetricCode(const Codec& codec, float x, float scale, float zeroPoint) {
  return std::clamp(std::nearbyintf(x / scale) + zeroPoint, 0.0f, codec.maxCode);
}

float symmetricCode(const Codec& codec, float x, float scale) {
  return std::clamp(std::nearbyintf(x / scale), codec.minCode, codec.maxCode);
}

void groupParameters(const Codec& codec, const BlockShape& shape, const float* w,
                     const double* ratios, std::size_t ratioStride, float* scale,
                     float* zeroPoint) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
    const auto ratio = static_cast<float>(ratios[g * ratioStride]);
    const Parameters found = parametersOf(codec, w + offset, length, ratio);
    scale[g] = found.scale;
    if (zeroPoint != nullptr) zeroPoint[g] = found.zeroPoint;
  });
}

void groupExtremes(const BlockShape& shape, const float* w, float* least, float* most) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
    const Extremes x = extremesOf(w + offset, length);
    least[g] = x.min;
    most[g] = x.max;
  });
}

void parametersOfExtremes(const Codec& codec, std::size_t groups, const float* least,
                          const float* most, double ratio, float* scale, float* zeroPoint) {
  for (std::size_t g = 0; g < groups; ++g) {
    const Parameters found = parametersOf(codec, {least[g], most[g]}, static_cast<float>(ratio));
    scale[g] = found.scale;
    if (zeroPoint != nullptr) zeroPoint[g] = found.zeroPoint;
  }
}

void quantizeDequantize(const Codec& codec, const BlockShape& shape, const float* w,
                        const float* scale, const float* zeroPoint, const float* decodeScale,
                        float* y) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
    if (codec.arithmetic != Arithmetic::Float32) {
      halfQuantizeDequantize(codec, w + offset, length, scale[g],
                             codec.hasZeroPoint() ? zeroPoint[g] : 0, decodeScale[g], y + offset);
      return;
    }
    for (std::size_t i = offset; i < offset + length; ++i) {
      switch (codec.kind) {
        case CodecKind::Asymmetric:
          y[i] =
              (asymmetricCode(codec, w[i], scale[g], zeroPoint[g]) - zeroPoint[g]) * decodeScale[g];
          break;
        case CodecKind::Symmetric:
          y[i] = symmetricCode(codec, w[i], scale[g]) * decodeScale[g];
          break;
        case CodecKind::Codebook:
          y[i] = codec.codebook->levels[codebookIndex(*codec.codebook, w[i] / scale[g])] *
                 decodeScale[g];
          break;
      }
    }
  });
}

void encode(const Codec& codec, const BlockShape& shape, const float* w, const float* scale,
            const float* zeroPoint, std::int32_t* codes) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
    if (codec.arithmetic != Arithmetic::Float32) {
      halfEncode(codec, w + offset, length, scale[g], codec.hasZeroPoint() ? zeroPoint[g] : 0,
                 codes + offset);
      return;
    }
    for (std::size_t i = offset; i < offset + length; ++i) {
      switch (codec.kind) {
        case CodecKind::Asymmetric:
          codes[i] = static_cast<std::int32_t>(asymmetricCode(codec, w[i], scale[g], zeroPoint[g]));
          break;
        case CodecKind::Symmetric:
          codes[i] = static_cast<std::int32_t>(symmetricCode(codec, w[i], scale[g]));
          break;
        case CodecKind::Codebook:
          codes[i] = codec.codebook->codes[codebookIndex(*codec.codebook, w[i] / scale[g])];
          break;
      }
    }
  });
}

/// Adds w^2 and w e of a span of a row.
void addSpan(const float* w, const float* y, std::size_t n, ErrorLanes& sums) {
  std::array<float, ErrorLanes::kLanes> squares{};
  std::array<float, ErrorLanes::kLanes> cross{};
  for (std::size_t c = 0; c < n; ++c) {
    squares[c % ErrorLanes::kLanes] += w[c] * w[c];
    cross[c % ErrorLanes::kLanes] += w[c] * (w[c] - y[c]);
  }
  if (!ErrorLanes::keptInFloat(*std::max_element(squares.begin(), squares.end()))) {
    sums.addProducts(w, y, n);
    return;
  }
  for (std::size_t lane = 0; lane < ErrorLanes::kLanes; ++lane) {
    sums.squaredWeight[lane] += squares[lane];
    sums.cross[lane] += cross[lane];
  }
}

void addErrors(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums,
               ErrorPeak& peak) {
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols, y += shape.cols) {
    for (std::size_t c = 0; c < shape.cols; ++c) {
      const std::size_t lane = c % ErrorLanes::kLanes;
      const float rounded = w[c] - y[c];
      const double e = rounded;
      sums.squaredError[lane] += e * e;
      sums.error[lane] -= e;
      if (std::fabs(rounded) > peak.magnitude) peak = {std::fabs(rounded), r, c};
    }
    for (std::size_t c = 0; c < shape.cols; c += ErrorLanes::kSpan) {
      addSpan(w + c, y + c, std::min(ErrorLanes::kSpan, shape.cols - c), sums);
    }
  }
}

void addSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                      ErrorLanes::Lanes& squaredError) {
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t c = 0; c < shape.cols; ++c) {
      const double e = w[r * shape.cols + c] - y[r * shape.cols + c];
      squaredError[c % ErrorLanes::kLanes] += e * e;
    }
  }
}

void groupSquaredErrors(const BlockShape& shape, const float* w, const float* y,
                        double* squaredError) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
    ErrorLanes::Lanes lanes{};
    for (std::size_t i = 0; i < length; ++i) {
      const double e = w[offset + i] - y[offset + i];
      lanes[i % ErrorLanes::kLanes] += e * e;
    }
    squaredError[g] = ErrorLanes::total(lanes);
  });
}

void addCodingErrors(const Codec& codec, const BlockShape& shape, const float* w,
                     const float* scale, const float* zeroPoint, const float* decodeScale,
                     float* room, ErrorLanes& sums, ErrorPeak& peak) {
  quantizeDequantize(codec, shape, w, scale, zeroPoint, decodeScale, room);
  addErrors(shape, w, room, sums, peak);
}

void addCountedErrors(const Codec& codec, const BlockShape& shape, const float* w,
                      const float* scale, const float* zeroPoint, const float* decodeScale,
                      float* room, ErrorLanes& sums, ErrorPeak& peak, ErrorCounts& counts) {
  const std::size_t perRow = shape.groupsPerRow();
  for (std::size_t r = 0; r < shape.rows; ++r, w += shape.cols) {
    const std::size_t group = r * perRow;
    const BlockShape row{1, shape.cols, shape.groupSize};
    quantizeDequantize(codec, row, w, scale + group,
                       zeroPoint != nullptr ? zeroPoint + group : nullptr, decodeScale + group,
                       room);
    ErrorPeak found{peak.magnitude, 0, 0};
    addErrors(row, w, room, sums, found);
    if (found.magnitude > peak.magnitude) peak = {found.magnitude, r, found.col};
    const ErrorCounts::Row bins = counts.beginRow(shape.cols);
    counts.findBins(bins, w, room, shape.cols);
    counts.endRow(bins);
  }
}

void addCodingSquaredErrors(const Codec& codec, const BlockShape& shape, const float* w,
                            const float* scale, const float* zeroPoint, const float* decodeScale,
                            float* room, ErrorLanes::Lanes& squaredError) {
  quantizeDequantize(codec, shape, w, scale, zeroPoint, decodeScale, room);
  addSquaredErrors(shape, w, room, squaredError);
}

void summarize(const float* x, std::size_t n, Summary& summary) {
  for (std::size_t i = 0; i < n; ++i) {
    switch (std::fpclassify(x[i])) {
      case FP_NAN:
        ++summary.nan;
        continue;
      case FP_INFINITE:
        ++summary.inf;
        continue;
      case FP_ZERO:
        ++summary.zero;
        break;
      case FP_SUBNORMAL:
        ++summary.subnormal;
        break;
      default:
        break;
    }
    summary.min = std::min(summary.min, x[i]);
    summary.max = std::max(summary.max, x[i]);
    summary.sum[i % ErrorLanes::kLanes] += x[i];
  }
}

void addMoments(const float* x, std::size_t n, double mean, MomentLanes& moments) {
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) continue;
    const double deviation = x[i] - mean;
    const double squared = deviation * deviation;
    moments.second[i % ErrorLanes::kLanes] += squared;
    moments.fourth[i % ErrorLanes::kLanes] += squared * squared;
  }
}

void findBins(const float* x, std::size_t n, const BinRule& rule, std::int32_t* bins) {
  for (std::size_t i = 0; i < n; ++i) bins[i] = rule.binOf(x[i]);
}

}  // namespace

double ErrorLanes::total(Lanes lanes) {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

void ErrorLanes::addProducts(const float* w, const float* y, std::size_t n) {
  for (std::size_t c = 0; c < n; ++c) {
    const double weight = w[c];
    const double e = w[c] - y[c];
    squaredWeight[c % kLanes] += weight * weight;
    cross[c % kLanes] += weight * e;
  }
}

std::int32_t BinRule::binOf(float x) const {
  const double bin = std::floor((sign * x - lo) * bins / width);
  if (!(bin > 0)) return 0;  // and what is no number
  return static_cast<std::int32_t>(std::min(bin, bins - 1));
}

std::size_t codebookIndex(const Codebook& codebook, float t) {
  if (std::isnan(t)) {  // an all-zero group: 0 / 0
    const auto nearestToZero =
        std::min_element(codebook.levels.begin(), codebook.levels.end(),
                         [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    return static_cast<std::size_t>(nearestToZero - codebook.levels.begin());
  }
  // Thresholds ascend, so those below t come first.
  const auto firstNotBelow =
      std::lower_bound(codebook.thresholds.begin(), codebook.thresholds.end(), t);
  return static_cast<std::size_t>(firstNotBelow - codebook.thresholds.begin());
}

const KernelTable& scalarKernels() {
  static constexpr KernelTable table{"scalar",
                                     groupParameters,
                                     groupExtremes,
                                     parametersOfExtremes,
                                     quantizeDequantize,
                                     encode,
                                     addErrors,
                                     addSquaredErrors,
                                     groupSquaredErrors,
                                     addCodingErrors,
                                     addCountedErrors,
                                     addCodingSquaredErrors,
                                     summarize,
                                     addMoments,
                                     findBins,
                                     nullptr,
                                     nullptr,
                                     nullptr};
  return table;
}

}  // namespace quantoscope::kernels
