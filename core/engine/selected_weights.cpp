#include "core/engine/selected_weights.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/base/memory_border.h"
#include "core/engine/selection_matcher.h"
#include "core/parallel/worker_pool.h"
#include "core/quant/quantizer.h"

namespace quantoscope {

namespace {

/// Ranges as a flag for each index below `size`; none stand for all.
std::vector<std::uint8_t> flagsOf(const std::vector<IndexRange>& ranges, std::size_t size) {
  std::vector<std::uint8_t> flags(size, ranges.empty() ? 1 : 0);
  for (const IndexRange& range : ranges) {
    const std::size_t first = std::min(range.first, size);
    const std::size_t past = first + std::min(range.size, size - first);
    std::fill(flags.begin() + static_cast<std::ptrdiff_t>(first),
              flags.begin() + static_cast<std::ptrdiff_t>(past), std::uint8_t{1});
  }
  return flags;
}

/// A run of weights in one row that share a scale, in a block.
struct GroupRun {
  std::size_t row = 0;    ///< of the tensor
  std::size_t group = 0;  ///< its place in the row
  std::size_t flat = 0;   ///< its place among the parameters
  std::size_t begin = 0;  ///< of its weights in the block
  std::size_t size = 0;
};

/// One block with everything that is known of its weights; buffers that are used again.
struct Block {
  std::vector<float> scratch;
  MatrixView weights;
  std::size_t firstRow = 0;
  std::vector<float> values;
  std::vector<float> errors;  ///< float32(w - y)
  std::vector<std::int32_t> codes;
  std::vector<float> inUnit;
  std::vector<std::int32_t> bins;
  std::vector<std::uint8_t> mask;

  // Of the selected weights, in order.
  std::vector<float> chosenWeights;
  std::vector<float> chosenErrors;
  std::array<std::vector<float>, kErrorUnits.size()> chosenInUnit;
};

/// What a block adds up. Blocks are merged in order.
struct BlockSums {
  ErrorTally errors;
  double error = 0;   ///< of y - w
  double mean = 0;    ///< of the weights
  double moment = 0;  ///< sum of (w - mean)^2
  float min = 0;
  float max = 0;
  std::uint64_t clipped = 0;
  float largest = -1;
  Position largestAt;

  void append(const BlockSums& next) {
    if (next.errors.count == 0) return;
    const auto before = static_cast<double>(errors.count);
    const auto more = static_cast<double>(next.errors.count);
    min = errors.count == 0 ? next.min : std::min(min, next.min);
    max = errors.count == 0 ? next.max : std::max(max, next.max);
    // Chan, Golub and LeVeque 1979: no difference of large sums.
    const double apart = next.mean - mean;
    moment += next.moment + apart * apart * before * more / (before + more);
    mean += apart * more / (before + more);
    errors.add(next.errors);
    error += next.error;
    clipped += next.clipped;
    if (next.largest > largest) {
      largest = next.largest;
      largestAt = next.largestAt;
    }
  }
};

/// Integers, in whatever order they are added.
struct Counts {
  Histogram weights;
  std::array<Histogram, kErrorUnits.size()> errors;
  std::vector<std::uint64_t> codes;  ///< by code - lowest
  std::vector<std::uint64_t> cells;
  std::vector<std::uint64_t> rows;
  std::vector<std::uint64_t> groupPositions;
  std::vector<std::uint64_t> columns;

  void merge(const Counts& other) {
    weights.merge(other.weights);
    for (std::size_t u = 0; u < errors.size(); ++u) errors[u].merge(other.errors[u]);
    const auto add = [](std::vector<std::uint64_t>& into, const std::vector<std::uint64_t>& more) {
      for (std::size_t i = 0; i < into.size(); ++i) into[i] += more[i];
    };
    add(codes, other.codes);
    add(cells, other.cells);
    add(rows, other.rows);
    add(groupPositions, other.groupPositions);
    add(columns, other.columns);
  }
};

class Selector {
 public:
  Selector(const SelectionRequest& request, const GroupParameters& parameters)
      : request_(request),
        tensor_(*request.tensor),
        report_(request.detail->report),
        codec_(request.result->coding->codec),
        parameters_(parameters),
        layout_(parameters.layout),
        blocks_(RowBlocks::of(tensor_.rows(), tensor_.cols())),
        sums_(blocks_.count()) {
    for (const CodeUse::Code& code : report_.codes->codes) {
      lowest_ = std::min(lowest_, code.code);
      highest_ = std::max(highest_, code.code);
    }
    if (const auto* region = std::get_if<Region>(&request.selection)) {
      rowFlags_ = flagsOf(region->rows, tensor_.rows());
      columnFlags_ = flagsOf(region->columns, tensor_.cols());
    } else if (const auto* set = std::get_if<CodeSet>(&request.selection)) {
      codeFlags_.assign(codeCount(), 0);
      for (const int code : set->codes) {
        if (code >= lowest_ && code <= highest_) codeFlags_[placeOf(code)] = 1;
      }
    }
  }

  Status run(const Executor& executor, const TaskControl& control) {
    WorkerPool<Block> scratch;
    WorkerPool<Counts> counts([this] { return emptyCounts(); });
    const Status status = executor.forEachBlock(
        blocks_.count(),
        [&](std::size_t index) {
          if (!mayHold(index)) return;
          WorkerPool<Block>::Lease block(scratch);
          load(index, *block);
          mark(*block);
          WorkerPool<Counts>::Lease mine(counts);
          count(index, *block, *mine);
        },
        control);
    if (!status) return status;
    counts_ = emptyCounts();
    counts.forEach([&](const Counts& part) { counts_.merge(part); });
    return ok();
  }

  void store(SelectedWeights& found) {
    BlockSums whole;
    for (const BlockSums& part : sums_) whole.append(part);
    found.total = tensor_.elements();
    found.count = whole.errors.count;
    found.errors = whole.errors;
    found.clipped = whole.clipped;
    if (found.count > 0) {
      const auto size = static_cast<double>(found.count);
      found.minWeight = whole.min;
      found.maxWeight = whole.max;
      found.meanWeight = whole.mean;
      found.stdWeight = std::sqrt(whole.moment / size);
      found.meanError = whole.error / size;
      found.maxAbsErrorAt = whole.largestAt;
    }
    const double all = report_.metrics.mse * static_cast<double>(found.total);
    found.squaredErrorShare = all > 0 ? std::min(1.0, whole.errors.squaredError / all) : 0;
    found.weights = std::move(counts_.weights);
    found.errorsByUnit = std::move(counts_.errors);
    for (const CodeUse::Code& code : report_.codes->codes) {
      found.codes.push_back(counts_.codes[placeOf(code.code)]);
    }
    found.cells = std::move(counts_.cells);
    found.rows = std::move(counts_.rows);
    found.groupPositions = std::move(counts_.groupPositions);
    found.columns = std::move(counts_.columns);
  }

 private:
  std::size_t placeOf(std::int32_t code) const { return static_cast<std::size_t>(code - lowest_); }
  std::size_t codeCount() const { return placeOf(highest_) + 1; }

  Counts emptyCounts() const {
    const auto emptied = [](const Histogram& histogram) {
      return Histogram::over(histogram.lo, histogram.hi, histogram.counts.size());
    };
    Counts made;
    made.weights = emptied(request_.result->weightHistogram);
    for (std::size_t u = 0; u < kErrorUnits.size(); ++u) {
      made.errors[u] = emptied(report_.distributions[u].all);
    }
    made.codes.assign(codeCount(), 0);
    made.cells.assign(report_.map.maximum.size(), 0);
    made.rows.assign(report_.rows.points.size(), 0);
    made.groupPositions.assign(report_.groupPositions.points.size(), 0);
    made.columns.assign(report_.columns.points.size(), 0);
    return made;
  }

  bool mayHold(std::size_t index) const {
    if (rowFlags_.empty()) return true;
    const auto begin = rowFlags_.begin() + static_cast<std::ptrdiff_t>(blocks_.first(index));
    const auto end = begin + static_cast<std::ptrdiff_t>(blocks_.size(index));
    return std::find(begin, end, 1) != end;
  }

  kernels::BlockShape shapeOf(const Block& block) const {
    return {block.weights.rows, block.weights.cols, layout_.groupSize};
  }

  const float* zeroPointOf(std::size_t flat) const {
    return parameters_.zeroPoint.empty() ? nullptr : parameters_.zeroPoint.data() + flat;
  }

  void load(std::size_t index, Block& block) const {
    block.firstRow = blocks_.first(index);
    block.weights = tensor_.block(block.firstRow, blocks_.size(index), block.scratch);
    const std::size_t size = block.weights.rows * block.weights.cols;
    block.values.resize(size);
    dequantizeRows(codec_, ParameterSource::borrowed(parameters_), block.weights, block.firstRow,
                   block.values.data());
    block.errors.resize(size);
    for (std::size_t i = 0; i < size; ++i) {
      block.errors[i] = block.weights.data[i] - block.values[i];
    }
    block.codes.resize(size);
    const std::size_t flat = block.firstRow * layout_.groupsPerRow();
    kernels::activeKernels().encode(codec_, shapeOf(block), block.weights.data,
                                    parameters_.scale.data() + flat, zeroPointOf(flat),
                                    block.codes.data());
  }

  /// Calls work(run) for the groups of a block in row-major order.
  template <typename Work>
  void forEachGroup(const Block& block, Work work) const {
    for (std::size_t r = 0; r < block.weights.rows; ++r) {
      const std::size_t row = block.firstRow + r;
      for (std::size_t g = 0; g < layout_.groupsPerRow(); ++g) {
        work(GroupRun{row, g, row * layout_.groupsPerRow() + g, r * layout_.cols + layout_.begin(g),
                      layout_.length(g)});
      }
    }
  }

  void mark(Block& block) const {
    block.mask.resize(block.errors.size());
    if (const auto* range = std::get_if<ErrorRange>(&request_.selection)) {
      block.inUnit.resize(block.errors.size());
      forEachGroup(block, [&](const GroupRun& run) {
        for (std::size_t i = run.begin; i < run.begin + run.size; ++i) {
          block.inUnit[i] = errorInUnit(range->unit, block.errors[i], parameters_.scale[run.flat],
                                        block.weights.data[i]);
        }
      });
      markBins(BinMatcher::of(*range), block.inUnit.data(), block);
    } else if (const auto* weights = std::get_if<WeightRange>(&request_.selection)) {
      markBins(BinMatcher::of(*weights), block.weights.data, block);
    } else if (!codeFlags_.empty()) {
      for (std::size_t i = 0; i < block.mask.size(); ++i) {
        block.mask[i] = codeFlags_[placeOf(block.codes[i])];
      }
    } else {
      forEachGroup(block, [&](const GroupRun& run) {
        const std::uint8_t row = rowFlags_[run.row];
        const std::size_t column = layout_.begin(run.group);
        for (std::size_t i = 0; i < run.size; ++i) {
          block.mask[run.begin + i] = row & columnFlags_[column + i];
        }
      });
    }
  }

  /// `values` may hold some that are not finite: they match no bin.
  void markBins(const BinMatcher& matcher, const float* values, Block& block) const {
    const std::size_t size = block.mask.size();
    if (matcher.equal) {
      for (std::size_t i = 0; i < size; ++i) block.mask[i] = matcher.matches(values[i]) ? 1 : 0;
      return;
    }
    for (std::size_t i = 0; i < size; ++i) block.mask[i] = matcher.inside(values[i]) ? 1 : 0;
    if (values == block.inUnit.data()) {  // bins are only found of finite values
      for (std::size_t i = 0; i < size; ++i) {
        if (block.mask[i] == 0) block.inUnit[i] = 0;
      }
    }
    block.bins.resize(size);
    kernels::activeKernels().findBins(values, size, matcher.rule, block.bins.data());
    for (std::size_t i = 0; i < size; ++i) {
      block.mask[i] = block.mask[i] & (matcher.hasBin(block.bins[i]) ? 1 : 0);
    }
  }

  void count(std::size_t index, Block& block, Counts& counts) {
    block.chosenWeights.clear();
    block.chosenErrors.clear();
    for (auto& errors : block.chosenInUnit) errors.clear();
    BlockSums& sums = sums_[index];
    forEachGroup(block, [&](const GroupRun& run) { countGroup(run, block, sums, counts); });
    if (block.chosenWeights.empty()) return;

    sums.errors = tallyOf(block.chosenWeights, block.chosenErrors);
    double weight = 0;
    for (const float w : block.chosenWeights) weight += static_cast<double>(w);
    for (const float e : block.chosenErrors) sums.error -= static_cast<double>(e);
    sums.mean = weight / static_cast<double>(sums.errors.count);
    for (const float w : block.chosenWeights) {
      const double apart = static_cast<double>(w) - sums.mean;
      sums.moment += apart * apart;
    }
    const auto [min, max] =
        std::minmax_element(block.chosenWeights.begin(), block.chosenWeights.end());
    sums.min = *min;
    sums.max = *max;
    counts.weights.addAll(block.chosenWeights, 1);
    for (std::size_t u = 0; u < kErrorUnits.size(); ++u) {
      counts.errors[u].addAll(block.chosenInUnit[u], -1);
    }
  }

  void countGroup(const GroupRun& run, Block& block, BlockSums& sums, Counts& counts) const {
    const auto begin = block.mask.begin() + static_cast<std::ptrdiff_t>(run.begin);
    const auto end = begin + static_cast<std::ptrdiff_t>(run.size);
    if (std::find(begin, end, 1) == end) return;
    const float step = parameters_.scale[run.flat];
    const float* zeroPoint = zeroPointOf(run.flat);
    const ClipLimits limits = ClipLimits::of(codec_, zeroPoint == nullptr ? 0 : *zeroPoint);
    const std::size_t column = layout_.begin(run.group);
    std::uint64_t chosen = 0;
    for (std::size_t i = run.begin; i < run.begin + run.size; ++i) {
      if (block.mask[i] == 0) continue;
      ++chosen;
      const float weight = block.weights.data[i];
      const float error = block.errors[i];
      const std::size_t col = column + (i - run.begin);
      block.chosenWeights.push_back(weight);
      block.chosenErrors.push_back(error);
      for (std::size_t u = 0; u < kErrorUnits.size(); ++u) {
        const float value = errorInUnit(kErrorUnits[u], error, step, weight);
        if (std::isfinite(value)) block.chosenInUnit[u].push_back(value);
      }
      sums.clipped += limits.clipped(weight / step) ? 1 : 0;
      if (std::fabs(error) > sums.largest) {
        sums.largest = std::fabs(error);
        sums.largestAt = {run.row, col};
      }
      ++counts.codes[placeOf(block.codes[i])];
      ++counts.columns[col / report_.columns.perPoint];
    }
    counts.cells[report_.map.cellOf(run.row, run.group)] += chosen;
    counts.rows[run.row / report_.rows.perPoint] += chosen;
    counts.groupPositions[run.group / report_.groupPositions.perPoint] += chosen;
  }

  const SelectionRequest& request_;
  const WeightTensor& tensor_;
  const ErrorReport& report_;
  const Codec& codec_;
  const GroupParameters& parameters_;
  const GroupLayout layout_;
  const RowBlocks blocks_;
  std::vector<std::uint8_t> rowFlags_;     ///< empty unless the selection is a region
  std::vector<std::uint8_t> columnFlags_;  ///< likewise
  std::vector<std::uint8_t> codeFlags_;    ///< by placeOf; empty unless it is a set of codes
  int lowest_ = 0;
  int highest_ = 0;
  std::vector<BlockSums> sums_;
  Counts counts_;
};

/// Whether result and detail are whole answers to the tensor under one specification.
bool answersFit(const SelectionRequest& request) {
  if (!request.result || !request.detail) return false;
  const WeightTensor& tensor = *request.tensor;
  const AnalysisDetail& detail = *request.detail;
  return request.result->answers(tensor) && request.result->spec == detail.spec &&
         detail.info.rows == tensor.rows() && detail.info.cols == tensor.cols() &&
         detail.report.codes && detail.report.distributions.size() == kErrorUnits.size();
}

}  // namespace

double SelectedWeights::share() const {
  return total == 0 ? 0 : static_cast<double>(count) / static_cast<double>(total);
}

Result<SharedSelection> selectWeights(const SelectionRequest& request, const Executor& executor,
                                      const TaskControl& control) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<SharedSelection> {
    const auto begin = std::chrono::steady_clock::now();
    if (!answersFit(request)) {
      return Error{ErrorCode::InvalidArgument,
                   request.tensor->info().name +
                       ": a selection needs the analysis and the detail of this tensor"};
    }
    const AnalysisResult& result = *request.result;
    auto parameters =
        groupParametersOf(*request.tensor, *result.coding, result.clip.ratios, executor, control);
    if (!parameters) return parameters.error();
    Selector selector(request, *parameters);
    if (auto status = selector.run(executor, control); !status) return status.error();
    if (auto status = request.tensor->intact(); !status) return status.error();

    auto found = std::make_shared<SelectedWeights>();
    found->id = request.id;
    found->selection = request.selection;
    found->info = request.tensor->info();
    found->spec = result.spec;
    selector.store(*found);
    found->elapsedMs =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    return SharedSelection(std::move(found));
  });
}

}  // namespace quantoscope
