// Everything that counts must add up at the ends of float32, for one value and for none but zeros.
#include <cmath>
#include <limits>

#include <QtTest>

#include "core/engine/detail.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr std::size_t kRows = 9;
constexpr std::size_t kCols = 100;  // with a tail for groups of 16 and 32
constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kSmallest = std::numeric_limits<float>::denorm_min();

std::vector<float> repeated(const std::vector<float>& some) {
  std::vector<float> values(kRows * kCols);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = some[i % some.size()];
  return values;
}

std::vector<float> scaled(float by) {
  std::vector<float> values = normalValues(kRows * kCols, 3, 1);
  for (float& value : values) value *= by;
  return values;
}

std::vector<QuantSpec> specs() {
  std::vector<QuantSpec> all(4);
  all[1].scheme = Scheme::Sym;
  all[1].fullRange = true;
  all[2].clip = ClipPolicy::fixed(0.7);
  all[3].clip.kind = ClipPolicy::Kind::SearchGroups;
  for (const Dtype dtype :
       {Dtype::Nf4, Dtype::Fp4, Dtype::Mxfp4, Dtype::Nvfp4, Dtype::Fp8E5m2, Dtype::Iq4Nl}) {
    all.push_back(QuantSpec{}.withDtype(dtype));
    all.push_back(all.back());
    all.back().clip = ClipPolicy::fixed(0.7);
  }
  return all;
}

std::uint64_t sumOf(const CodeUse& use) {
  std::uint64_t sum = 0;
  for (const CodeUse::Code& code : use.codes) sum += code.count;
  return sum;
}

}  // namespace

class ExtremesTest : public QObject {
  Q_OBJECT

 private slots:
  void countsAddUp_data() {
    QTest::addColumn<std::vector<float>>("values");
    const auto row = [](const char* name, const std::vector<float>& values) {
      QTest::newRow(name) << values;
    };
    row("zeros", repeated({0}));
    row("negative zeros", repeated({-0.0f}));
    row("zeros of both signs", repeated({0, -0.0f, -0.0f}));
    row("one value", repeated({0.3f}));
    row("one negative value", repeated({-0.3f}));
    row("the smallest number", repeated({kSmallest}));
    row("the smallest numbers", repeated({kSmallest, -kSmallest, 0, 3 * kSmallest}));
    row("subnormal", scaled(1e-40f));
    row("tiny", scaled(1e-37f));
    row("huge", scaled(3e37f));
    row("1e38", repeated({1e38f, -1e38f, 1e37f, 0, 3}));
    row("the largest numbers", repeated({kLargest, 0.5f * kLargest, 1}));
    row("the largest of both signs", repeated({kLargest, -kLargest, 1}));
    row("one outlier", [] {
      auto values = repeated({1e-30f, -1e-30f});
      values[777] = 1e30f;
      return values;
    }());
    row("two neighbours", repeated({1, std::nextafter(1.0f, 2.0f)}));
  }

  void countsAddUp() {
    QFETCH(std::vector<float>, values);
    const std::uint64_t weights = values.size();
    int analysed = 0;
    for (const QuantSpec& spec : specs()) {
      AnalysisRequest request;
      request.tensor = std::make_shared<const WeightTensor>(tensorOf(kRows, kCols, values));
      request.spec = spec;
      const auto result = analyse(request, Executor(2));
      if (!result) {  // a scale overflows or vanishes: nothing else may be wrong with these
        QVERIFY2(result.error().code == ErrorCode::DoesNotFit, result.error().message.c_str());
        continue;
      }
      ++analysed;
      const QByteArray where = QByteArray::fromStdString(describe(spec));
      QVERIFY2((*result)->weightHistogram.total() == weights, where);
      QVERIFY2((*result)->errorHistogram->total() == weights, where);
      QVERIFY2(!std::isnan((*result)->metrics->mse), where);
      QVERIFY2(!std::isnan((*result)->metrics->sqnrDb), where);
      for (const Histogram* h : {&(*result)->weightHistogram, &*(*result)->errorHistogram}) {
        const auto edges = h->edges();
        QVERIFY2(std::is_sorted(edges.begin(), edges.end()), where);
        QCOMPARE(edges.size(), h->counts.size() + 1);
      }

      DetailRequest wanted;
      wanted.tensor = request.tensor;
      wanted.spec = spec;
      wanted.known = *result;
      const auto detail = analyseDetail(wanted, Executor(2));
      QVERIFY2(detail, detail ? "" : detail.error().message.c_str());
      const ErrorReport& report = (*detail)->report;
      QVERIFY2(report.errors.counts == (*result)->errorHistogram->counts, where);
      QVERIFY2(sumOf(*report.codes) == weights, where);
      const double total = report.metrics.mse * static_cast<double>(weights);
      const double parts = report.split->clipping + report.split->rounding;
      QVERIFY2(std::fabs(parts - total) <= std::ldexp(total, -35), where);
      QCOMPARE(report.distributions.size(), std::size_t{3});
      for (const ErrorDistribution& d : report.distributions) {
        QVERIFY2(d.all.total() + d.undefined == weights, where);
        QVERIFY2(d.clipped.total() <= report.split->clipped, where);
        for (std::size_t i = 0; i < d.all.counts.size(); ++i) {
          QVERIFY2(d.clipped.counts[i] <= d.all.counts[i], where);
        }
        for (const Percentile& p : d.percentiles) QVERIFY2(std::isfinite(p.value), where);
      }
    }
    QVERIFY(analysed > 0);
  }
};

QTEST_GUILESS_MAIN(ExtremesTest)
#include "extremes_test.moc"
