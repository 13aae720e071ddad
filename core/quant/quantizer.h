// Quantizing a whole tensor with chosen clip ratios.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <variant>
#include <vector>

#include "core/base/result.h"
#include "core/kernels/kernels.h"
#include "core/metrics/error_metrics.h"
#include "core/parallel/executor.h"
#include "core/quant/coding.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope {

struct GroupParameters;

/// The clip ratio of every group: one for the tensor, one a row, or one a group (row-major).
struct ClipRatios {
  enum class Granularity { Tensor, Row, Group };
  Granularity granularity = Granularity::Tensor;
  std::vector<double> values = {1.0};
  /// ClipPolicy::Kind::Optimal only: what the ratios merely describe. A ratio is then the size of
  /// the group's scale against the unclipped one, and may be above 1.
  std::shared_ptr<const GroupParameters> optimal = nullptr;

  static ClipRatios whole(double ratio) { return {Granularity::Tensor, {ratio}}; }
  double at(std::size_t row, std::size_t group, std::size_t groupsPerRow) const;
};

/// Scale and zero point of every group, row-major [rows, groupsPerRow].
struct GroupParameters {
  GroupLayout layout;
  std::vector<float> scale;        ///< with which codes are found
  std::vector<float> zeroPoint;    ///< empty for formats without
  std::vector<float> decodeScale;  ///< multiplies the codes; empty: the same as `scale`
  /// Real offsets, value = code * decodeScale + offset, in place of zero points: only where a file
  /// stores them (core/quant/offset_fit.h); else empty.
  std::vector<float> offset = {};
  /// nvfp4 only: every scale is an e4m3 number times this.
  float tensorScale = 1;

  const std::vector<float>& decoding() const { return decodeScale.empty() ? scale : decodeScale; }
};

/// The parameters of some consecutive groups.
struct ParameterView {
  const float* scale = nullptr;
  const float* zeroPoint = nullptr;  ///< null for formats without
  const float* decodeScale = nullptr;
};

/// The parameters of a tensor's groups, for passes over it: kept in memory or, where they would
/// take more than kMostKept bytes and follow from a group alone at one ratio, found again from the
/// weights by whoever asks, with the same bits. So passes take as much memory for a tensor of short
/// rows as for any other. Thread-safe; a value.
class ParameterSource {
 public:
  static constexpr std::uint64_t kMostKept = std::uint64_t{256} << 20;

  /// Keeps these.
  explicit ParameterSource(GroupParameters kept);
  /// Looks into these, which outlive it.
  static ParameterSource borrowed(const GroupParameters& kept);
  /// Keeps nothing.
  static ParameterSource foundAgain(const Coding& coding, double ratio);
  /// Whether parameters at these ratios are to be found again.
  static bool findsAgain(const Coding& coding, const ClipRatios& ratios);

  const GroupLayout& layout() const { return layout_; }
  /// All of them, or null where nothing is kept.
  const GroupParameters* kept() const { return kept_.get(); }

  /// Those of the groups of some whole rows, or of a stretch of whole groups in one row, which
  /// begins at `firstGroup` (row-major); `w` are its weights. Valid until this thread asks a source
  /// again.
  ParameterView of(std::size_t firstGroup, const kernels::BlockShape& shape, const float* w) const;
  ParameterView ofRows(std::size_t firstRow, MatrixView w) const {
    return of(firstRow * layout_.groupsPerRow(), {w.rows, w.cols, layout_.groupSize}, w.data);
  }

 private:
  ParameterSource() = default;

  GroupLayout layout_;
  std::shared_ptr<const GroupParameters> kept_;
  std::shared_ptr<const Coding> coding_;  ///< where nothing is kept
  double ratio_ = 1;
};

/// A quantized tensor: codes [rows, cols] and the parameters that decode them. int8 for symmetric
/// formats and codebooks of up to 16 levels, uint8 for asymmetric ones and larger codebooks, int32
/// where codes are not clamped.
struct QuantizedTensor {
  using Codes =
      std::variant<std::vector<std::int8_t>, std::vector<std::uint8_t>, std::vector<std::int32_t>>;

  QuantSpec spec;
  Codes codes;
  GroupParameters parameters;
  ClipRatios ratios;
};

// All functions below take the coding of the tensor that they are given.

/// The parameters of every group. With ClipPolicy::Kind::Optimal they are `ratios.optimal`, or
/// where that is absent those with the least error (see OptimalScaleFinder), weighted by
/// `importance` (one a column, or empty), which matters to nothing else here; then double-quantized
/// if so wished. DoesNotFit where a group's scale is no usable float32 number (weights so large or
/// so small that it overflows or vanishes), naming the group; and where they take more memory than
/// is free. A scale that is 0 is used where the published rule gives numbers with it: see
/// groupsWithoutScale().
Result<GroupParameters> groupParametersOf(const WeightTensor& tensor, const Coding& coding,
                                          const ClipRatios& ratios, const Executor& executor,
                                          const TaskControl& control = {},
                                          std::span<const float> importance = {});

/// The same, checked alike, for passes that do not want them all at once.
Result<ParameterSource> parameterSourceOf(const WeightTensor& tensor, const Coding& coding,
                                          const ClipRatios& ratios, const Executor& executor,
                                          const TaskControl& control = {},
                                          std::span<const float> importance = {});

/// The groups of a symmetric integer format whose scale is 0, since their weights are so small that
/// the quotient vanishes in float32. None of these weights is 0, so all have the first or the last
/// code, and decode to 0 unless double quantization makes their scale another. In ascending order;
/// empty for other formats.
std::vector<std::size_t> groupsWithoutScale(const Coding& coding,
                                            const GroupParameters& parameters);

/// The dequantized values of rows [firstRow, firstRow + w.rows) into y, [w.rows, w.cols].
void dequantizeRows(const Codec& codec, const ParameterSource& parameters, MatrixView w,
                    std::size_t firstRow, float* y);

/// Calls work(block index, first row, weights, dequantized values) for pieces of a few rows, on
/// several threads; those of one block (see RowBlocks) in order and on one thread.
using DequantizedBlock =
    std::function<void(std::size_t block, std::size_t firstRow, MatrixView w, const float* y)>;
Status forEachDequantizedBlock(const WeightTensor& tensor, const Coding& coding,
                               const ParameterSource& parameters, const Executor& executor,
                               const TaskControl& control, const DequantizedBlock& work);

/// Error sums of the whole tensor, the same bits for any number of threads.
Result<ErrorSums> errorSumsOf(const WeightTensor& tensor, const Coding& coding,
                              const GroupParameters& parameters, const Executor& executor,
                              const TaskControl& control = {});

/// Parameters and error sums of one choice.
struct MeasuredQuantization {
  GroupParameters parameters;
  ErrorSums sums;
};

/// Both, in one pass over the weights where Coding::scalesStandAlone(): the bits of
/// groupParametersOf and errorSumsOf.
Result<MeasuredQuantization> measureQuantization(const WeightTensor& tensor, const Coding& coding,
                                                 const ClipRatios& ratios, const Executor& executor,
                                                 const TaskControl& control = {});

/// The sums alone, which keep no parameters where Coding::scalesStandAlone().
Result<ErrorSums> measureErrors(const WeightTensor& tensor, const Coding& coding,
                                const ClipRatios& ratios, const Executor& executor,
                                const TaskControl& control = {});

/// The same for weights that nobody surveyed, at ratios that are known without a search, in the
/// same single pass: NotFinite where they contain NaN or Inf, which kernels pass through without
/// harm. `coding` must stand alone.
Result<ErrorSums> surveyAndMeasure(const WeightTensor& tensor, const Coding& coding,
                                   const ClipRatios& ratios, const Executor& executor,
                                   const TaskControl& control = {});

/// The dequantized tensor.
Result<Matrix> dequantized(const WeightTensor& tensor, const Coding& coding,
                           const GroupParameters& parameters, const Executor& executor,
                           const TaskControl& control = {});

/// The codes that `parameters` give, which groupParametersOf found at `ratios`, with both.
Result<QuantizedTensor> quantized(const WeightTensor& tensor, const Coding& coding,
                                  GroupParameters parameters, ClipRatios ratios,
                                  const Executor& executor, const TaskControl& control = {});

/// Codes from scales [rows, groups] that are given, and zero points, which may be null: round(x /
/// scale + zero point), not clamped, with the coding's arithmetic; a codebook's own codes.
Matrix codesFromScales(const WeightTensor& tensor, const Coding& coding, const Matrix& scale,
                       const Matrix* zeroPoint);

}  // namespace quantoscope
