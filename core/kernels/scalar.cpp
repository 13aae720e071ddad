#include <algorithm>
#include <cmath>

#include "core/kernels/kernels.h"

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
  return {scale, std::nearbyintf(-wmin / scale)};
}

Parameters symmetricParameters(const Codec& codec, Extremes x, float ratio) {
  float amax = std::max(std::fabs(x.max), std::fabs(x.min)) * ratio;
  if (amax == 0) amax = 1;
  if (!codec.fullRange) return {amax / codec.maxCode, 0};
  const float scale = amax / -codec.minCode;
  return {std::fabs(x.max) > std::fabs(x.min) ? -scale : scale, 0};
}

Parameters codebookParameters(const Codec& codec, Extremes x, float ratio) {
  const float amax = std::max(std::fabs(x.max), std::fabs(x.min));
  return {amax * ratio / codec.codebook->levels.back(), 0};
}

Parameters parametersOf(const Codec& codec, Extremes x, float ratio) {
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
    const Parameters found = parametersOf(codec, extremesOf(w + offset, length), ratio);
    scale[g] = found.scale;
    if (zeroPoint != nullptr) zeroPoint[g] = found.zeroPoint;
  });
}

void quantizeDequantize(const Codec& codec, const BlockShape& shape, const float* w,
                        const float* scale, const float* zeroPoint, const float* decodeScale,
                        float* y) {
  forEachGroup(shape, [&](std::size_t g, std::size_t offset, std::size_t length) {
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

void addErrors(const BlockShape& shape, const float* w, const float* y, ErrorLanes& sums) {
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t c = 0; c < shape.cols; ++c) {
      const std::size_t i = r * shape.cols + c;
      const std::size_t lane = c % ErrorLanes::kLanes;
      const double e = w[i] - y[i];  // the difference is rounded to float32 first
      const double weight = w[i];
      const double value = y[i];
      sums.squaredError[lane] += e * e;
      sums.error[lane] -= e;
      sums.squaredWeight[lane] += weight * weight;
      sums.squaredValue[lane] += value * value;
      sums.product[lane] += weight * value;
    }
  }
}

double squaredError(const BlockShape& shape, const float* w, const float* y) {
  ErrorLanes::Lanes lanes{};
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t c = 0; c < shape.cols; ++c) {
      const double e = w[r * shape.cols + c] - y[r * shape.cols + c];
      lanes[c % ErrorLanes::kLanes] += e * e;
    }
  }
  return ErrorLanes::total(lanes);
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

void findPeak(const BlockShape& shape, const float* w, const float* y, ErrorPeak& peak) {
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t c = 0; c < shape.cols; ++c) {
      const float magnitude = std::fabs(w[r * shape.cols + c] - y[r * shape.cols + c]);
      if (magnitude > peak.magnitude) peak = {magnitude, r, c};
    }
  }
}

}  // namespace

double ErrorLanes::total(Lanes lanes) {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  }
  return lanes[0];
}

std::size_t codebookIndex(const Codebook& codebook, float t) {
  if (std::isnan(t)) {  // an all-zero group: 0 / 0
    const auto zero = std::find(codebook.levels.begin(), codebook.levels.end(), 0.0f);
    return static_cast<std::size_t>(zero - codebook.levels.begin());
  }
  // Thresholds ascend, so those below t come first.
  const auto firstNotBelow =
      std::lower_bound(codebook.thresholds.begin(), codebook.thresholds.end(), t);
  return static_cast<std::size_t>(firstNotBelow - codebook.thresholds.begin());
}

const KernelTable& scalarKernels() {
  static constexpr KernelTable table{"scalar",  groupParameters, quantizeDequantize, encode,
                                     addErrors, squaredError,    groupSquaredErrors, findPeak};
  return table;
}

const KernelTable& activeKernels() {
  return scalarKernels();
}

}  // namespace quantoscope::kernels
