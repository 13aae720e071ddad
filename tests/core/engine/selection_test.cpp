// Selected weights, held to the plainest way of finding and counting them.
#include "core/engine/selection.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <QtTest>

#include "core/engine/selected_weights.h"
#include "core/quant/clip_search.h"
#include "core/quant/quantizer.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "tests/support/weight_patterns.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

/// A tensor with both answers to it, and everything that a selection may ask, weight by weight.
struct Case {
  std::shared_ptr<const WeightTensor> tensor;
  SharedResult result;
  SharedDetail detail;
  std::vector<WeightFacts> facts;
  std::vector<bool> clipped;
  GroupLayout layout;

  Case(WeightTensor weights, const QuantSpec& spec, std::size_t bins = 64) {
    tensor = std::make_shared<const WeightTensor>(std::move(weights));
    AnalysisRequest request;
    request.tensor = tensor;
    request.spec = spec;
    request.bins = bins;
    result = *analyse(request, Executor(2));
    DetailRequest more;
    more.tensor = tensor;
    more.spec = spec;
    more.known = result;
    more.sizes.bins = bins;
    more.sizes.mapRows = 7;
    more.sizes.mapCols = 5;
    more.sizes.profilePoints = 11;
    detail = *analyseDetail(more, Executor(2));
    collectFacts(spec);
  }

  void collectFacts(const QuantSpec& spec) {
    const auto parameters =
        groupParametersOf(*tensor, coded(*tensor, spec), result->clip.ratios, Executor(1));
    const auto values = dequantized(*tensor, coded(*tensor, spec), *parameters, Executor(1));
    const Codec codec = codecOf(spec);
    layout = parameters->layout;
    std::vector<float> scratch;
    const MatrixView w = tensor->block(0, tensor->rows(), scratch);
    std::vector<std::int32_t> codes(w.rows * w.cols);
    kernels::scalarKernels().encode(
        codec, {w.rows, w.cols, layout.groupSize}, w.data, parameters->scale.data(),
        parameters->zeroPoint.empty() ? nullptr : parameters->zeroPoint.data(), codes.data());
    for (std::size_t r = 0; r < w.rows; ++r) {
      for (std::size_t c = 0; c < w.cols; ++c) {
        const std::size_t i = r * w.cols + c;
        const std::size_t group = r * layout.groupsPerRow() + c / layout.groupSize;
        const float step = parameters->scale[group];
        const float zeroPoint = parameters->zeroPoint.empty() ? 0 : parameters->zeroPoint[group];
        facts.push_back({r, c, w.data[i], w.data[i] - values->values[i], step, codes[i]});
        clipped.push_back(ClipLimits::of(codec, zeroPoint).clipped(w.data[i] / step));
      }
    }
  }

  SelectionRequest request(Selection selection) const {
    SelectionRequest made;
    made.id = 5;
    made.tensor = tensor;
    made.selection = std::move(selection);
    made.result = result;
    made.detail = detail;
    return made;
  }
  SharedSelection select(Selection selection, int threads = 2) const {
    return *selectWeights(request(std::move(selection)), Executor(threads));
  }
};

/// The bin of an error or a weight as Histogram tells it, one value at a time.
bool inBins(const Histogram& histogram, double value, std::size_t first, std::size_t last) {
  const std::size_t bin = histogram.binOf(value);
  return bin >= first && bin <= last;
}

bool among(const std::vector<IndexRange>& ranges, std::size_t index) {
  if (ranges.empty()) return true;
  for (const IndexRange& range : ranges) {
    for (std::size_t i = 0; i < range.size; ++i) {
      if (range.first + i == index) return true;
    }
  }
  return false;
}

/// Written without selects(): bins by Histogram::binOf of what was counted.
bool isSelected(const Case& made, const Selection& selection, const WeightFacts& fact) {
  if (const auto* range = std::get_if<ErrorRange>(&selection)) {
    double value = -double{fact.error};
    if (range->unit != ErrorUnit::Weight && fact.error != 0) {
      const float by = range->unit == ErrorUnit::Step ? fact.step : fact.weight;
      value = -double{fact.error / std::fabs(by)};
    }
    if (!std::isfinite(value)) return false;
    const auto& all = made.detail->report.distributions[std::size_t(range->unit)].all;
    if (!range->magnitudes) return inBins(all, value, range->bins.first, range->bins.last);
    const std::size_t half = all.counts.size() / 2;
    const std::size_t bin = all.binOf(value);
    const std::size_t outward = bin >= half ? bin - half : half - 1 - bin;
    return outward >= range->bins.first && outward <= range->bins.last;
  }
  if (const auto* range = std::get_if<WeightRange>(&selection)) {
    return inBins(made.result->weightHistogram, fact.weight, range->bins.first, range->bins.last);
  }
  if (const auto* region = std::get_if<Region>(&selection)) {
    return among(region->rows, fact.row) && among(region->columns, fact.col);
  }
  const auto& codes = std::get<CodeSet>(selection).codes;
  return std::count(codes.begin(), codes.end(), fact.code) > 0;
}

bool close(double a, double b, double relative = 1e-12) {
  return std::fabs(a - b) <= relative * std::max(std::fabs(a), std::fabs(b));
}

void checkSums(const SelectedWeights& found, const std::vector<WeightFacts>& chosen,
               double tensorSquaredError) {
  double weight = 0, error = 0, squared = 0;
  float least = std::numeric_limits<float>::infinity(), most = -least, largest = -1;
  Position at;
  for (const WeightFacts& fact : chosen) {
    weight += double{fact.weight};
    error -= double{fact.error};
    squared += double{fact.error} * double{fact.error};
    least = std::min(least, fact.weight);
    most = std::max(most, fact.weight);
    if (std::fabs(fact.error) > largest) {
      largest = std::fabs(fact.error);
      at = {fact.row, fact.col};
    }
  }
  const auto size = static_cast<double>(chosen.size());
  double variance = 0;
  for (const WeightFacts& fact : chosen) {
    variance += std::pow(double{fact.weight} - weight / size, 2) / size;
  }
  QCOMPARE(found.minWeight, least);
  QCOMPARE(found.maxWeight, most);
  QVERIFY(std::fabs(found.meanWeight - weight / size) <= 1e-12 * std::max(-least, most));
  QVERIFY(std::fabs(found.stdWeight - std::sqrt(variance)) <=
          1e-9 * std::max(std::fabs(least), std::fabs(most)));
  QCOMPARE(found.errors.maxAbsError, largest);
  QCOMPARE(found.maxAbsErrorAt, at);
  QVERIFY(close(found.errors.squaredError, squared));
  QVERIFY(std::fabs(found.meanError - error / size) <= 1e-12 * double{largest});
  if (tensorSquaredError > 0) {
    QVERIFY(close(found.squaredErrorShare, squared / tensorSquaredError, 1e-9));
  }
}

void checkCounts(const Case& made, const SelectedWeights& found,
                 const std::vector<WeightFacts>& chosen) {
  const ErrorReport& report = made.detail->report;
  Histogram weights =
      Histogram::over(made.result->weightHistogram.lo, made.result->weightHistogram.hi,
                      made.result->weightHistogram.counts.size());
  std::vector<std::uint64_t> cells(report.map.maximum.size()), rows(report.rows.points.size()),
      places(report.groupPositions.points.size()), columns(report.columns.points.size()),
      codes(report.codes->codes.size());
  for (const WeightFacts& fact : chosen) {
    weights.add(fact.weight);
    const std::size_t group = fact.col / made.layout.groupSize;
    ++cells[report.map.cellOf(fact.row, group)];
    ++rows[fact.row / report.rows.perPoint];
    ++places[group / report.groupPositions.perPoint];
    ++columns[fact.col / report.columns.perPoint];
    for (std::size_t i = 0; i < codes.size(); ++i) {
      codes[i] += report.codes->codes[i].code == fact.code ? 1 : 0;
    }
  }
  QCOMPARE(found.weights.counts, weights.counts);
  QCOMPARE(found.cells, cells);
  QCOMPARE(found.rows, rows);
  QCOMPARE(found.groupPositions, places);
  QCOMPARE(found.columns, columns);
  QCOMPARE(found.codes, codes);
  for (std::size_t u = 0; u < kErrorUnits.size(); ++u) {
    const Histogram& all = report.distributions[u].all;
    Histogram errors = Histogram::over(all.lo, all.hi, all.counts.size());
    for (const WeightFacts& fact : chosen) {
      const float by = u == 0 ? 1 : u == 1 ? fact.step : fact.weight;
      const float value = fact.error == 0 ? 0 : fact.error / std::fabs(by);
      if (std::isfinite(value)) errors.add(-double{value});
    }
    QCOMPARE(found.errorsByUnit[u].counts, errors.counts);
  }
}

void compareWithBruteForce(const Case& made, const Selection& selection) {
  std::vector<WeightFacts> chosen;
  std::uint64_t clipped = 0;
  double all = 0;
  for (std::size_t i = 0; i < made.facts.size(); ++i) {
    const WeightFacts& fact = made.facts[i];
    all += double{fact.error} * double{fact.error};
    const bool selected = isSelected(made, selection, fact);
    QCOMPARE(selects(selection, fact), selected);
    if (!selected) continue;
    chosen.push_back(fact);
    clipped += made.clipped[i] ? 1 : 0;
  }
  const SharedSelection found = made.select(selection);
  QCOMPARE(found->id, std::uint64_t{5});
  QCOMPARE(found->total, std::uint64_t{made.facts.size()});
  QCOMPARE(found->count, std::uint64_t{chosen.size()});
  QCOMPARE(found->errors.count, std::uint64_t{chosen.size()});
  QCOMPARE(found->clipped, clipped);
  if (!chosen.empty()) checkSums(*found, chosen, all);
  checkCounts(made, *found, chosen);
}

ErrorRange errorsOf(const Case& made, ErrorUnit unit, bool magnitudes, std::size_t first,
                    std::size_t last) {
  const Histogram& all = made.detail->report.distributions[std::size_t(unit)].all;
  const Histogram shown = magnitudes ? folded(all) : all;
  return {unit, magnitudes, BinRange::of(shown, first, std::min(last, shown.counts.size() - 1))};
}

void compareAllKinds(const Case& made) {
  for (const ErrorUnit unit : kErrorUnits) {
    const std::size_t bins = made.detail->report.distributions[std::size_t(unit)].all.counts.size();
    for (const bool magnitudes : {false, true}) {
      const std::size_t shown = magnitudes ? std::max<std::size_t>(1, bins / 2) : bins;
      for (const std::size_t first : {std::size_t{0}, shown / 3, shown - 1}) {
        compareWithBruteForce(made, errorsOf(made, unit, magnitudes, first, first));
        compareWithBruteForce(made, errorsOf(made, unit, magnitudes, first, first + 4));
      }
      compareWithBruteForce(made, errorsOf(made, unit, magnitudes, 0, shown));
    }
  }
  const Histogram& weights = made.result->weightHistogram;
  const std::size_t last = weights.counts.size() - 1;
  compareWithBruteForce(made, WeightRange{BinRange::of(weights, last, last)});
  compareWithBruteForce(made, WeightRange{BinRange::of(weights, last / 3, last / 2)});
  compareWithBruteForce(made, Region{});
  compareWithBruteForce(made, Region{{{1, 2}, {9, 1}}, {{0, 1}, {5, 40}}});
  compareWithBruteForce(made, Region{{}, {{3, 1}}});
  compareWithBruteForce(made, Region{{{made.tensor->rows(), 4}}, {}});
  const auto& codes = made.detail->report.codes->codes;
  compareWithBruteForce(made, CodeSet{{codes.front().code, codes[codes.size() / 2].code}});
  compareWithBruteForce(made, CodeSet{{1000}});
}

QuantSpec integer(int bits, long long groupSize, double ratio = 1) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  if (ratio != 1) spec.clip = ClipPolicy::fixed(ratio);
  return spec;
}

}  // namespace

class SelectionTest : public QObject {
  Q_OBJECT

 private slots:
  void everyKindIsThatOfCountingOneByOne() {
    compareAllKinds(Case(normalTensor(37, 150, 3), integer(4, 32, 0.8)));
    compareAllKinds(Case(normalTensor(900, 100, 4), integer(3, -1, 0.7)));  // several blocks
    QuantSpec nf4;
    compareAllKinds(Case(normalTensor(20, 70, 5), nf4.withDtype(Dtype::Nf4)));
    QuantSpec doubled = integer(4, 32);
    doubled.doubleQuant = DoubleQuant{};
    compareAllKinds(Case(normalTensor(40, 96, 6), doubled));
    QuantSpec sym = integer(2, 16, 0.75);
    sym.scheme = Scheme::Sym;
    compareAllKinds(Case(normalTensor(30, 64, 7), sym));
  }

  void weightsThatBreakThingsAreCounted() {
    for (std::size_t pattern = 0; pattern < patternNames().size(); ++pattern) {
      auto tensor = tensorOf(11, 64, patternValues(pattern, 11, 64, 16, 9));
      AnalysisRequest request;
      request.tensor = std::make_shared<const WeightTensor>(tensor);
      request.spec = integer(4, 16);
      const auto result = analyse(request, Executor(1));
      if (!result || !(*result)->metrics) continue;  // not finite, or scales that overflow
      compareAllKinds(Case(std::move(tensor), integer(4, 16)));
    }
  }

  void constantWeightsHaveOneBin() {
    const Case made(tensorOf(8, 16, std::vector<float>(128, 0.25f)), integer(4, 16));
    QCOMPARE(made.result->weightHistogram.counts.size(), 1u);
    compareAllKinds(made);
    const auto all = made.select(WeightRange{BinRange::of(made.result->weightHistogram, 0, 0)});
    QCOMPARE(all->count, 128u);
    QCOMPARE(all->stdWeight, 0.0);
  }

  void aBinHasTheCountOfTheHistogram() {
    const Case made(normalTensor(200, 300, 8), integer(4, 64, 0.8), 512);
    const Histogram& errors = made.detail->report.distributions[0].all;
    const Histogram& weights = made.result->weightHistogram;
    for (std::size_t bin = 0; bin < 512; bin += 37) {
      QCOMPARE(
          made.select(ErrorRange{ErrorUnit::Weight, false, BinRange::of(errors, bin, bin)})->count,
          errors.counts[bin]);
      QCOMPARE(made.select(WeightRange{BinRange::of(weights, bin, bin)})->count,
               weights.counts[bin]);
    }
  }

  void everythingIsTheWholeTensor() {
    const Case made(normalTensor(64, 256, 9), integer(4, 64, 0.8));
    const auto all = made.select(Region{});
    QCOMPARE(all->count, all->total);
    QVERIFY(close(all->squaredErrorShare, 1));
    QVERIFY(close(all->meanError, made.result->metrics->meanError, 1e-9));
    QCOMPARE(double{all->errors.maxAbsError}, made.result->metrics->maxAbsError);
    QCOMPARE(all->maxAbsErrorAt, made.result->metrics->maxAbsErrorAt);
    QCOMPARE(all->clipped, made.detail->report.split->clipped);
    QCOMPARE(all->weights.counts, made.result->weightHistogram.counts);
    QCOMPARE(all->errorsByUnit[1].counts, made.detail->report.distributions[1].all.counts);
    QVERIFY(close(all->stdWeight, made.result->statistics.std, 1e-9));
  }

  void theBitsAreTheSameForAnyNumberOfThreads() {
    const Case made(normalTensor(3000, 128, 10), integer(4, 32, 0.8));
    const Selection selection = errorsOf(made, ErrorUnit::Step, true, 10, 25);
    const auto one = made.select(selection, 1);
    for (const int threads : {2, 3, 4}) {
      const auto more = made.select(selection, threads);
      QCOMPARE(more->meanWeight, one->meanWeight);
      QCOMPARE(more->stdWeight, one->stdWeight);
      QCOMPARE(more->meanError, one->meanError);
      QCOMPARE(more->errors.squaredError, one->errors.squaredError);
      QCOMPARE(more->errors.absError, one->errors.absError);
      QCOMPARE(more->cells, one->cells);
      QCOMPARE(more->weights.counts, one->weights.counts);
    }
  }

  void valuesBeyondTheBinsAreNotSelected() {
    const Histogram narrow = Histogram::over(-0.01, 0.01, 4);
    const Selection last = WeightRange{BinRange::of(narrow, 3, 3)};
    WeightFacts fact;
    fact.weight = 0.0099f;
    QVERIFY(selects(last, fact));
    fact.weight = 0.5f;  // a histogram would put it into its last bin
    QVERIFY(!selects(last, fact));
    const Case made(tensorOf(1, 16, {0.0099f, 0.5f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}),
                    integer(8, 16));
    QCOMPARE(made.select(last)->count, 1u);
  }

  void bordersReadLikeTheHistograms() {
    const Histogram histogram = Histogram::over(-0.3, 0.7, 7);
    const std::vector<double> edges = histogram.edges();
    const BinRange range = BinRange::of(histogram, 2, 6);
    QCOMPARE(range.from(), edges[2]);
    QCOMPARE(range.to(), edges[7]);
  }

  void withoutItsAnalysisThereIsNoSelection() {
    const Case made(normalTensor(8, 32, 11), integer(4, 16));
    const Case other(normalTensor(8, 32, 11), integer(3, 16));
    for (auto breakIt : std::initializer_list<std::function<void(SelectionRequest&)>>{
             [](SelectionRequest& r) { r.detail = nullptr; },
             [](SelectionRequest& r) { r.result = nullptr; },
             [&](SelectionRequest& r) { r.detail = other.detail; }}) {
      SelectionRequest request = made.request(Region{});
      breakIt(request);
      const auto found = selectWeights(request, Executor(1));
      QVERIFY(!found);
      QCOMPARE(found.error().code, ErrorCode::InvalidArgument);
    }
  }

  void itIsCancelled() {
    const Case made(normalTensor(3000, 128, 12), integer(4, 32));
    TaskControl control;
    control.cancel.cancel();
    const auto found = selectWeights(made.request(Region{}), Executor(2), control);
    QVERIFY(!found);
    QCOMPARE(found.error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(SelectionTest)
#include "selection_test.moc"
