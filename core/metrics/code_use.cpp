#include "core/metrics/code_use.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/kernels/half_arithmetic.h"

namespace quantoscope {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

bool odd(float whole) {
  return std::fmod(whole, 2.0f) != 0;
}

/// round(t) > highest is t >= this: the tie highest + 1/2 goes to the even neighbour.
float aboveInteger(float highest) {
  const float tie = highest + 0.5f;
  return odd(highest) ? tie : std::nextafter(tie, kInfinity);
}

/// Four roundings of a scaled weight, relative to it, as a power of two.
int marginOf(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::Float32:
      return -22;
    case Arithmetic::Float16:
      return -9;
    case Arithmetic::BFloat16:
      return -6;
  }
  return 0;
}

float beyondLevel(float level, float towards, Arithmetic arithmetic) {
  const double margin = std::ldexp(std::fabs(level), marginOf(arithmetic));
  return std::nextafter(static_cast<float>(level + std::copysign(margin, towards)), towards);
}

/// The smallest float32 that an arithmetic of 16 bits rounds to `limit`, above 0, or beyond.
float roundingTo(Arithmetic arithmetic, float limit) {
  const bool half = arithmetic == Arithmetic::Float16;
  const auto valueOf = half ? floatFromHalf : floatFromBfloat16;
  std::uint16_t bits = half ? halfFromFloat(limit) : bfloat16FromFloat(limit);
  if (valueOf(bits) < limit) ++bits;  // the next larger number
  const float reached = valueOf(bits);
  const float tie = (valueOf(static_cast<std::uint16_t>(bits - 1)) + reached) / 2;
  return kernels::roundedTo(arithmetic, tie) >= reached ? tie : std::nextafter(tie, kInfinity);
}

std::vector<CodeUse::Code> codesOf(const Codec& codec) {
  std::vector<CodeUse::Code> codes;
  if (codec.kind == CodecKind::Codebook) {
    for (std::size_t i = 0; i < codec.codebook->levels.size(); ++i) {
      codes.push_back({codec.codebook->codes[i], codec.codebook->levels[i], 0});
    }
    return codes;
  }
  for (float code = codec.minCode; code <= codec.maxCode; ++code) {
    codes.push_back({static_cast<int>(code), code, 0});
  }
  return codes;
}

struct SplitLanes {
  kernels::ErrorLanes::Lanes clipping{};
  kernels::ErrorLanes::Lanes rounding{};
  std::uint64_t clipped = 0;

  void add(std::size_t lane, float error, bool isClipped) {
    const double squared = static_cast<double>(error) * error;
    clipping[lane] += isClipped ? squared : 0.0;
    rounding[lane] += isClipped ? 0.0 : squared;
    clipped += isClipped ? 1 : 0;
  }
};

}  // namespace

ClipLimits ClipLimits::of(const Codec& codec, float zeroPoint) {
  const Arithmetic arithmetic = codec.arithmetic;
  const auto limits = [=](float low, float high) {
    if (arithmetic == Arithmetic::Float32) return ClipLimits{low, high};
    return ClipLimits{-roundingTo(arithmetic, -low), roundingTo(arithmetic, high)};
  };
  if (codec.kind == CodecKind::Codebook) {
    return limits(beyondLevel(codec.codebook->levels.front(), -kInfinity, arithmetic),
                  beyondLevel(codec.codebook->levels.back(), kInfinity, arithmetic));
  }
  // Zero points are small whole numbers, so the shifted ends and their ties are exact.
  const float offset = codec.hasZeroPoint() ? zeroPoint : 0;
  return limits(-aboveInteger(-(codec.minCode - offset)), aboveInteger(codec.maxCode - offset));
}

double ErrorSplit::clippedShare() const {
  return weights == 0 ? 0 : static_cast<double>(clipped) / static_cast<double>(weights);
}

void ErrorSplit::add(const ErrorSplit& next) {
  weights += next.weights;
  clipped += next.clipped;
  clipping += next.clipping;
  rounding += next.rounding;
}

namespace {

/// Calls fn(index in the block, its column, whether it is clipped) for every weight of a block.
template <typename Fn>
void forEachWeight(const Codec& codec, const kernels::BlockShape& shape, const float* weights,
                   const float* scale, const float* zeroPoint, Fn fn) {
  std::size_t group = 0;
  for (std::size_t r = 0; r < shape.rows; ++r) {
    for (std::size_t begin = 0; begin < shape.cols; begin += shape.groupSize, ++group) {
      const std::size_t end = std::min(begin + shape.groupSize, shape.cols);
      const float by = scale[group];
      const ClipLimits limits = ClipLimits::of(codec, zeroPoint == nullptr ? 0 : zeroPoint[group]);
      const std::size_t row = r * shape.cols;
      for (std::size_t c = begin; c < end; ++c) {
        fn(row + c, c, limits.clipped(weights[row + c] / by));
      }
    }
  }
}

}  // namespace

ErrorSplit splitErrors(const Codec& codec, const kernels::BlockShape& shape, const float* weights,
                       const float* errors, const float* scale, const float* zeroPoint) {
  SplitLanes lanes;
  forEachWeight(codec, shape, weights, scale, zeroPoint,
                [&](std::size_t i, std::size_t c, bool clipped) {
                  lanes.add(c % kernels::ErrorLanes::kLanes, errors[i], clipped);
                });
  return {shape.rows * shape.cols, lanes.clipped, kernels::ErrorLanes::total(lanes.clipping),
          kernels::ErrorLanes::total(lanes.rounding)};
}

void clippedErrors(const Codec& codec, const kernels::BlockShape& shape, const float* weights,
                   const float* errors, const float* scale, const float* zeroPoint,
                   float* clipped) {
  forEachWeight(codec, shape, weights, scale, zeroPoint,
                [&](std::size_t i, std::size_t, bool out) { clipped[i] = out ? errors[i] : 0; });
}

CodeCounter::CodeCounter(const Codec& codec) : codes_(codesOf(codec)) {
  const auto [low, high] = std::minmax_element(
      codes_.begin(), codes_.end(), [](const auto& a, const auto& b) { return a.code < b.code; });
  lowest_ = low->code;
  counts_.resize(static_cast<std::size_t>(high->code - lowest_) + 1);
}

void CodeCounter::add(std::span<const std::int32_t> codes) {
  for (const std::int32_t code : codes) ++counts_[static_cast<std::size_t>(code - lowest_)];
}

void CodeCounter::merge(const CodeCounter& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
}

CodeUse CodeCounter::use(int bits) const {
  CodeUse use;
  use.codes = codes_;
  use.bits = bits;
  std::uint64_t total = 0;
  for (CodeUse::Code& code : use.codes) {
    code.count = counts_[static_cast<std::size_t>(code.code - lowest_)];
    total += code.count;
    use.unused += code.count == 0 ? 1 : 0;
  }
  for (const CodeUse::Code& code : use.codes) {
    if (code.count == 0) continue;
    const double share = static_cast<double>(code.count) / static_cast<double>(total);
    use.entropyBits += share * -std::log2(share);
  }
  return use;
}

}  // namespace quantoscope
