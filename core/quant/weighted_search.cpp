#include "core/quant/weighted_search.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/memory_border.h"
#include "core/base/text.h"
#include "core/parallel/worker_pool.h"
#include "core/quant/search_errors.h"

namespace quantoscope {

namespace {

struct Errors {
  double plain = 0;
  double weighted = 0;
};

class WeightedSearch {
 public:
  WeightedSearch(const WeightTensor& tensor, const Coding& coding,
                 std::span<const float> importance, const Executor& executor,
                 const TaskControl& control)
      : tensor_(tensor),
        coding_(coding),
        importance_(importance),
        executor_(executor),
        control_(control),
        ratios_(coding.spec.grid.ratios()) {
    for (const float h : importance) importanceSum_ += h;
  }

  Result<ClipChoice> run() {
    auto found = curve();
    if (!found) return found.error();
    ClipChoice choice{ClipRatios::whole(found->bestRatio()), std::move(*found), {}};
    if (coding_.spec.clip.kind == ClipPolicy::Kind::SearchTensor) return choice;
    if (auto status = chooseParts(choice); !status) return status.error();
    return choice;
  }

 private:
  /// Calls use(block, first row, weights, values) at one ratio; what SearchErrors makes of them.
  Status evaluate(const Coding& coding, double ratio, const DequantizedBlock& use) const {
    const auto parameters =
        parameterSourceOf(tensor_, coding, ClipRatios::whole(ratio), executor_, control_);
    if (!parameters) return parameters.error();
    WorkerPool<SearchErrors> pool;
    return forEachDequantizedBlock(
        tensor_, coding, *parameters, executor_, control_,
        [&](std::size_t b, std::size_t first, MatrixView w, const float* y) {
          WorkerPool<SearchErrors>::Lease errors(pool);
          const auto [weights, values] =
              errors->of(coding.codec.arithmetic, w.data, y, w.rows * w.cols);
          use(b, first, {weights, w.rows, w.cols}, values);
        });
  }

  Result<Errors> errorsAt(double ratio) const {
    struct Part {
      kernels::ErrorLanes::Lanes plain{};
      double weighted = 0;
    };
    std::vector<Part> parts(RowBlocks::of(tensor_.rows(), tensor_.cols()).count());
    const Status status =
        evaluate(coding_, ratio, [&](std::size_t b, std::size_t, MatrixView w, const float* y) {
          const kernels::BlockShape shape{w.rows, w.cols, coding_.layout.groupSize};
          kernels::activeKernels().addSquaredErrors(shape, w.data, y, parts[b].plain);
          parts[b].weighted += kernels::weightedSquaredError(shape, w.data, y, importance_.data());
        });
    if (!status) return status.error();
    Errors sums;
    for (const Part& part : parts) {
      sums.plain += kernels::ErrorLanes::total(part.plain);
      sums.weighted += part.weighted;
    }
    sums.plain /= static_cast<double>(tensor_.elements());
    sums.weighted /= static_cast<double>(tensor_.rows()) * importanceSum_;
    return sums;
  }

  Result<ClipCurve> curve() const {
    ClipCurve found;
    found.ratios = ratios_;
    for (const double ratio : ratios_) {
      const auto errors = errorsAt(ratio);
      if (!errors) return errors.error();
      found.mse.push_back(errors->plain);
      found.weightedMse.push_back(errors->weighted);
    }
    const auto unclipped = errorsAt(1);
    if (!unclipped) return unclipped.error();
    found.unclippedMse = unclipped->plain;
    found.unclippedWeightedMse = unclipped->weighted;
    const auto& errors = found.weightedMse;
    found.best =
        static_cast<std::size_t>(std::min_element(errors.begin(), errors.end()) - errors.begin());
    return found;
  }

  /// The best ratio of each row or group, on plain scales.
  Status chooseParts(ClipChoice& choice) const {
    const Coding plain = coding_.onPlainScales();
    const bool rows = coding_.spec.clip.kind == ClipPolicy::Kind::SearchRows;
    GroupLayout layout = coding_.layout;
    if (rows) layout.groupSize = layout.cols;  // a row's error is that of one group
    struct Best {
      double error = std::numeric_limits<double>::infinity();
      std::uint16_t ratio = 0;
    };
    const std::uint64_t bytes = layout.groups() * (sizeof(Best) + sizeof(double));
    if (auto room = roomFor(tensor_.info().name, "the choices of its groups", bytes); !room) {
      return room;
    }
    std::vector<Best> best(layout.groups());
    WorkerPool<std::vector<double>> buffers;
    for (std::size_t i = 0; i < ratios_.size(); ++i) {
      const Status status = evaluate(
          plain, ratios_[i], [&](std::size_t, std::size_t first, MatrixView w, const float* y) {
            WorkerPool<std::vector<double>>::Lease errors(buffers);
            errors->resize(w.rows * layout.groupsPerRow());
            kernels::weightedGroupSquaredErrors({w.rows, w.cols, layout.groupSize}, w.data, y,
                                                importance_.data(), errors->data());
            Best* group = best.data() + first * layout.groupsPerRow();
            for (const double error : *errors) {
              if (error < group->error) *group = {error, static_cast<std::uint16_t>(i)};
              ++group;
            }
          });
      if (!status) return status;
    }
    choice.ratios.granularity =
        rows ? ClipRatios::Granularity::Row : ClipRatios::Granularity::Group;
    choice.ratios.values.clear();
    choice.ratios.values.reserve(best.size());
    choice.ratioCounts.assign(ratios_.size(), 0);
    for (const Best& group : best) {
      choice.ratios.values.push_back(ratios_[group.ratio]);
      ++choice.ratioCounts[group.ratio];
    }
    return ok();
  }

  const WeightTensor& tensor_;
  const Coding& coding_;
  const std::span<const float> importance_;
  const Executor& executor_;
  const TaskControl& control_;
  const std::vector<double> ratios_;
  double importanceSum_ = 0;
};

Error badImportance(const WeightTensor& tensor, const std::string& what,
                    const std::string& allowed) {
  return {ErrorCode::DoesNotFit,
          tensor.info().name + ": importance " + what + ": allowed are " + allowed};
}

}  // namespace

Status checkImportance(const WeightTensor& tensor, std::span<const float> importance) {
  if (importance.size() != tensor.cols()) {
    return badImportance(tensor, "of " + std::to_string(importance.size()) + " channels",
                         "one weight per input channel, " + std::to_string(tensor.cols()));
  }
  bool any = false;
  for (std::size_t i = 0; i < importance.size(); ++i) {
    if (!std::isfinite(importance[i]) || importance[i] < 0) {
      return badImportance(tensor, formatNumber(importance[i]) + " of channel " + std::to_string(i),
                           "finite weights of 0 or more");
    }
    any = any || importance[i] > 0;
  }
  return any ? ok()
             : Status(badImportance(tensor, "of 0 everywhere", "at least one weight above 0"));
}

Result<ClipChoice> weightedClipSearch(const WeightTensor& tensor, const Coding& coding,
                                      std::span<const float> importance, const Executor& executor,
                                      const TaskControl& control) {
  return WeightedSearch(tensor, coding, importance, executor, control).run();
}

}  // namespace quantoscope
