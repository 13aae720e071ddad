#include "core/engine/detail.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include <QtTest>

#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

bool close(double a, double b, double relative = 1e-12) {
  return std::fabs(a - b) <= relative * std::max(std::fabs(a), std::fabs(b));
}

std::shared_ptr<const WeightTensor> shared(WeightTensor tensor) {
  return std::make_shared<const WeightTensor>(std::move(tensor));
}

ReportSizes smallSizes() {
  ReportSizes sizes;
  sizes.profilePoints = 7;
  sizes.mapRows = 5;
  sizes.mapCols = 3;
  sizes.worstGroups = 4;
  sizes.bins = 33;
  return sizes;
}

/// What a report says, from whole copies of everything and one element after another.
struct Naive {
  std::size_t rows, cols;
  GroupLayout layout;
  std::vector<float> w, y;
  std::vector<bool> clipped;  ///< of each weight; empty where there are no codes

  float error(std::size_t r, std::size_t c) const { return w[r * cols + c] - y[r * cols + c]; }

  /// Sums over rows [r0, r1) and columns [c0, c1).
  ErrorTally over(std::size_t r0, std::size_t r1, std::size_t c0, std::size_t c1) const {
    ErrorTally sum;
    for (std::size_t r = r0; r < r1; ++r) {
      for (std::size_t c = c0; c < c1; ++c) {
        const double e = error(r, c);
        const std::size_t at = r * cols + c;
        if (sum.count == 0 || std::fabs(error(r, c)) > sum.maxAbsError) sum.maxAt = at;
        ++sum.count;
        sum.error -= e;
        sum.cross += w[at] * e;
        if (!clipped.empty() && clipped[at]) sum.clipping += e * e;
        sum.squaredError += e * e;
        sum.absError += std::fabs(e);
        sum.squaredWeight += double{w[r * cols + c]} * w[r * cols + c];
        sum.maxAbsError = std::max(sum.maxAbsError, std::fabs(error(r, c)));
        sum.maxAbsWeight = std::max(sum.maxAbsWeight, std::fabs(w[r * cols + c]));
      }
    }
    return sum;
  }

  ErrorTally row(std::size_t r) const { return over(r, r + 1, 0, cols); }
  ErrorTally column(std::size_t c) const { return over(0, rows, c, c + 1); }
  ErrorTally group(std::size_t r, std::size_t g) const {
    return over(r, r + 1, layout.begin(g), layout.begin(g) + layout.length(g));
  }
  ErrorTally position(std::size_t g) const {
    return over(0, rows, layout.begin(g), layout.begin(g) + layout.length(g));
  }

  double percentile(std::uint64_t parts) const {
    std::vector<float> magnitudes;
    for (std::size_t i = 0; i < w.size(); ++i) magnitudes.push_back(std::fabs(w[i] - y[i]));
    std::sort(magnitudes.begin(), magnitudes.end());
    return magnitudes[(parts * magnitudes.size() + 999) / 1000 - 1];
  }
};

bool same(const ErrorTally& found, const ErrorTally& expected) {
  return found.count == expected.count && close(found.squaredError, expected.squaredError) &&
         close(found.absError, expected.absError) &&
         close(found.squaredWeight, expected.squaredWeight) &&
         found.maxAbsError == expected.maxAbsError && found.maxAbsWeight == expected.maxAbsWeight &&
         found.maxAt == expected.maxAt &&
         std::fabs(found.error - expected.error) <= 1e-12 * expected.absError &&
         std::fabs(found.cross - expected.cross) <= 1e-12 * expected.squaredWeight &&
         close(found.clipping, expected.clipping);
}

/// The metrics of a tally against their formulas over its weights.
void checkFormulas(const ErrorTally& tally, std::span<const float> w, std::span<const float> y) {
  double ww = 0, yy = 0, wy = 0, ee = 0, bias = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double e = w[i] - y[i];
    ww += double{w[i]} * w[i];
    yy += double{y[i]} * y[i];
    wy += double{w[i]} * y[i];
    ee += e * e;
    bias += double{y[i]} - w[i];
  }
  const auto n = static_cast<double>(w.size());
  const auto equal = [](double a, double b) {
    return a == b || close(a, b, 1e-6) || (a != a && b != b);
  };
  const ErrorMetrics metrics = tally.metrics(1);
  QVERIFY(equal(metrics.rmse, std::sqrt(ee / n)));
  QVERIFY(equal(metrics.sqnrDb, decibels(ww, ee)));
  QVERIFY(equal(metrics.relativeError, std::sqrt(ee / ww)));
  QVERIFY(std::fabs(metrics.meanError - bias / n) <= 1e-6 * tally.meanAbs());
  QVERIFY(equal(metrics.cosine, wy / std::sqrt(ww * yy)));
  QVERIFY(tally.rounding() >= -1e-12 * ee && tally.rounding() <= ee * (1 + 1e-12));
}

template <typename Member>
void checkProfile(const Profile& profile, std::size_t length, Member member) {
  QCOMPARE(profile.length, length);
  QVERIFY(profile.points.size() <= 7);
  std::size_t next = 0;
  for (const Profile::Point& point : profile.points) {
    QCOMPARE(point.first, next);
    ErrorTally sum;
    double worst = 0;
    for (std::size_t i = point.first; i < point.first + point.members; ++i) {
      sum.add(member(i));
      worst = std::max(worst, member(i).mse());
    }
    QVERIFY(same(point.tally, sum));
    QVERIFY(close(point.worstMse, worst));
    QVERIFY(close(member(point.worst).mse(), worst));
    next += point.members;
  }
  QCOMPARE(next, length);
}

void checkMap(const BlockMap& map, const Naive& naive) {
  QVERIFY(map.cellRows <= 5 && map.cellCols <= 3);
  QCOMPARE(map.maximum.size(), map.cellRows * map.cellCols);
  for (std::size_t cell = 0; cell < map.maximum.size(); ++cell) {
    const IndexRange rows = map.rowsOf(cell / map.cellCols);
    const IndexRange columns = map.columnsOf(cell % map.cellCols);
    const ErrorTally sum =
        naive.over(rows.first, rows.first + rows.size, columns.first, columns.first + columns.size);
    QCOMPARE(map.maximum[cell], sum.maxAbsError);
    const GroupIndex worst = map.worstOf(cell);
    QCOMPARE(map.cellOf(worst.row, worst.group), cell);
    QCOMPARE(naive.group(worst.row, worst.group).maxAbsError, sum.maxAbsError);
    QVERIFY(close(map.rms[cell], std::sqrt(sum.mse()), 1e-7));
    QVERIFY(close(map.mean[cell], sum.meanAbs(), 1e-7));
  }
}

void checkWorstGroups(const std::vector<GroupError>& found, const Naive& naive) {
  std::vector<double> all;
  for (std::size_t r = 0; r < naive.rows; ++r) {
    for (std::size_t g = 0; g < naive.layout.groupsPerRow(); ++g) {
      all.push_back(naive.group(r, g).mse());
    }
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  QCOMPARE(found.size(), std::min<std::size_t>(4, all.size()));
  for (std::size_t i = 0; i < found.size(); ++i) {
    QVERIFY(same(found[i].tally, naive.group(found[i].row, found[i].group)));
    QVERIFY(close(found[i].tally.mse(), all[i]));
  }
}

void checkReport(const ErrorReport& report, const Naive& naive) {
  const ErrorTally all = naive.over(0, naive.rows, 0, naive.cols);
  QVERIFY(close(report.metrics.mse, all.mse()));
  QCOMPARE(report.metrics.maxAbsError, double{all.maxAbsError});
  const auto parts = std::map<double, std::uint64_t>{{50, 500}, {95, 950}, {99, 990}, {99.9, 999}};
  QCOMPARE(report.percentiles.size(), std::size_t{4});
  for (const Percentile& found : report.percentiles) {
    QCOMPARE(found.value, naive.percentile(parts.at(found.percent)));
  }
  Histogram errors = Histogram::over(-report.metrics.maxAbsError, report.metrics.maxAbsError, 33);
  for (std::size_t i = 0; i < naive.w.size(); ++i) errors.add(-double{naive.w[i] - naive.y[i]});
  QCOMPARE(report.errors.counts, errors.counts);
  QCOMPARE(report.errors.total(), std::uint64_t{naive.w.size()});

  checkProfile(report.rows, naive.rows, [&](std::size_t r) { return naive.row(r); });
  checkProfile(report.columns, naive.cols, [&](std::size_t c) { return naive.column(c); });
  checkProfile(report.groupPositions, naive.layout.groupsPerRow(),
               [&](std::size_t g) { return naive.position(g); });
  checkMap(report.map, naive);
  checkWorstGroups(report.worstGroups, naive);
  for (const GroupError& group : report.worstGroups) {
    const std::size_t begin = group.row * naive.cols + naive.layout.begin(group.group);
    const std::size_t length = naive.layout.length(group.group);
    checkFormulas(group.tally, std::span(naive.w).subspan(begin, length),
                  std::span(naive.y).subspan(begin, length));
  }
}

/// Whether each weight's code lies outside the codes there are, from the formulas of the format.
std::vector<bool> clippedOf(const QuantSpec& spec, const Naive& naive,
                            const GroupParameters& parameters) {
  const Codec codec = codecOf(spec);
  std::vector<bool> clipped;
  for (std::size_t i = 0; i < naive.w.size(); ++i) {
    const std::size_t g =
        i / naive.cols * naive.layout.groupsPerRow() + i % naive.cols / naive.layout.groupSize;
    const float t = naive.w[i] / parameters.scale[g];
    const float code = std::nearbyintf(t) + (codec.hasZeroPoint() ? parameters.zeroPoint[g] : 0.0f);
    clipped.push_back(codec.kind == CodecKind::Codebook
                          ? std::fabs(t) > codec.codebook->levels.back() * (1 + 2.5e-7)
                          : code < codec.minCode || code > codec.maxCode);
  }
  return clipped;
}

Naive naiveOf(const DetailRequest& request, const GroupParameters& parameters) {
  const Executor one(1);
  const auto y =
      dequantized(*request.tensor, coded(*request.tensor, request.spec), parameters, one);
  std::vector<float> scratch;
  const auto w = request.tensor->block(0, request.tensor->rows(), scratch).all();
  return {request.tensor->rows(),
          request.tensor->cols(),
          parameters.layout,
          std::vector<float>(w.begin(), w.end()),
          y->values,
          {}};
}

/// Codes and clipping from the formulas of the format.
void checkCodes(const AnalysisDetail& detail, const Naive& naive,
                const GroupParameters& parameters) {
  const Codec codec = codecOf(detail.spec);
  std::map<float, std::uint64_t> counts;   // by code or level
  long double clipping = 0, rounding = 0;  // a plain sum of a million doubles is no measure
  std::uint64_t clipped = 0;
  for (std::size_t r = 0; r < naive.rows; ++r) {
    for (std::size_t c = 0; c < naive.cols; ++c) {
      const std::size_t g = r * naive.layout.groupsPerRow() + c / naive.layout.groupSize;
      const float t = naive.w[r * naive.cols + c] / parameters.scale[g];
      bool out = false;
      if (codec.kind == CodecKind::Codebook) {
        out = std::fabs(t) > codec.codebook->levels.back() * (1 + 2.5e-7);
        ++counts[codec.codebook->levels[kernels::codebookIndex(*codec.codebook, t)]];
      } else {
        const float code =
            std::nearbyintf(t) + (codec.hasZeroPoint() ? parameters.zeroPoint[g] : 0.0f);
        out = code < codec.minCode || code > codec.maxCode;
        ++counts[std::clamp(code, codec.minCode, codec.maxCode)];
      }
      const double e = naive.error(r, c);
      (out ? clipping : rounding) += e * e;
      clipped += out;
    }
  }
  QVERIFY(detail.report.split && detail.report.codes);
  const ErrorSplit& split = *detail.report.split;
  QCOMPARE(split.clipped, clipped);
  QVERIFY(close(split.clipping, static_cast<double>(clipping)));
  QVERIFY(close(split.rounding, static_cast<double>(rounding)));
  const double total = detail.report.metrics.mse * static_cast<double>(naive.w.size());
  QVERIFY(std::fabs(split.clipping + split.rounding - total) <= std::ldexp(total, -35));

  double entropy = 0;
  std::uint64_t unused = 0;
  for (const CodeUse::Code& code : detail.report.codes->codes) {
    const std::uint64_t count = counts[static_cast<float>(code.level)];
    QCOMPARE(code.count, count);
    const double share = static_cast<double>(count) / static_cast<double>(naive.w.size());
    entropy -= count == 0 ? 0 : share * std::log2(share);
    unused += count == 0;
  }
  QVERIFY(std::fabs(detail.report.codes->entropyBits - entropy) < 1e-12);
  QCOMPARE(detail.report.codes->unused, unused);
  QCOMPARE(detail.report.codes->bits, detail.spec.bits);
}

void checkDetail(const WeightTensor& tensor, const QuantSpec& spec) {
  DetailRequest request;
  request.tensor = shared(tensor);
  request.spec = spec;
  request.sizes = smallSizes();
  const auto detail = analyseDetail(request, Executor(2));
  QVERIFY(detail);
  const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1));
  const auto parameters =
      groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
  Naive naive = naiveOf(request, *parameters);
  naive.clipped = clippedOf(spec, naive, *parameters);
  checkReport((*detail)->report, naive);
  checkCodes(**detail, naive, *parameters);
}

void put(std::vector<double>& numbers, const ErrorTally& tally) {
  numbers.insert(numbers.end(),
                 {static_cast<double>(tally.count), tally.squaredError, tally.absError,
                  tally.squaredWeight, tally.maxAbsError, tally.maxAbsWeight, tally.error,
                  tally.cross, tally.clipping, static_cast<double>(tally.maxAt)});
}

/// The bits of every number in a report.
std::vector<std::uint64_t> bitsOf(const ErrorReport& report) {
  std::vector<double> numbers = {report.metrics.mse,
                                 report.metrics.sqnrDb,
                                 report.metrics.meanError,
                                 report.metrics.cosine,
                                 report.metrics.maxAbsError,
                                 report.outliers.medianRms,
                                 report.weightedMse.value_or(-1)};
  for (const Percentile& found : report.percentiles) numbers.push_back(found.value);
  for (const auto count : report.errors.counts) numbers.push_back(static_cast<double>(count));
  for (const Profile* profile : {&report.rows, &report.columns, &report.groupPositions}) {
    for (const Profile::Point& point : profile->points) {
      put(numbers, point.tally);
      numbers.insert(numbers.end(), {static_cast<double>(point.worst), point.worstMse});
    }
  }
  for (const GroupError& group : report.worstGroups) {
    put(numbers, group.tally);
    numbers.insert(numbers.end(),
                   {static_cast<double>(group.row), static_cast<double>(group.group)});
  }
  for (const auto* plane : {&report.map.maximum, &report.map.rms, &report.map.mean}) {
    numbers.insert(numbers.end(), plane->begin(), plane->end());
  }
  for (const OutlierChannel& channel : report.outliers.channels) numbers.push_back(channel.rms);
  if (report.split) {
    numbers.insert(numbers.end(), {report.split->clipping, report.split->rounding,
                                   static_cast<double>(report.split->clipped)});
  }
  if (report.codes) {
    for (const auto& code : report.codes->codes) numbers.push_back(static_cast<double>(code.count));
  }
  std::vector<std::uint64_t> bits;
  for (const double number : numbers) bits.push_back(std::bit_cast<std::uint64_t>(number));
  return bits;
}

QuantSpec specWith(Dtype dtype, Scheme scheme, int bits, long long groupSize, double ratio) {
  QuantSpec spec;
  spec.dtype = dtype;
  spec.scheme = scheme;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.clip = ratio == 1 ? ClipPolicy{} : ClipPolicy::fixed(ratio);
  return spec;
}

std::vector<QuantSpec> specs() {
  std::vector<QuantSpec> all;
  for (const long long groupSize : {32LL, 7LL, -1LL, 1LL}) {
    for (const double ratio : {1.0, 0.7}) {
      all.push_back(specWith(Dtype::Int, Scheme::Asym, 4, groupSize, ratio));
      all.push_back(specWith(Dtype::Int, Scheme::Sym, 3, groupSize, ratio));
      all.push_back(specWith(Dtype::Nf4, Scheme::Asym, 4, groupSize, ratio));
      all.push_back(specWith(Dtype::Fp4, Scheme::Asym, 4, groupSize, ratio));
    }
  }
  all.push_back(specWith(Dtype::Int, Scheme::Asym, 8, 16, 0.9));
  all.push_back(specWith(Dtype::Int, Scheme::Asym, 1, 16, 1));
  all.push_back(specWith(Dtype::Int, Scheme::Sym, 4, 16, 1));
  all.back().fullRange = true;
  all.push_back(specWith(Dtype::Int, Scheme::Asym, 4, 16, 0.8));
  all.back().doubleQuant = DoubleQuant{};
  all.push_back(specWith(Dtype::Int, Scheme::Asym, 4, 32, 1));
  all.back().clip.kind = ClipPolicy::Kind::SearchGroups;
  return all;
}

}  // namespace

class DetailTest : public QObject {
  Q_OBJECT

 private slots:
  void everyQuantityIsThatOfTheElements() {
    for (const QuantSpec& spec : specs()) {
      checkDetail(normalTensor(23, 75, 1), spec);
      if (QTest::currentTestFailed()) {
        qWarning("with %s", describe(spec).c_str());
        return;
      }
    }
  }

  void degenerateTensorsAreReportedToo() {
    std::vector<float> zeros(64);
    for (std::size_t i = 0; i < 64; i += 3) zeros[i] = -0.0f;
    std::vector<float> ties;
    for (int i = 0; i < 64; ++i) ties.push_back(static_cast<float>(i % 31) * 0.5f - 7.5f);
    const std::vector<WeightTensor> tensors = {
        tensorOf(4, 16, zeros), tensorOf(4, 16, std::vector<float>(64, 0.3f)),
        tensorOf(4, 16, ties),  tensorOf(1, 64, ties),
        tensorOf(64, 1, ties),  tensorOf(1, 1, {-2.0f})};
    for (const WeightTensor& tensor : tensors) {
      for (const QuantSpec& spec : specs()) checkDetail(tensor, spec);
    }
  }

  void blocksAndRunsLeaveNoSeams() {
    // Several blocks a run, and rows of cells and points that runs cut in two.
    const WeightTensor tensor = normalTensor(13, 70001, 2);
    checkDetail(tensor, specWith(Dtype::Int, Scheme::Asym, 4, 128, 0.85));
  }

  void everyThreadCountGivesTheSameBits() {
    DetailRequest request;
    request.sizes = smallSizes();
    for (const auto& [rows, cols] :
         std::vector<std::pair<std::size_t, std::size_t>>{{3000, 100}, {13, 70001}, {700, 300}}) {
      request.tensor = shared(normalTensor(rows, cols, 3));
      request.importance = std::make_shared<const Importance>(
          *Importance::of(std::vector<float>(cols, 0.7f), cols, "h"));
      for (const QuantSpec& spec : {specs()[0], specs()[3], specs()[20]}) {
        request.spec = spec;
        const auto expected = bitsOf((*analyseDetail(request, Executor(1)))->report);
        for (const int threads : {2, 3, 8}) {
          QCOMPARE(bitsOf((*analyseDetail(request, Executor(threads)))->report), expected);
        }
      }
    }
  }

  void theMetricsAreTheQuickAnswersBits() {
    AnalysisRequest quick;
    quick.tensor = shared(normalTensor(800, 130, 4));
    quick.spec.clip.kind = ClipPolicy::Kind::SearchRows;
    DetailRequest request;
    request.id = 11;
    request.tensor = quick.tensor;
    request.spec = quick.spec;
    const auto known = analyse(quick, Executor(2));
    const auto alone = analyseDetail(request, Executor(2));
    request.known = *known;
    const auto reused = analyseDetail(request, Executor(2));
    for (const auto& detail : {*alone, *reused}) {
      QCOMPARE(detail->id, std::uint64_t{11});
      QCOMPARE(detail->report.metrics.mse, (*known)->metrics->mse);
      QCOMPARE(detail->report.metrics.maxAbsErrorAt, (*known)->metrics->maxAbsErrorAt);
      QCOMPARE(detail->report.errors.counts, (*known)->errorHistogram->counts);
      QCOMPARE(detail->storage.totalBits(), (*known)->storage.totalBits());
    }
    QCOMPARE(bitsOf((*alone)->report), bitsOf((*reused)->report));
  }

  void aQuickAnswerToSomethingElseIsNotUsed() {
    AnalysisRequest quick;
    quick.tensor = shared(normalTensor(40, 64, 5));
    quick.spec.clip = ClipPolicy::fixed(0.5);
    DetailRequest request;
    request.tensor = quick.tensor;
    request.known = *analyse(quick, Executor(1));
    const auto detail = analyseDetail(request, Executor(1));
    QCOMPARE((*detail)->report.split->clipped, std::uint64_t{0});
  }

  void importanceWeighsTheColumns() {
    DetailRequest request;
    request.tensor = shared(normalTensor(20, 3, 6));
    request.importance = std::make_shared<const Importance>(*Importance::of({1, 0, 3}, 3, "h"));
    const auto detail = analyseDetail(request, Executor(1));
    const auto& columns = (*detail)->report.columns.points;
    const double expected =
        (columns[0].tally.squaredError + 3 * columns[2].tally.squaredError) / (4 * 20);
    QVERIFY(close(*(*detail)->report.weightedMse, expected));
    request.tensor = shared(normalTensor(20, 4, 6));
    QCOMPARE(analyseDetail(request, Executor(1)).error().code, ErrorCode::DoesNotFit);
  }

  void refusalsSayWhy() {
    DetailRequest request;
    auto values = normalValues(100, 7);
    values[42] = std::numeric_limits<float>::infinity();
    request.tensor = shared(tensorOf(10, 10, values, "layer/w"));
    const auto refused = analyseDetail(request, Executor(1));
    QCOMPARE(refused.error().code, ErrorCode::NotFinite);
    QVERIFY(refused.error().message.find("layer/w") != std::string::npos);
    request.tensor = shared(normalTensor(4, 4, 8));
    request.sizes.mapCols = 1025;
    QCOMPARE(analyseDetail(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
    request.sizes = {};
    request.sizes.percents = {0};
    QCOMPARE(analyseDetail(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
    request.sizes = {};
    request.spec.bits = 9;
    QCOMPARE(analyseDetail(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
  }

  void cancellingStopsEitherPass() {
    DetailRequest request;
    request.tensor = shared(normalTensor(4000, 200, 9));
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    TaskControl listening;
    std::vector<std::uint64_t> totals;
    listening.progress = [&](std::uint64_t done, std::uint64_t of) {
      last = done;
      total = of;
      totals.push_back(of);
    };
    QVERIFY(analyseDetail(request, Executor(2), listening));
    QCOMPARE(last, total);
    const auto calls = totals.size();
    for (const std::size_t stopAt : {std::size_t{1}, calls / 2, calls - total / 4}) {
      TaskControl control;
      std::size_t seen = 0;
      control.progress = [&](std::uint64_t, std::uint64_t) {
        if (++seen == stopAt) control.cancel.cancel();
      };
      const auto result = analyseDetail(request, Executor(2), control);
      QVERIFY(!result);
      QCOMPARE(result.error().code, ErrorCode::Cancelled);
      QVERIFY(seen < calls);
    }
  }

  void cancellingDoesNotWaitForARunToEnd() {
    const WeightTensor tensor = normalTensor(13, 70001, 14);  // three blocks a run
    TaskControl control;
    int calls = 0;
    ErrorReportRequest request;
    request.layout = GroupLayout{13, 70001, 128};
    request.values = [&](std::size_t, MatrixView w, std::vector<float>&) {
      ++calls;
      control.cancel.cancel();
      return w.data;
    };
    QCOMPARE(reportErrors(tensor, request, Executor(1), control).error().code,
             ErrorCode::Cancelled);
    QCOMPARE(calls, 1);
  }

  void twoTensorsAreComparedAsTheyAre() {
    ComparisonRequest request;
    request.id = 3;
    request.original = shared(normalTensor(30, 50, 10));
    auto other = normalValues(30 * 50, 11);
    request.other = shared(tensorOf(30, 50, other));
    request.groupSize = 16;
    request.sizes = smallSizes();
    const auto comparison = compareTensors(request, Executor(2));
    QVERIFY(comparison);
    QCOMPARE((*comparison)->id, std::uint64_t{3});
    const Naive naive{30, 50, GroupLayout{30, 50, 16}, normalValues(30 * 50, 10), other, {}};
    checkReport((*comparison)->report, naive);
    QVERIFY(!(*comparison)->report.split && !(*comparison)->report.codes);
  }

  void aDequantizedTensorComparesLikeItsSpec() {
    DetailRequest detail;
    detail.tensor = shared(normalTensor(90, 70, 12));
    const auto y =
        dequantized(*detail.tensor, coded(*detail.tensor, detail.spec),
                    *groupParametersOf(*detail.tensor, coded(*detail.tensor, detail.spec),
                                       ClipRatios::whole(1), Executor(1)),
                    Executor(1));
    ComparisonRequest request;
    request.original = detail.tensor;
    request.other = shared(tensorOf(90, 70, y->values));
    request.groupSize = detail.spec.groupSize;
    auto expected = (*analyseDetail(detail, Executor(2)))->report;
    expected.split.reset();
    expected.codes.reset();
    QCOMPARE(bitsOf((*compareTensors(request, Executor(2)))->report), bitsOf(expected));
  }

  void equalTensorsHaveNoError() {
    ComparisonRequest request;
    request.original = shared(normalTensor(9, 9, 13));
    request.other = request.original;
    const auto report = (*compareTensors(request, Executor(1)))->report;
    QCOMPARE(report.metrics.sqnrDb, std::numeric_limits<double>::infinity());
    QCOMPARE(report.percentiles[3].value, 0.0);
    QCOMPARE(report.errors.counts, std::vector<std::uint64_t>{81});
  }

  void shapesMustMatch() {
    ComparisonRequest request;
    request.original = shared(tensorOf(2, 3, std::vector<float>(6), "mine"));
    request.other = shared(tensorOf(3, 2, std::vector<float>(6), "theirs"));
    const auto refused = compareTensors(request, Executor(1));
    QCOMPARE(refused.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(refused.error().message,
             std::string("mine is 2 x 3, theirs is 3 x 2; only tensors of one shape can be "
                         "compared"));
    request.other = shared(tensorOf(2, 3, {0, 1, NAN, 0, 0, 0}, "theirs"));
    QCOMPARE(compareTensors(request, Executor(1)).error().code, ErrorCode::NotFinite);
    request.groupSize = 0;
    QCOMPARE(compareTensors(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
  }
};

QTEST_GUILESS_MAIN(DetailTest)
#include "detail_test.moc"
