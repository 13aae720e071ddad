#include "core/metrics/error_histograms.h"

#include <algorithm>
#include <cmath>

#include <QtTest>

#include "core/engine/detail.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

AnalysisDetail detailFor(const WeightTensor& tensor, const QuantSpec& spec, int threads = 2) {
  DetailRequest request;
  request.tensor = std::make_shared<const WeightTensor>(tensor);
  request.spec = spec;
  request.sizes.bins = 64;
  const auto found = analyseDetail(request, Executor(threads));
  return found ? **found : AnalysisDetail{};
}

const ErrorDistribution& in(const AnalysisDetail& detail, ErrorUnit unit) {
  return detail.report.distributions.at(static_cast<std::size_t>(unit));
}

}  // namespace

class ErrorHistogramsTest : public QObject {
  Q_OBJECT

 private slots:
  void everyWeightIsCountedOnceInEveryUnit() {
    QuantSpec spec;
    spec.groupSize = 32;
    spec.clip = ClipPolicy::fixed(0.7);
    const AnalysisDetail detail = detailFor(normalTensor(37, 70, 8), spec);
    QCOMPARE(detail.report.distributions.size(), kErrorUnits.size());
    for (const ErrorDistribution& found : detail.report.distributions) {
      QCOMPARE(found.all.total() + found.undefined, std::uint64_t{37 * 70});
      QCOMPARE(found.clipped.total(), detail.report.split->clipped);
      QVERIFY(found.clipped.total() > 0);
      QCOMPARE(found.all.lo, -found.all.hi);
      QCOMPARE(folded(found.all).total(), found.all.total());
      for (std::size_t i = 0; i < found.all.counts.size(); ++i) {
        QVERIFY(found.clipped.counts[i] <= found.all.counts[i]);
      }
    }
  }

  void weightUnitsAreThoseOfTheReport() {
    const AnalysisDetail detail = detailFor(normalTensor(20, 64, 9), QuantSpec{});
    const ErrorDistribution& found = in(detail, ErrorUnit::Weight);
    QCOMPARE(found.all.counts, detail.report.errors.counts);
    QCOMPARE(found.all.hi, detail.report.errors.hi);
    QCOMPARE(found.percentiles, detail.report.percentiles);
  }

  void roundingStaysWithinHalfAStepAndClippingBeyond() {
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    spec.groupSize = 64;
    spec.clip = ClipPolicy::fixed(0.6);
    const AnalysisDetail detail = detailFor(normalTensor(16, 64, 10), spec);
    const ErrorDistribution& steps = in(detail, ErrorUnit::Step);
    QVERIFY(steps.all.hi > 0.5);
    const std::vector<double> edges = steps.all.edges();
    for (std::size_t i = 0; i < steps.all.counts.size(); ++i) {
      const double nearest = std::min(std::fabs(edges[i]), std::fabs(edges[i + 1]));
      if (nearest > 0.5 + 1e-5) QCOMPARE(steps.clipped.counts[i], steps.all.counts[i]);
    }
  }

  void stepsAreErrorsOverTheScale() {
    // Codes of 4 bits, scale 1: 0.25 and -0.5 of a step are left.
    const std::vector<float> w = {-8, 7, 1.25f, 2.5f, 0, 0, 0, 0};
    const std::vector<float> y = {-8, 7, 1, 3, 0, 0, 0, 1};
    std::vector<float> e(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) e[i] = w[i] - y[i];
    const std::vector<float> scale = {0.5f, -2};
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    UnitErrors errors;
    const kernels::BlockShape shape{1, 8, 4};
    errors.assign(ErrorUnit::Step, codecOf(spec), shape, w.data(), e.data(), scale.data(), nullptr);
    QCOMPARE(errors.all, (std::vector<float>{0, 0, 0.5f, -1, 0, 0, 0, -0.5f}));
    QCOMPARE(errors.clipped.size(), std::size_t{2});  // -16 and 14 steps
    errors.assign(ErrorUnit::Relative, codecOf(spec), shape, w.data(), e.data(), scale.data(),
                  nullptr);
    QCOMPARE(errors.all, (std::vector<float>{0, 0, 0.2f, -0.2f, 0, 0, 0}));
    QCOMPARE(errors.undefined, std::uint64_t{1});  // an error of a weight that is 0
  }

  void percentilesAreExactInEveryUnit() {
    QuantSpec spec;
    spec.groupSize = 48;
    const AnalysisDetail detail = detailFor(normalTensor(10, 48, 11), spec);
    for (const ErrorDistribution& found : detail.report.distributions) {
      QCOMPARE(found.percentiles.size(), std::size_t{4});
      QVERIFY(found.percentiles[3].value <= found.all.hi);
      const Histogram magnitudes = folded(found.all);
      const Percentile& median = found.percentiles[0];
      std::uint64_t below = 0;
      for (std::size_t i = 0; i <= magnitudes.binOf(median.value); ++i) {
        below += magnitudes.counts[i];
      }
      QVERIFY(2 * below >= magnitudes.total());
      QVERIFY(2 * (below - magnitudes.counts[magnitudes.binOf(median.value)]) < magnitudes.total());
    }
  }

  void anyNumberOfThreadsGivesTheSame() {
    const WeightTensor tensor = normalTensor(300, 512, 12);
    const AnalysisDetail one = detailFor(tensor, QuantSpec{}, 1);
    const AnalysisDetail three = detailFor(tensor, QuantSpec{}, 3);
    for (std::size_t i = 0; i < kErrorUnits.size(); ++i) {
      const ErrorDistribution& a = one.report.distributions[i];
      const ErrorDistribution& b = three.report.distributions[i];
      QCOMPARE(a.all.counts, b.all.counts);
      QCOMPARE(a.clipped.counts, b.clipped.counts);
      QCOMPARE(a.percentiles, b.percentiles);
    }
  }

  void noErrorIsOneBin() {
    const AnalysisDetail detail =
        detailFor(tensorOf(2, 4, std::vector<float>(8, 0.0f)), QuantSpec{});
    for (const ErrorDistribution& found : detail.report.distributions) {
      QCOMPARE(found.all.counts, (std::vector<std::uint64_t>{8}));
      QCOMPARE(folded(found.all).counts, found.all.counts);
    }
  }
};

QTEST_GUILESS_MAIN(ErrorHistogramsTest)
#include "error_histograms_test.moc"
