#include "core/quant/clip_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace quantoscope {

namespace {

/// The running first smallest of a sequence.
struct FirstSmallest {
  double value = std::numeric_limits<double>::infinity();
  std::size_t index = 0;

  void offer(double candidate, std::size_t i) {
    if (candidate < value) {
      value = candidate;
      index = i;
    }
  }
};

std::size_t indexOfSmallest(const std::vector<double>& values) {
  return static_cast<std::size_t>(std::min_element(values.begin(), values.end()) - values.begin());
}

/// Buffers of one block's evaluation at one ratio after another.
struct BlockScratch {
  std::vector<float> weights;
  std::vector<float> values;
  std::vector<float> scale;
  std::vector<float> zeroPoint;
  std::vector<double> groupErrors;
};

/// Evaluates a block at one ratio on plain scales: the dequantized values are left in
/// `scratch.values`.
void dequantizeAt(const Codec& codec, const kernels::BlockShape& shape, MatrixView w, double ratio,
                  BlockScratch& scratch) {
  const std::size_t groups = shape.rows * shape.groupsPerRow();
  scratch.scale.resize(groups);
  scratch.zeroPoint.resize(groups);
  scratch.values.resize(w.rows * w.cols);
  const auto& kernels = kernels::activeKernels();
  kernels.groupParameters(codec, shape, w.data, &ratio, 0, scratch.scale.data(),
                          scratch.zeroPoint.data());
  kernels.quantizeDequantize(codec, shape, w.data, scratch.scale.data(), scratch.zeroPoint.data(),
                             scratch.scale.data(), scratch.values.data());
}

/// One pass that searches rows or groups and adds up the tensor's curve on plain scales. Ratio 1 is
/// evaluated last, as one ratio more than the grid has.
class PlainSearch {
 public:
  PlainSearch(const WeightTensor& tensor, const QuantSpec& spec)
      : tensor_(tensor),
        codec_(codecOf(spec)),
        layout_(layoutOf(spec, tensor.rows(), tensor.cols())),
        blocks_(RowBlocks::of(tensor.rows(), tensor.cols())),
        kind_(spec.clip.kind),
        ratios_(spec.grid.ratios()),
        blockErrors_(blocks_.count() * (ratios_.size() + 1)) {
    if (kind_ == ClipPolicy::Kind::SearchRows) best_.resize(layout_.rows);
    if (kind_ == ClipPolicy::Kind::SearchGroups) best_.resize(layout_.groups());
  }

  Result<ClipChoice> run(const Executor& executor, const TaskControl& control) {
    const Status status = executor.forEachBlock(
        blocks_.count(), [this](std::size_t b) { searchBlock(b); }, control);
    if (!status) return status.error();
    ClipChoice choice;
    choice.curve = curve();
    if (best_.empty()) {
      choice.ratios = ClipRatios::whole(choice.curve.bestRatio());
      return choice;
    }
    choice.ratios.granularity = kind_ == ClipPolicy::Kind::SearchRows
                                    ? ClipRatios::Granularity::Row
                                    : ClipRatios::Granularity::Group;
    choice.ratios.values.clear();
    choice.ratioCounts.assign(ratios_.size(), 0);
    for (const FirstSmallest& best : best_) {
      choice.ratios.values.push_back(ratios_[best.index]);
      ++choice.ratioCounts[best.index];
    }
    return choice;
  }

 private:
  void searchBlock(std::size_t b) {
    BlockScratch scratch;
    const std::size_t first = blocks_.first(b);
    const MatrixView w = tensor_.block(first, blocks_.size(b), scratch.weights);
    const kernels::BlockShape shape{w.rows, w.cols, layout_.groupSize};
    for (std::size_t i = 0; i <= ratios_.size(); ++i) {
      dequantizeAt(codec_, shape, w, i < ratios_.size() ? ratios_[i] : 1.0, scratch);
      blockErrors_[b * (ratios_.size() + 1) + i] =
          kernels::activeKernels().squaredError(shape, w.data, scratch.values.data());
      if (i == ratios_.size()) break;
      if (kind_ == ClipPolicy::Kind::SearchRows) offerRows(w, first, i, scratch);
      if (kind_ == ClipPolicy::Kind::SearchGroups) offerGroups(shape, w, first, i, scratch);
    }
  }

  void offerRows(MatrixView w, std::size_t first, std::size_t i, const BlockScratch& scratch) {
    for (std::size_t r = 0; r < w.rows; ++r) {
      const double error = kernels::activeKernels().squaredError(
          {1, w.cols, layout_.groupSize}, w.row(r).data(), scratch.values.data() + r * w.cols);
      best_[first + r].offer(error, i);
    }
  }

  void offerGroups(const kernels::BlockShape& shape, MatrixView w, std::size_t first, std::size_t i,
                   BlockScratch& scratch) {
    const std::size_t groups = shape.rows * shape.groupsPerRow();
    scratch.groupErrors.resize(groups);
    kernels::activeKernels().groupSquaredErrors(shape, w.data, scratch.values.data(),
                                                scratch.groupErrors.data());
    FirstSmallest* best = best_.data() + first * shape.groupsPerRow();
    for (std::size_t g = 0; g < groups; ++g) best[g].offer(scratch.groupErrors[g], i);
  }

  ClipCurve curve() const {
    std::vector<double> sums(ratios_.size() + 1);
    for (std::size_t b = 0; b < blocks_.count(); ++b) {
      for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += blockErrors_[b * sums.size() + i];
    }
    ClipCurve found;
    found.ratios = ratios_;
    const auto count = static_cast<double>(tensor_.elements());
    for (const double sum : sums) found.mse.push_back(sum / count);
    found.unclippedMse = found.mse.back();
    found.mse.pop_back();
    found.best = indexOfSmallest(found.mse);
    return found;
  }

  const WeightTensor& tensor_;
  const Codec codec_;
  const GroupLayout layout_;
  const RowBlocks blocks_;
  const ClipPolicy::Kind kind_;
  const std::vector<double> ratios_;
  std::vector<double> blockErrors_;  ///< [block][ratio]
  std::vector<FirstSmallest> best_;  ///< a row or a group each
};

Result<double> mseAt(const WeightTensor& tensor, const QuantSpec& spec, double ratio,
                     const Executor& executor, const TaskControl& control) {
  auto parameters = groupParametersOf(tensor, spec, ClipRatios::whole(ratio), executor, control);
  if (!parameters) return parameters.error();
  auto sums = errorSumsOf(tensor, spec, *parameters, executor, control);
  if (!sums) return sums.error();
  return ErrorMetrics::from(*sums).mse;
}

/// With double quantization the scales of the whole tensor belong together: one pass a ratio.
Result<ClipCurve> doubleQuantCurve(const WeightTensor& tensor, const QuantSpec& spec,
                                   const Executor& executor, const TaskControl& control) {
  ClipCurve curve;
  curve.ratios = spec.grid.ratios();
  for (const double ratio : curve.ratios) {
    auto mse = mseAt(tensor, spec, ratio, executor, control);
    if (!mse) return mse.error();
    curve.mse.push_back(*mse);
  }
  auto unclipped = mseAt(tensor, spec, 1.0, executor, control);
  if (!unclipped) return unclipped.error();
  curve.unclippedMse = *unclipped;
  curve.best = indexOfSmallest(curve.mse);
  return curve;
}

}  // namespace

double ClipCurve::gainDb() const {
  return unclippedMse == bestMse() ? 0 : decibels(unclippedMse, bestMse());
}

bool ClipCurve::atEdge() const {
  return (best == 0 || best + 1 == ratios.size()) && bestRatio() < 1;
}

Result<ClipCurve> clipCurveOf(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control) {
  QuantSpec searched = spec;
  searched.clip = {ClipPolicy::Kind::SearchTensor, 1.0};
  auto choice = chooseClip(tensor, searched, executor, control);
  if (!choice) return choice.error();
  return std::move(choice->curve);
}

Result<ClipChoice> chooseClip(const WeightTensor& tensor, const QuantSpec& spec,
                              const Executor& executor, const TaskControl& control) {
  switch (spec.clip.kind) {
    case ClipPolicy::Kind::None:
      return ClipChoice{ClipRatios::whole(1.0), {}, {}};
    case ClipPolicy::Kind::Ratio:
      return ClipChoice{ClipRatios::whole(spec.clip.ratio), {}, {}};
    case ClipPolicy::Kind::SearchTensor:
      if (spec.doubleQuant) {
        auto curve = doubleQuantCurve(tensor, spec, executor, control);
        if (!curve) return curve.error();
        const double best = curve->bestRatio();
        return ClipChoice{ClipRatios::whole(best), std::move(*curve), {}};
      }
      break;
    case ClipPolicy::Kind::SearchRows:
    case ClipPolicy::Kind::SearchGroups:
      break;
  }
  auto choice = PlainSearch(tensor, spec).run(executor, control);
  if (choice && spec.doubleQuant) {  // rows and groups choose on plain scales, the curve does not
    auto curve = doubleQuantCurve(tensor, spec, executor, control);
    if (!curve) return curve.error();
    choice->curve = std::move(*curve);
  }
  return choice;
}

}  // namespace quantoscope
