#include "core/engine/win_rate.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <vector>

#include "core/base/memory_border.h"
#include "core/metrics/block_runs.h"
#include "core/quant/clip_search.h"
#include "core/quant/quantizer.h"
#include "core/tensor/health.h"

namespace quantoscope {

namespace {

/// One of the two: what decodes it.
struct Contestant {
  Coding coding;
  ParameterSource parameters;
};

Result<Contestant> contestant(const WeightTensor& tensor, Coding coding, const Executor& executor,
                              const TaskControl& control) {
  auto choice = chooseClip(tensor, coding, executor, control);
  if (!choice) return choice.error();
  auto parameters = parameterSourceOf(tensor, coding, choice->ratios, executor, control);
  if (!parameters) return parameters.error();
  return Contestant{std::move(coding), std::move(*parameters)};
}

Status validate(const WinRateRequest& request) {
  for (const QuantSpec* spec : {&request.first, &request.second}) {
    if (auto status = spec->validate(); !status) return status;
  }
  if (auto status = validateGroupSize("group_size", request.groupSize); !status) return status;
  if (request.bins == 0) return Error{ErrorCode::InvalidArgument, "bins 0: allowed is 1 or more"};
  return ok();
}

/// What one run of blocks counted.
struct Tally {
  std::uint64_t firstWins = 0;
  std::uint64_t secondWins = 0;
  std::uint64_t firstNearer = 0;
  std::uint64_t secondNearer = 0;
  float largest = 0;
  Histogram difference;
  BlockMapBuilder firstMap;
  BlockMapBuilder secondMap;
};

/// The errors of one row under both.
struct RowErrors {
  std::size_t index;
  std::span<const float> w;
  const float* first;
  const float* second;

  float a(std::size_t c) const { return w[c] - first[c]; }
  float b(std::size_t c) const { return w[c] - second[c]; }
  float difference(std::size_t c) const { return std::abs(a(c)) - std::abs(b(c)); }
};

/// Adds the row's groups to both maps.
void mapRow(const RowErrors& row, const GroupLayout& layout, std::vector<float>& errors,
            Tally& tally) {
  const auto add = [&](BlockMapBuilder& map, auto errorAt) {
    errors.resize(row.w.size());
    for (std::size_t c = 0; c < errors.size(); ++c) errors[c] = errorAt(c);
    for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
      const std::span<const float> all(errors);
      map.add(row.index, g,
              tallyOf(row.w.subspan(layout.begin(g), layout.length(g)),
                      all.subspan(layout.begin(g), layout.length(g))));
    }
  };
  add(tally.firstMap, [&](std::size_t c) { return row.a(c); });
  add(tally.secondMap, [&](std::size_t c) { return row.b(c); });
}

void countRow(const RowErrors& row, const GroupLayout& layout, Tally& tally) {
  for (std::size_t g = 0; g < layout.groupsPerRow(); ++g) {
    double a = 0;
    double b = 0;
    const std::size_t end = layout.begin(g) + layout.length(g);
    for (std::size_t c = layout.begin(g); c < end; ++c) {
      a += static_cast<double>(row.a(c)) * row.a(c);
      b += static_cast<double>(row.b(c)) * row.b(c);
      const float difference = row.difference(c);
      tally.firstNearer += difference < 0 ? 1 : 0;
      tally.secondNearer += difference > 0 ? 1 : 0;
      tally.largest = std::max(tally.largest, std::abs(difference));
    }
    tally.firstWins += a < b ? 1 : 0;
    tally.secondWins += b < a ? 1 : 0;
  }
}

/// Walks through the tensor with both versions of each row at hand.
class Contest {
 public:
  Contest(const WeightTensor& tensor, Contestant first, Contestant second, std::size_t bins)
      : tensor_(tensor),
        first_(std::move(first)),
        second_(std::move(second)),
        runs_(BlockRuns::of(tensor.rows(), tensor.cols(), bins * sizeof(std::uint64_t))),
        tallies_(runs_.count()) {}

  std::vector<Tally>& tallies() { return tallies_; }

  template <typename Visit>
  Status forEachRow(const Executor& executor, const TaskControl& control, const Visit& visit) {
    return executor.forEachBlock(
        runs_.count(),
        [&](std::size_t run) {
          std::vector<float> scratch;
          std::vector<float> first;
          std::vector<float> second;
          std::vector<float> spare;
          for (std::size_t b = runs_.firstBlock(run); b < runs_.endBlock(run); ++b) {
            if (control.cancel.cancelled()) return;
            visitBlock(b, scratch, first, second,
                       [&](const RowErrors& row) { visit(row, tallies_[run], spare); });
          }
        },
        control);
  }

 private:
  template <typename Visit>
  void visitBlock(std::size_t block, std::vector<float>& scratch, std::vector<float>& first,
                  std::vector<float>& second, const Visit& visit) {
    const std::size_t firstRow = runs_.blocks.first(block);
    const MatrixView w = tensor_.block(firstRow, runs_.blocks.size(block), scratch);
    first.resize(w.rows * w.cols);
    second.resize(w.rows * w.cols);
    dequantizeRows(first_.coding.codec, first_.parameters, w, firstRow, first.data());
    dequantizeRows(second_.coding.codec, second_.parameters, w, firstRow, second.data());
    for (std::size_t r = 0; r < w.rows; ++r) {
      visit(
          RowErrors{firstRow + r, w.row(r), first.data() + r * w.cols, second.data() + r * w.cols});
    }
  }

  const WeightTensor& tensor_;
  Contestant first_;
  Contestant second_;
  BlockRuns runs_;
  std::vector<Tally> tallies_;
};

}  // namespace

Result<SharedWinRate> winRate(const WinRateRequest& request, const Executor& executor,
                              const TaskControl& control) {
  return withinMemory(request.tensor->info().name, [&]() -> Result<SharedWinRate> {
    const auto begin = std::chrono::steady_clock::now();
    if (auto status = validate(request); !status) return status.error();
    const WeightTensor& tensor = *request.tensor;
    const auto survey = surveyFinite(tensor, executor, control);
    if (!survey) return survey.error();
    auto first = contestant(tensor, codingOf(tensor, request.first, *survey), executor, control);
    if (!first) return first.error();
    auto second = contestant(tensor, codingOf(tensor, request.second, *survey), executor, control);
    if (!second) return second.error();

    auto found = std::make_shared<WinRate>();
    const GroupLayout layout = GroupLayout::of(tensor.rows(), tensor.cols(), request.groupSize);
    Contest contest(tensor, std::move(*first), std::move(*second), request.bins);
    if (request.mapSide > 0) {
      const BlockMap mapping = BlockMap::over(layout, request.mapSide, request.mapSide);
      for (Tally& tally : contest.tallies()) {
        tally.firstMap = BlockMapBuilder(mapping);
        tally.secondMap = BlockMapBuilder(mapping);
      }
    }
    auto status = contest.forEachRow(
        executor, control, [&](const RowErrors& row, Tally& tally, std::vector<float>& spare) {
          countRow(row, layout, tally);
          if (request.mapSide > 0) mapRow(row, layout, spare, tally);
        });
    if (!status) return status.error();
    if (request.mapSide > 0) {
      std::vector<Tally>& tallies = contest.tallies();
      for (std::size_t i = 1; i < tallies.size(); ++i) {
        tallies.front().firstMap.append(tallies[i].firstMap);
        tallies.front().secondMap.append(tallies[i].secondMap);
      }
      found->firstMap = tallies.front().firstMap.finish();
      found->secondMap = tallies.front().secondMap.finish();
    }
    float largest = 0;
    for (const Tally& tally : contest.tallies()) {
      found->firstWins += tally.firstWins;
      found->secondWins += tally.secondWins;
      found->firstNearer += tally.firstNearer;
      found->secondNearer += tally.secondNearer;
      largest = std::max(largest, tally.largest);
    }

    // The range is only known now, so the histogram takes a second pass.
    found->difference = Histogram::over(-largest, largest, request.bins);
    for (Tally& tally : contest.tallies()) tally.difference = found->difference;
    status = contest.forEachRow(executor, control,
                                [](const RowErrors& row, Tally& tally, std::vector<float>&) {
                                  for (std::size_t c = 0; c < row.w.size(); ++c)
                                    tally.difference.add(row.difference(c));
                                });
    if (!status) return status.error();
    for (const Tally& tally : contest.tallies()) found->difference.merge(tally.difference);
    if (auto same = tensor.intact(); !same) return same.error();

    found->id = request.id;
    found->info = tensor.info();
    found->first = request.first;
    found->second = request.second;
    found->groupSize = layout.groupSize;
    found->groups = layout.groups();
    found->weights = tensor.elements();
    found->elapsedMs =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    return SharedWinRate(std::move(found));
  });
}

}  // namespace quantoscope
