// A part of a tensor against its weights one by one.
#include "core/engine/part.h"

#include <algorithm>
#include <cmath>

#include <QtTest>

#include "core/metrics/percentiles.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr std::size_t kRows = 40;
constexpr std::size_t kCols = 75;

bool close(double a, double b) {
  return std::fabs(a - b) <= 1e-12 * std::max(std::fabs(a), std::fabs(b));
}

QuantSpec clipped(Dtype dtype, long long groupSize) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.groupSize = groupSize;
  spec.clip = ClipPolicy::fixed(0.8);
  return spec;
}

std::vector<QuantSpec> specs() {
  std::vector<QuantSpec> all = {clipped(Dtype::Int, 32), clipped(Dtype::Nf4, 7),
                                clipped(Dtype::Int, -1), clipped(Dtype::Nvfp4, 16)};
  all.push_back(clipped(Dtype::Int, 16));
  all.back().doubleQuant = DoubleQuant{};
  all.push_back(clipped(Dtype::Int, 32));
  all.back().clip.kind = ClipPolicy::Kind::SearchGroups;
  all.push_back(clipped(Dtype::Int, 32));
  all.back().clip.kind = ClipPolicy::Kind::Optimal;
  return all;
}

}  // namespace

class PartTest : public QObject {
  Q_OBJECT

 private:
  const std::shared_ptr<const WeightTensor> tensor_ =
      std::make_shared<const WeightTensor>(normalTensor(kRows, kCols, 5));

  SharedResult answer(const QuantSpec& spec) const {
    AnalysisRequest request;
    request.tensor = tensor_;
    request.spec = spec;
    return *analyse(request, Executor(1));
  }

  void compare(const TensorPart& part, const SharedResult& known, const Matrix& y) const {
    const GroupLayout layout = layoutOf(known->spec, kRows, kCols);
    std::vector<float> scratch;
    const MatrixView w = tensor_->block(0, kRows, scratch);
    double squared = 0;
    double bias = 0;
    std::vector<float> magnitudes;
    Position worst;
    for (std::size_t r = 0; r < kRows; ++r) {
      for (std::size_t c = 0; c < kCols; ++c) {
        const bool in = part.kind == TensorPart::Kind::Channel ? c == part.index
                        : part.kind == TensorPart::Kind::Row
                            ? r == part.index
                            : r == part.index && c / layout.groupSize == part.group;
        if (!in) continue;
        const float e = w.row(r)[c] - y.row(r)[c];
        if (magnitudes.empty() ||
            std::fabs(e) > *std::max_element(magnitudes.begin(), magnitudes.end())) {
          worst = {r, c};
        }
        magnitudes.push_back(std::fabs(e));
        squared += static_cast<double>(e) * e;
        bias -= e;
      }
    }
    PartRequest request;
    request.tensor = tensor_;
    request.part = part;
    request.known = known;
    const auto report = reportPart(request, Executor(2));
    QVERIFY2(report, report ? "" : report.error().message.c_str());
    const auto count = static_cast<double>(magnitudes.size());
    QVERIFY(close(report->metrics.mse, squared / count));
    QVERIFY(std::fabs(report->metrics.meanError - bias / count) < 1e-12);
    QCOMPARE(report->metrics.maxAbsErrorAt, worst);
    QCOMPARE(report->errors.total(), std::uint64_t{magnitudes.size()});
    QVERIFY(close(report->split->clipping + report->split->rounding, squared));
    std::uint64_t coded = 0;
    for (const auto& code : report->codes->codes) coded += code.count;
    QCOMPARE(coded, std::uint64_t{magnitudes.size()});
    std::sort(magnitudes.begin(), magnitudes.end());
    for (const Percentile& p : report->percentiles) {
      QCOMPARE(p.value, double{magnitudes[nearestRank(p.percent, magnitudes.size()) - 1]});
    }
  }

 private slots:
  void aPartIsItsWeights() {
    using Kind = TensorPart::Kind;
    for (const QuantSpec& spec : specs()) {
      const SharedResult known = answer(spec);
      const auto parameters =
          groupParametersOf(*tensor_, coded(*tensor_, spec), known->clip.ratios, Executor(1));
      const Matrix y = *dequantized(*tensor_, coded(*tensor_, spec), *parameters, Executor(1));
      const std::size_t last = layoutOf(spec, kRows, kCols).groupsPerRow() - 1;
      for (const TensorPart& part :
           {TensorPart{Kind::Row, 0, 0}, TensorPart{Kind::Row, kRows - 1, 0},
            TensorPart{Kind::Channel, 3, 0}, TensorPart{Kind::Channel, kCols - 1, 0},
            TensorPart{Kind::Group, 7, 0}, TensorPart{Kind::Group, kRows - 1, last}}) {
        compare(part, known, y);
        if (QTest::currentTestFailed()) {
          qWarning("%s with %s", part.text().c_str(), describe(spec).c_str());
          return;
        }
      }
    }
  }

  void allRowsTogetherAreTheTensor() {
    const SharedResult known = answer(clipped(Dtype::Int, 32));
    double squared = 0;
    for (std::size_t r = 0; r < kRows; ++r) {
      PartRequest request{tensor_, {TensorPart::Kind::Row, r, 0}, known, {}};
      squared += reportPart(request, Executor(1))->metrics.mse * kCols;
    }
    QVERIFY(close(squared, known->metrics->mse * kRows * kCols));
  }

  void partsReadWhatTheyWrite() {
    for (const char* text : {"row:0", "channel:12", "group:3:1"}) {
      const auto part = TensorPart::parse(text);
      QVERIFY2(part, text);
      QCOMPARE(part->text(), std::string(text));
    }
    for (const char* text : {"", "row", "row:", "row:-1", "row:1:2", "group:1", "col:1", "row:x"}) {
      const auto part = TensorPart::parse(text);
      QVERIFY2(!part, text);
      QVERIFY(part.error().message.find("group:ROW:GROUP") != std::string::npos);
    }
  }

  void whatThereIsNotIsRefused() {
    const SharedResult known = answer({});
    const auto refused = [&](const TensorPart& part, ErrorCode code, const char* why) {
      const auto report = reportPart({tensor_, part, known, {}}, Executor(1));
      return !report && report.error().code == code &&
             report.error().message.find(why) != std::string::npos;
    };
    using Kind = TensorPart::Kind;
    QVERIFY(refused({Kind::Row, kRows, 0}, ErrorCode::DoesNotFit, "rows 0 to 39"));
    QVERIFY(refused({Kind::Channel, kCols, 0}, ErrorCode::DoesNotFit, "channels 0 to 74"));
    QVERIFY(refused({Kind::Group, 0, 3}, ErrorCode::DoesNotFit, "groups 0 to 2"));
    const auto none = reportPart({tensor_, {Kind::Row, 0, 0}, nullptr, {}}, Executor(1));
    QCOMPARE(none.error().code, ErrorCode::InvalidArgument);
    TaskControl control;
    control.cancel.cancel();
    QCOMPARE(
        reportPart({tensor_, {Kind::Channel, 0, 0}, known, {}}, Executor(1), control).error().code,
        ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(PartTest)
#include "part_test.moc"
