#include "core/quant/clip_search.h"

#include <algorithm>
#include <cmath>

#include "core/parallel/worker_pool.h"
#include "core/quant/fast_search.h"
#include "core/quant/optimal_clip.h"
#include "core/quant/search_errors.h"
#include "core/quant/weighted_search.h"

namespace quantoscope {

namespace {

/// The mean of e^2, e rounded to the coding's arithmetic.
Result<double> roundedMse(const WeightTensor& tensor, const Coding& coding,
                          const GroupParameters& parameters, const Executor& executor,
                          const TaskControl& control) {
  std::vector<kernels::ErrorLanes::Lanes> parts(
      RowBlocks::of(tensor.rows(), tensor.cols()).count());
  WorkerPool<SearchErrors> pool;
  const Status status = forEachDequantizedBlock(
      tensor, coding, ParameterSource::borrowed(parameters), executor, control,
      [&](std::size_t b, std::size_t, MatrixView w, const float* y) {
        WorkerPool<SearchErrors>::Lease errors(pool);
        const auto [weights, values] =
            errors->of(coding.codec.arithmetic, w.data, y, w.rows * w.cols);
        kernels::activeKernels().addSquaredErrors({w.rows, w.cols, coding.layout.groupSize},
                                                  weights, values, parts[b]);
      });
  if (!status) return status.error();
  double sum = 0;
  for (const auto& part : parts) sum += kernels::ErrorLanes::total(part);
  return sum / static_cast<double>(tensor.elements());
}

Result<double> mseAt(const WeightTensor& tensor, const Coding& coding, double ratio,
                     const Executor& executor, const TaskControl& control) {
  auto parameters = groupParametersOf(tensor, coding, ClipRatios::whole(ratio), executor, control);
  if (!parameters) return parameters.error();
  if (coding.codec.arithmetic != Arithmetic::Float32) {
    return roundedMse(tensor, coding, *parameters, executor, control);
  }
  auto sums = errorSumsOf(tensor, coding, *parameters, executor, control);
  if (!sums) return sums.error();
  return ErrorMetrics::from(*sums).mse;
}

/// With double quantization the scales of the whole tensor belong together: one pass a ratio.
Result<ClipCurve> doubleQuantCurve(const WeightTensor& tensor, const Coding& coding,
                                   const Executor& executor, const TaskControl& control) {
  ClipCurve curve;
  curve.ratios = coding.spec.grid.ratios();
  for (const double ratio : curve.ratios) {
    auto mse = mseAt(tensor, coding, ratio, executor, control);
    if (!mse) return mse.error();
    curve.mse.push_back(*mse);
  }
  auto unclipped = mseAt(tensor, coding, 1.0, executor, control);
  if (!unclipped) return unclipped.error();
  curve.unclippedMse = *unclipped;
  curve.best = static_cast<std::size_t>(std::min_element(curve.mse.begin(), curve.mse.end()) -
                                        curve.mse.begin());
  return curve;
}

/// Refuses weights that no ratio fits, naming the group whose scale is no usable number.
Result<ClipChoice> checkedChoice(ClipChoice choice, const WeightTensor& tensor,
                                 const Coding& coding, const Executor& executor,
                                 const TaskControl& control) {
  if (std::isfinite(choice.curve.bestMse())) return choice;
  auto sums = measureErrors(tensor, coding, choice.ratios, executor, control);
  return sums ? Result<ClipChoice>(std::move(choice)) : sums.error();
}

}  // namespace

double ClipCurve::gainDb() const {
  return unclippedMse == bestMse() ? 0 : decibels(unclippedMse, bestMse());
}

bool ClipCurve::atEdge() const {
  return (best == 0 || best + 1 == ratios.size()) && bestRatio() < 1;
}

Result<ClipCurve> clipCurveOf(const WeightTensor& tensor, const Coding& coding,
                              const Executor& executor, const TaskControl& control) {
  const Coding searching = coding.withClip({ClipPolicy::Kind::SearchTensor, 1.0});
  auto choice = chooseClip(tensor, searching, executor, control);
  if (!choice) return choice.error();
  if (auto status = tensor.intact(); !status) return status.error();
  return std::move(choice->curve);
}

Result<ClipCurve> wideClipCurveOf(const WeightTensor& tensor, const Coding& coding,
                                  const RatioGrid& wide, const Executor& executor,
                                  const TaskControl& control) {
  auto curve = clipCurveOf(tensor, coding.withGrid(wide), executor, control);
  // Only near the smallest error of all is the curve exact.
  if (!curve || curve->best < static_cast<std::size_t>(coding.spec.grid.count)) return curve;
  auto inner = clipCurveOf(tensor, coding, executor, control);
  if (!inner) return inner;
  std::copy(inner->mse.begin(), inner->mse.end(), curve->mse.begin());
  return curve;
}

Result<ClipChoice> chooseClip(const WeightTensor& tensor, const Coding& coding,
                              const Executor& executor, const TaskControl& control,
                              std::span<const float> importance) {
  const QuantSpec& spec = coding.spec;
  if (!importance.empty()) {
    if (auto status = checkImportance(tensor, importance); !status) return status.error();
    if (spec.clip.searches()) {
      return weightedClipSearch(tensor, coding, importance, executor, control);
    }
  }
  switch (spec.clip.kind) {
    case ClipPolicy::Kind::None:
      return ClipChoice{ClipRatios::whole(1.0), {}, {}};
    case ClipPolicy::Kind::Ratio:
      return ClipChoice{ClipRatios::whole(spec.clip.ratio), {}, {}};
    case ClipPolicy::Kind::SearchTensor:
      if (spec.doubleQuant) {
        auto curve = doubleQuantCurve(tensor, coding, executor, control);
        if (!curve) return curve.error();
        const double best = curve->bestRatio();
        return ClipChoice{ClipRatios::whole(best), std::move(*curve), {}};
      }
      break;
    case ClipPolicy::Kind::SearchRows:
    case ClipPolicy::Kind::SearchGroups:
      break;
    case ClipPolicy::Kind::Optimal:
      return optimalClip(tensor, coding, importance, executor, control);
  }
  auto choice = searchPlainScales(tensor, coding, executor, control);
  if (choice) choice = checkedChoice(std::move(*choice), tensor, coding, executor, control);
  if (choice && spec.doubleQuant) {  // rows and groups choose on plain scales, the curve does not
    auto curve = doubleQuantCurve(tensor, coding, executor, control);
    if (!curve) return curve.error();
    choice->curve = std::move(*curve);
  }
  return choice;
}

}  // namespace quantoscope
