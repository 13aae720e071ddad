#include <bit>
#include <cmath>
#include <limits>

#include <QtTest>

#include "core/metrics/error_metrics.h"
#include "core/metrics/weight_statistics.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

bool close(double a, double b, double relative = 1e-12) {
  return std::fabs(a - b) <= relative * std::max(std::fabs(a), std::fabs(b));
}

}  // namespace

class MetricsTest : public QObject {
  Q_OBJECT

 private slots:
  void metricsFollowTheirFormulas() {
    const std::vector<float> w = {1, 2, -3, 4, 0.5f, -6};
    const std::vector<float> y = {1.5f, 2, -2, 4, 0, -6.25f};
    kernels::ErrorLanes lanes;
    kernels::ErrorPeak peak;
    const kernels::BlockShape shape{2, 3, 3};
    kernels::scalarKernels().addErrors(shape, w.data(), y.data(), lanes, peak);
    ErrorSums sums;
    sums.add(lanes, peak, 10, 6);
    const ErrorMetrics metrics = ErrorMetrics::from(sums);

    const double noise = 0.25 + 1 + 0.25 + 0.0625;
    const double signal = 1 + 4 + 9 + 16 + 0.25 + 36;
    const double values = 2.25 + 4 + 4 + 16 + 0 + 39.0625;
    const double product = 1.5 + 4 + 6 + 16 + 0 + 37.5;
    QVERIFY(close(metrics.mse, noise / 6));
    QVERIFY(close(metrics.rmse, std::sqrt(noise / 6)));
    QVERIFY(close(metrics.sqnrDb, 10 * std::log10(signal / noise)));
    QVERIFY(close(metrics.meanError, (0.5 + 1 - 0.5 - 0.25) / 6));  // of y - w
    QVERIFY(close(metrics.cosine, product / std::sqrt(signal * values)));
    QVERIFY(close(metrics.relativeError, std::sqrt(noise / signal)));
    QCOMPARE(metrics.maxAbsError, 1.0);
    QCOMPARE(metrics.maxAbsErrorAt, (Position{10, 2}));
  }

  void degenerateTensorsHaveDefinedMetrics() {
    const std::vector<float> zeros(4);
    kernels::ErrorLanes lanes;
    kernels::ErrorPeak peak;
    kernels::scalarKernels().addErrors({1, 4, 4}, zeros.data(), zeros.data(), lanes, peak);
    ErrorSums sums;
    sums.add(lanes, peak, 0, 4);
    const ErrorMetrics metrics = ErrorMetrics::from(sums);
    QCOMPARE(metrics.sqnrDb, std::numeric_limits<double>::infinity());
    QVERIFY(std::isnan(metrics.cosine));
    QCOMPARE(metrics.maxAbsError, 0.0);
  }

  void theBlockSumAloneHasTheBitsOfTheSums() {
    const auto w = normalValues(37 * 53, 1);
    const auto y = normalValues(37 * 53, 2);
    kernels::ErrorLanes lanes;
    kernels::ErrorPeak peak;
    kernels::ErrorLanes::Lanes alone{};
    kernels::scalarKernels().addErrors({37, 53, 8}, w.data(), y.data(), lanes, peak);
    kernels::scalarKernels().addSquaredErrors({37, 53, 8}, w.data(), y.data(), alone);
    QCOMPARE(alone, lanes.squaredError);
  }

  void statisticsAreThoseOfThePopulation() {
    const WeightTensor tensor = tensorOf(2, 4, {1, 2, 3, 4, 5, 6, 7, NAN});
    const auto stats = statisticsOf(tensor, Executor(2));
    QVERIFY(stats);
    QCOMPARE(stats->count, std::uint64_t{7});
    QCOMPARE(stats->min, 1.0);
    QCOMPARE(stats->max, 7.0);
    QCOMPARE(stats->mean, 4.0);
    QVERIFY(close(stats->std, 2.0));
    QVERIFY(close(stats->kurtosis, 1.75));  // (2 (81 + 16 + 1) / 7) / 4^2
  }

  void withoutFiniteWeightsStatisticsAreNoNumbers() {
    const WeightTensor tensor = tensorOf(1, 4, std::vector<float>(4, NAN));
    const auto stats = statisticsOf(tensor, Executor(1));
    QVERIFY(stats);
    QCOMPARE(stats->count, std::uint64_t{0});
    for (const double value : {stats->min, stats->max, stats->mean, stats->std, stats->kurtosis}) {
      QVERIFY(std::isnan(value));
    }
    const auto histogram = weightHistogram(tensor, *stats, 512, Executor(1));
    QVERIFY(histogram);
    QCOMPARE(histogram->total(), std::uint64_t{0});
  }

  void aNormalSampleHasKurtosisThree() {
    const auto stats = statisticsOf(normalTensor(500, 400, 3), Executor(2));
    QVERIFY(std::fabs(stats->kurtosis - 3) < 0.05);
    QVERIFY(std::fabs(stats->std - 0.02) < 2e-4);
  }

  void countsAddUpToTheFiniteElements() {
    auto values = normalValues(1000 * 100, 4);
    values[3] = NAN;
    values[99999] = -std::numeric_limits<float>::infinity();
    const WeightTensor tensor = tensorOf(1000, 100, values);
    const auto stats = statisticsOf(tensor, Executor(1));
    for (const std::size_t bins : {std::size_t{1}, std::size_t{7}, std::size_t{512}}) {
      const auto histogram = weightHistogram(tensor, *stats, bins, Executor(3));
      QVERIFY(histogram);
      QCOMPARE(histogram->counts.size(), bins);
      QCOMPARE(histogram->total(), std::uint64_t{99998});
      QCOMPARE(histogram->edges().size(), bins + 1);
      QCOMPARE(histogram->edges().front(), stats->min);
      QCOMPARE(histogram->edges().back(), stats->max);
    }
  }

  void theUpperEndBelongsToTheLastBin() {
    Histogram histogram = Histogram::over(-1, 1, 4);
    for (const double x : {-1.0, -0.5, 0.0, 0.49, 1.0}) histogram.add(x);
    QCOMPARE(histogram.counts, (std::vector<std::uint64_t>{1, 1, 2, 1}));
  }

  void manyValuesFallWhereEachAloneWould() {
    auto values = normalValues(2000, 5);
    for (const float edge : {-0.05f, 0.05f, 0.0f, -0.0f, 0.025f, -0.075f, 1.0f}) {
      values.push_back(edge);
    }
    for (const double sign : {1.0, -1.0}) {
      for (const double range : {0.05, 0.0}) {
        Histogram together = Histogram::over(-range, range, 17);
        Histogram alone = together;
        together.addAll(values, sign);
        for (const float value : values) alone.add(sign * value);
        QCOMPARE(together.counts, alone.counts);
      }
    }
  }

  void zeroWidthIsOneBin() {
    Histogram histogram = Histogram::over(0.25, 0.25, 512);
    histogram.add(0.25);
    QCOMPARE(histogram.counts, (std::vector<std::uint64_t>{1}));
  }
};

QTEST_GUILESS_MAIN(MetricsTest)
#include "metrics_test.moc"
