#include "core/quant/offset_fit.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "core/base/half.h"
#include "core/base/memory_border.h"
#include "core/quant/span_errors.h"

namespace quantoscope {

namespace {

/// Turns that a group may take; normal weights settle after about six.
constexpr int kMostTurns = 16;

/// The type that scales and offsets are stored as.
class Stored {
 public:
  explicit Stored(StoredType type) : type_(type) {}

  float rounded(float value) const {
    switch (type_) {
      case StoredType::Float16:
        return floatFromHalf(halfFromFloat(value));
      case StoredType::BFloat16:
        return floatFromBfloat16(bfloat16FromFloat(value));
      case StoredType::Float32:
      case StoredType::Float64:
        return value;
    }
    return value;
  }

  /// A scale, never 0.
  float scale(float value) const {
    const float stored = rounded(value);
    return stored == 0 ? smallest() : stored;
  }

 private:
  float smallest() const {
    switch (type_) {
      case StoredType::Float16:
        return floatFromHalf(1);
      case StoredType::BFloat16:
        return floatFromBfloat16(1);
      case StoredType::Float32:
      case StoredType::Float64:
        break;
    }
    return std::numeric_limits<float>::denorm_min();
  }

  StoredType type_;
};

struct Line {
  float scale = 1;
  float offset = 0;

  float at(std::uint8_t code) const {
    const float product = scale * static_cast<float>(code);
    return product + offset;
  }
  bool finite() const { return std::isfinite(scale) && std::isfinite(offset); }
};

/// Fits one group after another, with buffers that it keeps.
class GroupFit {
 public:
  GroupFit(StoredType storedAs, float maxCode) : stored_(storedAs), maxCode_(maxCode) {}

  /// The best line that was found, its codes in `codes`; nothing where not even the start is
  /// finite.
  std::optional<Line> fit(std::span<const float> w, const ParameterView& start,
                          std::uint8_t* codes) {
    w_ = w;
    best_.resize(w.size());
    tried_.resize(w.size());
    bestError_ = std::numeric_limits<double>::infinity();
    bestLine_.reset();
    Line line{stored_.scale(*start.decodeScale), 0};
    line.offset = stored_.rounded(-*start.zeroPoint * line.scale);
    startCodes(*start.scale, *start.zeroPoint);
    if (take(line)) settle(line);
    const auto [least, most] = std::minmax_element(w.begin(), w.end());
    if (*least > 0 || *most < 0) {
      // Codes of a zero point reach to 0, which none of these weights does.
      line = {stored_.scale((*most - *least) / maxCode_), stored_.rounded(*least)};
      if (takeNearest(line)) settle(line);
    }
    std::copy(best_.begin(), best_.end(), codes);
    return bestLine_;
  }

 private:
  /// Takes turns from what is kept.
  void settle(Line line) {
    bool better = true;
    for (int turn = 0; turn < kMostTurns && better && bestError_ > 0; ++turn) {
      tried_ = best_;
      line = lineThrough(tried_, line.scale);
      better = take(line);
      if (!line.finite()) return;
      better = takeNearest(line) || better;
    }
  }

  /// Those that the engine finds with scale and zero point.
  void startCodes(float scale, float zeroPoint) {
    for (std::size_t i = 0; i < w_.size(); ++i) {
      const float code = std::nearbyint(w_[i] / scale) + zeroPoint;
      tried_[i] = static_cast<std::uint8_t>(code > 0 ? std::min(code, maxCode_) : 0);
    }
  }

  bool takeNearest(const Line& line) {
    const float inverse = 1 / line.scale;
    for (std::size_t i = 0; i < w_.size(); ++i) {
      const float t = (w_[i] - line.offset) * inverse;
      const float within = t > 0 ? std::min(t, maxCode_) : 0;  // what is no number is 0
      tried_[i] = static_cast<std::uint8_t>(within + 0.5F);
    }
    return take(line);
  }

  /// Keeps the line with the codes in `tried_` if it is better than what is kept.
  bool take(const Line& line) {
    if (!line.finite()) return false;
    double error = 0;
    for (std::size_t i = 0; i < w_.size(); ++i) {
      const float e = w_[i] - line.at(tried_[i]);
      error += static_cast<double>(e) * static_cast<double>(e);
    }
    if (!(error < bestError_)) return false;
    bestError_ = error;
    bestLine_ = line;
    best_ = tried_;
    return true;
  }

  /// The least squares for codes; `scale` is kept, and all codes become 0, where they are equal.
  Line lineThrough(std::vector<std::uint8_t>& codes, float scale) const {
    const auto n = static_cast<double>(w_.size());
    double q = 0;
    double qq = 0;
    double w = 0;
    double wq = 0;
    for (std::size_t i = 0; i < w_.size(); ++i) {
      const double code = codes[i];
      q += code;
      qq += code * code;
      w += static_cast<double>(w_[i]);
      wq += static_cast<double>(w_[i]) * code;
    }
    const double spread = n * qq - q * q;
    if (spread == 0) {
      std::fill(codes.begin(), codes.end(), std::uint8_t{0});
      return {scale, stored_.rounded(static_cast<float>(w / n))};
    }
    const float fitted = stored_.scale(static_cast<float>((n * wq - q * w) / spread));
    const double offset = (w - static_cast<double>(fitted) * q) / n;
    return {fitted, stored_.rounded(static_cast<float>(offset))};
  }

  Stored stored_;
  float maxCode_;
  std::span<const float> w_;
  std::vector<std::uint8_t> tried_;
  std::vector<std::uint8_t> best_;
  std::optional<Line> bestLine_;
  double bestError_ = 0;
};

/// The first group, in row-major order, of which nothing finite was found.
class Overflows {
 public:
  void add(std::size_t group) {
    const std::lock_guard lock(mutex_);
    first_ = std::min(first_.value_or(group), group);
  }

  Status check(const WeightTensor& tensor, const GroupLayout& layout, StoredType type) const {
    if (!first_) return ok();
    return Error{ErrorCode::DoesNotFit,
                 tensor.info().name + ": scale and offset of row " +
                     std::to_string(*first_ / layout.groupsPerRow()) + ", group " +
                     std::to_string(*first_ % layout.groupsPerRow()) + " overflow " + nameOf(type) +
                     "; allowed are weights that it can hold"};
  }

 private:
  std::mutex mutex_;
  std::optional<std::size_t> first_;
};

/// Where the groups of a few rows are read and written.
struct Piece {
  std::size_t firstRow;
  MatrixView w;
  float* y;  ///< what the codes decode to
};

void fitPiece(const Piece& piece, const GroupParameters& start, GroupFit& fit,
              FittedOffsets& result, Overflows& overflows) {
  const GroupLayout& layout = start.layout;
  std::size_t group = piece.firstRow * layout.groupsPerRow();
  for (std::size_t r = 0; r < piece.w.rows; ++r) {
    for (std::size_t g = 0; g < layout.groupsPerRow(); ++g, ++group) {
      const std::size_t begin = layout.begin(g);
      const auto w = piece.w.row(r).subspan(begin, layout.length(g));
      std::uint8_t* codes = result.codes.data() + (piece.firstRow + r) * layout.cols + begin;
      const auto line = fit.fit(
          w, {&start.scale[group], &start.zeroPoint[group], &start.decoding()[group]}, codes);
      if (!line) {
        overflows.add(group);
        continue;
      }
      result.parameters.decodeScale[group] = line->scale;
      result.parameters.offset[group] = line->offset;
      float* y = piece.y + r * layout.cols + begin;
      std::transform(codes, codes + w.size(), y, [&](std::uint8_t code) { return line->at(code); });
    }
  }
}

}  // namespace

Result<FittedOffsets> fitOffsets(const WeightTensor& tensor, const Coding& coding,
                                 const GroupParameters& start, StoredType storedAs,
                                 const Executor& executor, const TaskControl& control) {
  const GroupLayout& layout = start.layout;
  const std::uint64_t bytes =
      tensor.elements() + 2 * sizeof(float) * std::uint64_t{layout.groups()};
  if (auto room = roomFor(tensor.info().name, "its codes and offsets", bytes); !room) {
    return room.error();
  }
  FittedOffsets result;
  result.codes.resize(tensor.elements());
  result.parameters.layout = layout;
  result.parameters.scale = start.scale;
  result.parameters.decodeScale.resize(layout.groups());
  result.parameters.offset.resize(layout.groups());
  std::vector<BlockErrors> parts(RowBlocks::of(tensor.rows(), tensor.cols()).count());
  Overflows overflows;
  const Status status = forEachPiece(
      tensor, executor, control, [&](std::size_t block, std::size_t first, MatrixView w, float* y) {
        GroupFit fit(storedAs, coding.codec.maxCode);
        fitPiece({first, w, y}, start, fit, result, overflows);
        const kernels::BlockShape shape{w.rows, w.cols, layout.groupSize};
        kernels::ErrorPeak peak = parts[block].peak;
        kernels::activeKernels().addErrors(shape, w.data, y, parts[block].lanes, peak);
        parts[block].take(peak, {block, first, 0, first * layout.groupsPerRow(), w.data, shape});
      });
  if (!status) return status.error();
  if (auto checked = overflows.check(tensor, layout, storedAs); !checked) return checked.error();
  result.sums = sumsOf(parts, tensor);
  return result;
}

}  // namespace quantoscope
