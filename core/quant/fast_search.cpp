#include "core/quant/fast_search.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/base/memory_border.h"
#include "core/parallel/shared_buffers.h"
#include "core/quant/exact_error.h"

namespace quantoscope {

namespace {

/// Below this the fast way saves no time that anybody would notice.
constexpr std::size_t kFastElements = 32768;

/// The fast curve's proven bound on |sqrt(found) - sqrt(exact)|, over the norm of the weights, for
/// the two curve points that a comparison involves.
constexpr double kBound = 2e-6;

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

/// The first smallest of a curve, passing over NaN: the error at a ratio where a scale overflows.
FirstSmallest firstSmallest(const double* errors, std::size_t count) {
  FirstSmallest best;
  for (std::size_t i = 0; i < count; ++i) best.offer(errors[i], i);
  return best;
}

/// The largest error that may still be the smallest when it is evaluated exactly.
double candidateLimit(const double* fast, std::size_t count, double energy) {
  const double least = std::max(0.0, firstSmallest(fast, count).value);
  const double limit = std::sqrt(least) + kBound * std::sqrt(energy);
  return limit * limit * (1 + 1e-12);  // for the roundings of this line
}

/// The ratios whose exact error may be the smallest, ascending by index.
std::vector<std::size_t> candidatesOf(const double* fast, std::size_t count, double energy) {
  const double limit = candidateLimit(fast, count, energy);
  std::vector<std::size_t> candidates;
  for (std::size_t i = 0; i < count; ++i) {
    if (fast[i] <= limit) candidates.push_back(i);
  }
  return candidates;
}

/// A grid's ratios in the order that a plan wants, and the way back.
struct DescendingGrid {
  std::vector<float> ratios;
  std::vector<std::size_t> original;  ///< index in the grid of each
};

/// Nothing where two ratios are the same float32, which a plan does not allow.
std::optional<DescendingGrid> descending(const std::vector<double>& ratios) {
  DescendingGrid grid;
  grid.original.resize(ratios.size());
  std::iota(grid.original.begin(), grid.original.end(), std::size_t{0});
  if (ratios.front() < ratios.back()) {
    std::reverse(grid.original.begin(), grid.original.end());
  }
  for (const std::size_t i : grid.original) {
    const auto ratio = static_cast<float>(ratios[i]);
    if (!grid.ratios.empty() && !(ratio < grid.ratios.back())) return std::nullopt;
    grid.ratios.push_back(ratio);
  }
  return grid;
}

class PlainSearch {
 public:
  PlainSearch(const WeightTensor& tensor, const Coding& coding)
      : tensor_(tensor),
        codec_(coding.codec),
        layout_(coding.layout),
        blocks_(RowBlocks::of(tensor.rows(), tensor.cols())),
        kind_(coding.spec.clip.kind),
        ratios_(coding.spec.grid.ratios()),
        errors_(blocks_.count() * ratios_.size()),
        energies_(blocks_.count()) {
    const auto& kernels = kernels::activeKernels();
    const auto grid = descending(ratios_);
    const bool known = kernels.addClipCurve != nullptr && !codec_.extended;
    if (known && grid && tensor.elements() >= kFastElements) {
      original_ = grid->original;
      plan_ = kernels::CurvePlan::of(codec_, grid->ratios);
    }
  }

  Result<ClipChoice> run(const Executor& executor, const TaskControl& control) {
    cancel_ = control.cancel;
    const std::size_t parts = kind_ == ClipPolicy::Kind::SearchRows     ? layout_.rows
                              : kind_ == ClipPolicy::Kind::SearchGroups ? layout_.groups()
                                                                        : 0;
    // The index of each, then the ratio itself.
    const std::uint64_t bytes = parts * (sizeof(chosen_[0]) + sizeof(double));
    if (auto room = roomFor(tensor_.info().name, "the ratios of its groups", bytes); !room) {
      return room.error();
    }
    chosen_.resize(parts);
    const Status status = executor.forEachBlock(
        blocks_.count(), [this](std::size_t b) { searchBlock(b); }, control);
    if (!status) return status.error();
    auto curve = exactCurve(executor, control);
    if (!curve) return curve.error();
    return choiceOf(std::move(*curve));
  }

 private:
  bool fast() const { return !original_.empty(); }

  MatrixView block(std::size_t b, std::vector<float>& scratch) const {
    return tensor_.block(blocks_.first(b), blocks_.size(b), scratch);
  }

  void searchBlock(std::size_t b) {
    SharedBuffers<RowBuffer>::Lease scratch;
    const MatrixView w = block(b, scratch->values);
    ExactError exact(codec_, layout_.groupSize);
    double* errors = errors_.data() + b * ratios_.size();
    if (!fast()) {
      searchExactly(w, b, exact, errors);
    } else if (kind_ == ClipPolicy::Kind::SearchTensor) {
      energies_[b] = addCurve(w, errors);
    } else if (kind_ == ClipPolicy::Kind::SearchRows) {
      searchRows(w, b, exact, errors);
    } else {
      searchGroups(w, b, exact, errors);
    }
  }

  /// Every ratio in the reference's own arithmetic.
  void searchExactly(MatrixView w, std::size_t b, ExactError& exact, double* errors) {
    std::vector<FirstSmallest> best(chosen_.empty() ? 0 : segmentsOf(w));
    for (std::size_t i = 0; i < ratios_.size(); ++i) {
      if (cancel_.cancelled()) return;  // a block of a large codebook takes long
      errors[i] = exact.ofBlock(w, ratios_[i]);
      if (kind_ == ClipPolicy::Kind::SearchRows) {
        for (std::size_t r = 0; r < w.rows; ++r)
          best[r].offer(exact.ofBlock(rowOf(w, r), ratios_[i]), i);
      } else if (kind_ == ClipPolicy::Kind::SearchGroups) {
        const auto& groups = exact.ofGroups(w, ratios_[i]);
        for (std::size_t g = 0; g < groups.size(); ++g) best[g].offer(groups[g], i);
      }
    }
    for (std::size_t s = 0; s < best.size(); ++s) {
      chosen_[firstSegment(b) + s] = static_cast<std::uint16_t>(best[s].index);
    }
  }

  /// Adds the fast curve of some rows, in the grid's order; returns their sum of w^2.
  double addCurve(MatrixView w, double* errors) const {
    static thread_local kernels::CurveScratch scratch;
    std::vector<double> found(ratios_.size());
    const double energy = kernels::activeKernels().addClipCurve(
        codec_, {w.rows, w.cols, layout_.groupSize}, w.data, plan_, scratch, found.data());
    for (std::size_t i = 0; i < found.size(); ++i) errors[original_[i]] += found[i];
    return energy;
  }

  void searchRows(MatrixView w, std::size_t b, ExactError& exact, double* errors) {
    std::vector<double> curve(ratios_.size());
    for (std::size_t r = 0; r < w.rows; ++r) {
      if (cancel_.cancelled()) return;
      std::fill(curve.begin(), curve.end(), 0);
      const double energy = addCurve(rowOf(w, r), curve.data());
      energies_[b] += energy;
      for (std::size_t i = 0; i < curve.size(); ++i) errors[i] += curve[i];
      chosen_[firstSegment(b) + r] = static_cast<std::uint16_t>(exactArgmin(
          curve.data(), energy, [&](double ratio) { return exact.ofBlock(rowOf(w, r), ratio); }));
    }
  }

  void searchGroups(MatrixView w, std::size_t b, ExactError& exact, double* errors) {
    static thread_local kernels::CurveScratch scratch;
    static thread_local std::vector<std::uint32_t> chosen;
    const std::size_t perRow = layout_.groupsPerRow();
    chosen.assign(w.rows * perRow, kernels::kLeftOut);
    const auto& kernels = kernels::activeKernels();
    if (kernels::choosesGroupRatios(codec_, layout_.groupSize, plan_)) {
      std::vector<double> curve(ratios_.size());
      energies_[b] += kernels.chooseGroupRatios(codec_, {w.rows, w.cols, layout_.groupSize}, w.data,
                                                plan_, scratch, chosen.data(), curve.data());
      for (std::size_t i = 0; i < curve.size(); ++i) errors[original_[i]] += curve[i];
    }
    const std::uint32_t* next = chosen.data();
    std::uint16_t* found = chosen_.data() + firstSegment(b);
    for (std::size_t r = 0; r < w.rows; ++r) {
      for (std::size_t g = 0; g < perRow; ++g, ++next) {
        if (cancel_.cancelled()) return;
        const MatrixView group{w.row(r).data() + layout_.begin(g), 1, layout_.length(g)};
        const std::size_t index = *next < kernels::kLeftOut
                                      ? original_[*next]
                                      : searchGroup(group, b, *next, exact, errors);
        *found++ = static_cast<std::uint16_t>(index);
      }
    }
  }

  /// The index of one group's ratio. Adds its curve to `errors` if the group was left out.
  std::size_t searchGroup(MatrixView group, std::size_t b, std::uint32_t why, ExactError& exact,
                          double* errors) {
    static thread_local kernels::CurveScratch scratch;
    static thread_local std::vector<double> curve;
    static thread_local std::vector<double> ordered;
    if (std::all_of(group.data, group.data + group.cols, [](float w) { return w == 0; })) {
      return 0;  // no error at any ratio: the first
    }
    curve.assign(ratios_.size(), 0);
    ordered.resize(ratios_.size());
    double energy = 0;
    kernels::activeKernels().addGroupClipCurves(codec_, {1, group.cols, group.cols}, group.data,
                                                plan_, scratch, curve.data(), &energy);
    for (std::size_t i = 0; i < curve.size(); ++i) ordered[original_[i]] = curve[i];
    if (why == kernels::kLeftOut) {
      for (std::size_t i = 0; i < ordered.size(); ++i) errors[i] += ordered[i];
      energies_[b] += energy;
    }
    return exactArgmin(ordered.data(), energy,
                       [&](double ratio) { return exact.ofGroups(group, ratio)[0]; });
  }

  /// The first smallest exact error; asks for exact ones only where the curve leaves a doubt.
  template <typename Exact>
  std::size_t exactArgmin(const double* fastCurve, double energy, Exact exact) const {
    const std::size_t count = ratios_.size();
    const double limit = candidateLimit(fastCurve, count, energy);
    if (std::count_if(fastCurve, fastCurve + count, [=](double e) { return e <= limit; }) == 1) {
      return firstSmallest(fastCurve, count).index;
    }
    FirstSmallest best;
    for (std::size_t i = 0; i < count; ++i) {
      if (fastCurve[i] <= limit) best.offer(exact(ratios_[i]), i);
    }
    return best.index;
  }

  MatrixView rowOf(MatrixView w, std::size_t r) const { return {w.data + r * w.cols, 1, w.cols}; }

  std::size_t segmentsOf(MatrixView w) const {
    return kind_ == ClipPolicy::Kind::SearchRows ? w.rows : w.rows * layout_.groupsPerRow();
  }
  std::size_t firstSegment(std::size_t b) const {
    return blocks_.first(b) * (kind_ == ClipPolicy::Kind::SearchRows ? 1 : layout_.groupsPerRow());
  }

  /// The tensor's curve: fast sums, exact where it matters.
  Result<ClipCurve> exactCurve(const Executor& executor, const TaskControl& control) const {
    const std::size_t count = ratios_.size();
    std::vector<double> sums(count);
    double energy = 0;
    for (std::size_t b = 0; b < blocks_.count(); ++b) {
      for (std::size_t i = 0; i < count; ++i) sums[i] += errors_[b * count + i];
      energy += energies_[b];
    }
    std::vector<std::size_t> candidates;
    if (fast()) candidates = candidatesOf(sums.data(), count, energy);
    std::vector<double> wanted;
    for (const std::size_t i : candidates) wanted.push_back(ratios_[i]);
    wanted.push_back(1.0);
    auto exact = exactSums(wanted, executor, control);
    if (!exact) return exact.error();
    for (std::size_t c = 0; c < candidates.size(); ++c) sums[candidates[c]] = (*exact)[c];

    ClipCurve curve;
    curve.ratios = ratios_;
    const auto elements = static_cast<double>(tensor_.elements());
    for (const double sum : sums) curve.mse.push_back(sum / elements);
    curve.unclippedMse = exact->back() / elements;
    FirstSmallest best;
    if (fast()) {
      for (const std::size_t i : candidates) best.offer(curve.mse[i], i);
    } else {
      for (std::size_t i = 0; i < count; ++i) best.offer(curve.mse[i], i);
    }
    curve.best = best.index;
    return curve;
  }

  /// The tensor's exact sums of e^2 at some ratios, in one pass.
  Result<std::vector<double>> exactSums(const std::vector<double>& ratios, const Executor& executor,
                                        const TaskControl& control) const {
    std::vector<double> parts(blocks_.count() * ratios.size());
    const Status status = executor.forEachBlock(
        blocks_.count(),
        [&](std::size_t b) {
          SharedBuffers<RowBuffer>::Lease scratch;
          ExactError exact(codec_, layout_.groupSize);
          exact.ofBlock(block(b, scratch->values), ratios, parts.data() + b * ratios.size(),
                        &control.cancel);
        },
        control);
    if (!status) return status.error();
    std::vector<double> sums(ratios.size());
    for (std::size_t b = 0; b < blocks_.count(); ++b) {
      for (std::size_t i = 0; i < ratios.size(); ++i) sums[i] += parts[b * ratios.size() + i];
    }
    return sums;
  }

  ClipChoice choiceOf(ClipCurve curve) const {
    ClipChoice choice;
    choice.curve = std::move(curve);
    if (chosen_.empty()) {
      choice.ratios = ClipRatios::whole(choice.curve.bestRatio());
      return choice;
    }
    choice.ratios.granularity = kind_ == ClipPolicy::Kind::SearchRows
                                    ? ClipRatios::Granularity::Row
                                    : ClipRatios::Granularity::Group;
    choice.ratios.values.clear();
    choice.ratios.values.reserve(chosen_.size());
    choice.ratioCounts.assign(ratios_.size(), 0);
    for (const std::uint16_t index : chosen_) {
      choice.ratios.values.push_back(ratios_[index]);
      ++choice.ratioCounts[index];
    }
    return choice;
  }

  const WeightTensor& tensor_;
  const Codec& codec_;
  const GroupLayout& layout_;
  const RowBlocks blocks_;
  const ClipPolicy::Kind kind_;
  const std::vector<double> ratios_;
  std::vector<std::size_t> original_;  ///< the plan's order in the grid's; empty: exact throughout
  kernels::CurvePlan plan_;
  CancelToken cancel_;
  std::vector<double> errors_;         ///< [block][ratio], in the grid's order
  std::vector<double> energies_;       ///< sum of w^2 of each block
  std::vector<std::uint16_t> chosen_;  ///< index of the ratio of each row or group
};

}  // namespace

Result<ClipChoice> searchPlainScales(const WeightTensor& tensor, const Coding& coding,
                                     const Executor& executor, const TaskControl& control) {
  return PlainSearch(tensor, coding).run(executor, control);
}

}  // namespace quantoscope
