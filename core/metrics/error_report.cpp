#include "core/metrics/error_report.h"

#include <algorithm>
#include <string>

#include "core/metrics/block_runs.h"
#include "core/parallel/worker_pool.h"

namespace quantoscope {

namespace {

/// The groups with the largest MSE of those that were offered in row-major order.
class WorstGroups {
 public:
  explicit WorstGroups(std::size_t limit = 0) : limit_(limit) {}

  void offer(const GroupError& candidate) {
    const auto before = [](const GroupError& a, const GroupError& b) {
      return a.tally.mse() > b.tally.mse();
    };
    // upper_bound puts an equal one behind those that came first.
    if (groups_.size() == limit_ && (limit_ == 0 || !before(candidate, groups_.back()))) return;
    groups_.insert(std::upper_bound(groups_.begin(), groups_.end(), candidate, before), candidate);
    if (groups_.size() > limit_) groups_.pop_back();
  }

  void append(const WorstGroups& next) {
    for (const GroupError& group : next.groups_) offer(group);
  }

  const std::vector<GroupError>& groups() const { return groups_; }

 private:
  std::size_t limit_;
  std::vector<GroupError> groups_;
};

/// What a worker needs for a block.
struct Scratch {
  std::vector<float> weights;
  std::vector<float> values;
  std::vector<float> errors;
  std::vector<float> clipped;  ///< errors of clipped weights, 0 elsewhere
  std::vector<std::int32_t> codes;
  UnitErrors unit;
};

struct Block {
  std::size_t index;
  std::size_t firstRow;
  MatrixView weights;
  const float* values;
  std::span<const float> errors;  ///< float32(w - y)
  CodedScales groups;             ///< where the coding is known
};

/// What a run of blocks adds up.
struct RunPart {
  ColumnSums columns;
  ProfileBuilder rows;
  BlockMapBuilder map;
  WorstGroups worst;
};

/// Integers that workers count in tables of their own.
struct FirstCounts {
  MagnitudeCounts magnitudes;
  std::optional<CodeCounter> codes;
  std::vector<ErrorExtent> units;  ///< by ErrorUnit; none without a coding
};

struct SecondCounts {
  PercentileSearch::Table magnitudes;
  Histogram errors;
  std::vector<DistributionCounter::Part> units;
};

class Reporter {
 public:
  Reporter(const WeightTensor& tensor, const ErrorReportRequest& request, const Executor& executor,
           const TaskControl& control)
      : tensor_(tensor),
        request_(request),
        executor_(executor),
        control_(control),
        runs_(BlockRuns::of(tensor.rows(), tensor.cols(),
                            ColumnSums::kBytesPerColumn * tensor.cols())) {}

  Result<ErrorReport> run() {
    if (auto status = firstPass(); !status) return status.error();
    mergeColumns();
    mergeRuns();
    mergeBlocks();
    if (auto status = secondPass(); !status) return status.error();
    return std::move(report_);
  }

 private:
  using Counts = WorkerPool<FirstCounts>;

  /// Calls work(run, block) for the blocks of every run in order, runs in parallel.
  template <typename Work>
  Status forEachBlock(std::size_t pass, Work work) {
    TaskControl control{control_.cancel, nullptr};
    if (control_.progress) {
      control.progress = [this, pass](std::uint64_t done, std::uint64_t total) {
        control_.progress(pass * total + done, 2 * total);
      };
    }
    return executor_.forEachBlock(
        runs_.count(),
        [&](std::size_t run) {
          WorkerPool<Scratch>::Lease scratch(scratch_);
          for (std::size_t b = runs_.firstBlock(run); b < runs_.endBlock(run); ++b) {
            if (control_.cancel.cancelled()) return;
            work(run, load(b, *scratch), *scratch);
          }
        },
        control);
  }

  Block load(std::size_t b, Scratch& scratch) const {
    const std::size_t first = runs_.blocks.first(b);
    const MatrixView w = tensor_.block(first, runs_.blocks.size(b), scratch.weights);
    const float* y = request_.values(first, w, scratch.values);
    scratch.errors.resize(w.rows * w.cols);
    for (std::size_t i = 0; i < scratch.errors.size(); ++i) scratch.errors[i] = w.data[i] - y[i];
    return {b, first,          w,
            y, scratch.errors, request_.coding ? request_.coding->of(first, w) : CodedScales{}};
  }

  kernels::BlockShape shapeOf(const Block& block) const {
    return {block.weights.rows, block.weights.cols, request_.layout.groupSize};
  }

  Status firstPass() {
    const BlockMap mapping =
        BlockMap::over(request_.layout, request_.sizes.mapRows, request_.sizes.mapCols);
    sums_.resize(runs_.blocks.count());
    splits_.resize(request_.coding ? runs_.blocks.count() : 0);
    parts_.resize(runs_.count());
    Counts counts([this] {
      FirstCounts made;
      if (request_.coding) {
        made.codes.emplace(request_.coding->codec);
        made.units.resize(kErrorUnits.size());
      }
      return made;
    });
    const Status status =
        forEachBlock(0, [&](std::size_t run, const Block& block, Scratch& scratch) {
          RunPart& part = parts_[run];
          if (part.columns.cols() == 0) {
            part = {ColumnSums(tensor_.cols()),
                    ProfileBuilder(tensor_.rows(), request_.sizes.profilePoints),
                    BlockMapBuilder(mapping), WorstGroups(request_.sizes.worstGroups)};
          }
          addSums(block);
          findClipped(block, scratch.clipped);
          addGroups(block, scratch.clipped, part);
          part.columns.add(block.weights, block.errors.data(), block.firstRow,
                           request_.coding ? scratch.clipped.data() : nullptr);
          Counts::Lease mine(counts);
          mine->magnitudes.add(block.errors);
          if (!request_.coding) return;
          addCodes(block, scratch, *mine->codes);
          forEachUnit(block, scratch.unit,
                      [&](std::size_t unit) { mine->units[unit].add(scratch.unit); });
        });
    if (!status) return status;
    mergeCounts(counts);
    return ok();
  }

  /// Calls work(unit) with the block's errors in each unit.
  template <typename Work>
  void forEachUnit(const Block& block, UnitErrors& errors, Work work) const {
    const CodedGroups& coding = *request_.coding;
    for (std::size_t unit = 0; unit < kErrorUnits.size(); ++unit) {
      errors.assign(kErrorUnits[unit], coding.codec, shapeOf(block), block.weights.data,
                    block.errors.data(), block.groups.scale, block.groups.zeroPoint);
      work(unit);
    }
  }

  void addSums(const Block& block) {
    kernels::ErrorLanes lanes;
    kernels::ErrorPeak peak;
    const kernels::BlockShape shape = shapeOf(block);
    kernels::activeKernels().addErrors(shape, block.weights.data, block.values, lanes, peak);
    sums_[block.index].add(lanes, peak, block.firstRow, block.errors.size());
  }

  /// Leaves nothing where it is not known how the weights are coded.
  void findClipped(const Block& block, std::vector<float>& clipped) const {
    if (!request_.coding) return;
    const CodedGroups& coding = *request_.coding;
    clipped.resize(block.errors.size());
    clippedErrors(coding.codec, shapeOf(block), block.weights.data, block.errors.data(),
                  block.groups.scale, block.groups.zeroPoint, clipped.data());
  }

  void addGroups(const Block& block, std::span<const float> clipped, RunPart& part) const {
    const GroupLayout& layout = request_.layout;
    for (std::size_t r = 0; r < block.weights.rows; ++r) {
      const auto weights = block.weights.row(r);
      const auto errors = block.errors.subspan(r * layout.cols, layout.cols);
      ErrorTally whole;
      for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
        const std::size_t begin = layout.begin(g);
        const std::size_t length = layout.length(g);
        const std::size_t inBlock = r * layout.cols + begin;
        const ErrorTally tally =
            tallyOf(weights.subspan(begin, length), errors.subspan(begin, length),
                    clipped.empty() ? clipped : clipped.subspan(inBlock, length),
                    block.firstRow * layout.cols + inBlock);
        part.map.add(block.firstRow + r, g, tally);
        part.worst.offer({block.firstRow + r, g, tally});
        whole.add(tally);
      }
      part.rows.add(block.firstRow + r, whole);
    }
  }

  void addCodes(const Block& block, Scratch& scratch, CodeCounter& counter) {
    const CodedGroups& coding = *request_.coding;
    const kernels::BlockShape shape = shapeOf(block);
    const auto [scale, zeroPoint] = block.groups;
    scratch.codes.resize(block.errors.size());
    kernels::activeKernels().encode(coding.codec, shape, block.weights.data, scale, zeroPoint,
                                    scratch.codes.data());
    counter.add(scratch.codes);
    splits_[block.index] =
        splitErrors(coding.codec, shape, block.weights.data, block.errors.data(), scale, zeroPoint);
  }

  void mergeCounts(const Counts& counts) {
    std::optional<CodeCounter> codes;
    if (request_.coding) {
      codes.emplace(request_.coding->codec);
      extents_.resize(kErrorUnits.size());
    }
    counts.forEach([&](const FirstCounts& part) {
      magnitudes_.merge(part.magnitudes);
      for (std::size_t u = 0; u < part.units.size(); ++u) extents_[u].merge(part.units[u]);
      if (codes) codes->merge(*part.codes);
    });
    if (codes) report_.codes = codes->use(request_.coding->bits);
  }

  void mergeColumns() {
    ColumnSums columns(tensor_.cols());
    for (RunPart& part : parts_) {
      columns.append(part.columns);
      part.columns = {};
    }
    report_.columns = profileOf(columns, request_.sizes.profilePoints);
    report_.groupPositions =
        groupPositionProfile(columns, request_.layout.groupSize, request_.sizes.profilePoints);
    report_.outliers = ChannelOutliers::of(columns, request_.sizes.outlierChannels);
    if (request_.importance != nullptr) {
      report_.weightedMse =
          request_.importance->weightedMse(columns.squaredErrors(), tensor_.rows());
    }
  }

  void mergeRuns() {
    ProfileBuilder rows(tensor_.rows(), request_.sizes.profilePoints);
    WorstGroups worst(request_.sizes.worstGroups);
    BlockMapBuilder map(
        BlockMap::over(request_.layout, request_.sizes.mapRows, request_.sizes.mapCols));
    for (RunPart& part : parts_) {
      rows.append(part.rows);
      worst.append(part.worst);
      map.append(part.map);
    }
    parts_.clear();
    report_.rows = rows.profile();
    report_.worstGroups = worst.groups();
    report_.map = map.finish();
  }

  void mergeBlocks() {
    ErrorSums sums;
    for (const ErrorSums& part : sums_) sums.append(part);
    report_.metrics = ErrorMetrics::from(sums);
    if (!request_.coding) return;
    report_.split.emplace();
    for (const ErrorSplit& part : splits_) report_.split->add(part);
  }

  Status secondPass() {
    const PercentileSearch search(magnitudes_, request_.sizes.percents);
    const double range = report_.metrics.maxAbsError;
    const Histogram empty = Histogram::over(-range, range, request_.sizes.bins);
    std::vector<DistributionCounter> units;
    for (std::size_t u = 0; u < extents_.size(); ++u) {
      units.emplace_back(kErrorUnits[u], extents_[u], request_.sizes.percents, request_.sizes.bins);
    }
    const auto none = [&] {
      SecondCounts made{search.emptyTable(), empty, {}};
      for (const DistributionCounter& unit : units) made.units.push_back(unit.emptyPart());
      return made;
    };
    WorkerPool<SecondCounts> counts(none);
    const Status status = forEachBlock(1, [&](std::size_t, const Block& block, Scratch& scratch) {
      WorkerPool<SecondCounts>::Lease mine(counts);
      search.add(block.errors, mine->magnitudes);
      mine->errors.addAll(block.errors, -1);
      if (units.empty()) return;
      forEachUnit(block, scratch.unit,
                  [&](std::size_t unit) { units[unit].add(scratch.unit, mine->units[unit]); });
    });
    if (!status) return status;
    SecondCounts whole = none();
    counts.forEach([&](const SecondCounts& part) {
      PercentileSearch::merge(whole.magnitudes, part.magnitudes);
      whole.errors.merge(part.errors);
      for (std::size_t u = 0; u < units.size(); ++u) {
        DistributionCounter::merge(whole.units[u], part.units[u]);
      }
    });
    for (std::size_t u = 0; u < units.size(); ++u) {
      report_.distributions.push_back(units[u].found(whole.units[u]));
    }
    report_.percentiles = search.found(whole.magnitudes);
    report_.errors = std::move(whole.errors);
    return ok();
  }

  const WeightTensor& tensor_;
  const ErrorReportRequest& request_;
  const Executor& executor_;
  const TaskControl& control_;
  const BlockRuns runs_;
  WorkerPool<Scratch> scratch_;

  std::vector<ErrorSums> sums_;     ///< a block each: their order makes metrics' bits
  std::vector<ErrorSplit> splits_;  ///< a block each
  std::vector<RunPart> parts_;      ///< a run each
  MagnitudeCounts magnitudes_;
  std::vector<ErrorExtent> extents_;  ///< by ErrorUnit
  ErrorReport report_;
};

Status validate(const ReportSizes& sizes) {
  const auto refused = [](const std::string& what, const std::string& allowed) {
    return Error{ErrorCode::InvalidArgument, "error report: " + what + ": allowed are " + allowed};
  };
  if (sizes.mapRows > ReportSizes::kMaxMapSide || sizes.mapCols > ReportSizes::kMaxMapSide) {
    return refused("a map of " + std::to_string(sizes.mapRows) + " x " +
                       std::to_string(sizes.mapCols) + " cells",
                   "up to " + std::to_string(ReportSizes::kMaxMapSide) + " a side");
  }
  if (sizes.percents.size() > ReportSizes::kMaxPercents) {
    return refused(std::to_string(sizes.percents.size()) + " percentiles",
                   "up to " + std::to_string(ReportSizes::kMaxPercents));
  }
  for (const double percent : sizes.percents) {
    if (!(percent > 0 && percent <= 100)) {
      return refused("percentile " + std::to_string(percent), "percentages above 0 up to 100");
    }
  }
  return ok();
}

}  // namespace

Result<ErrorReport> reportErrors(const WeightTensor& tensor, const ErrorReportRequest& request,
                                 const Executor& executor, const TaskControl& control) {
  if (auto status = validate(request.sizes); !status) return status.error();
  return Reporter(tensor, request, executor, control).run();
}

}  // namespace quantoscope
