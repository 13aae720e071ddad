#include "core/engine/preview.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include <QtTest>

#include "core/base/half.h"
#include "core/engine/detail.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

AnalysisRequest requestFor(WeightTensor tensor, ClipPolicy::Kind kind = ClipPolicy::Kind::None) {
  AnalysisRequest request;
  request.id = 5;
  request.tensor = std::make_shared<const WeightTensor>(std::move(tensor));
  request.spec.clip.kind = kind;
  return request;
}

/// Rows whose deviation grows from the first to the last by a factor of four.
WeightTensor gradedTensor(std::size_t rows, std::size_t cols) {
  auto values = normalValues(rows * cols, 21);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t row = i / cols;
    values[i] *= 1 + 3 * static_cast<float>(row) / static_cast<float>(rows);
  }
  return tensorOf(rows, cols, std::move(values));
}

float weightAt(const WeightTensor& tensor, Position at) {
  std::vector<float> scratch;
  return tensor.block(at.row, 1, scratch).row(0)[at.col];
}

}  // namespace

class PreviewTest : public QObject {
  Q_OBJECT

 private slots:
  void aSmallTensorIsAnalysedWhole() {
    const auto request = requestFor(normalTensor(30, 64, 1), ClipPolicy::Kind::SearchTensor);
    const auto found = preview(request, Executor(2));
    const auto exact = analyse(request, Executor(2));
    QVERIFY((*found)->preview->whole());
    QCOMPARE((*found)->metrics->mse, (*exact)->metrics->mse);
    QCOMPARE((*found)->clip.curve.mse, (*exact)->clip.curve.mse);
    QCOMPARE((*found)->group->index, (*exact)->group->index);
    QVERIFY(!(*exact)->preview);
  }

  void aPreviewSaysWhatItRestsOnAndComesClose() {
    for (const auto kind : {ClipPolicy::Kind::None, ClipPolicy::Kind::SearchTensor,
                            ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
      const auto request = requestFor(gradedTensor(500, 512), kind);
      const auto found = preview(request, Executor(2), {}, 20000);
      const auto exact = analyse(request, Executor(2));
      QVERIFY(found);
      QCOMPARE((*found)->id, std::uint64_t{5});
      QCOMPARE((*found)->preview->total, std::uint64_t{500 * 512});
      QVERIFY((*found)->preview->sampled <= 20000 && (*found)->preview->sampled > 15000);
      QCOMPARE((*found)->info.rows, std::size_t{500});
      QCOMPARE((*found)->storage.totalBits(), (*exact)->storage.totalBits());
      QCOMPARE((*found)->weightHistogram.total(), (*found)->preview->sampled);
      const double ratio = (*found)->metrics->mse / (*exact)->metrics->mse;
      QVERIFY2(std::fabs(ratio - 1) < 0.05, qPrintable(QString::number(ratio)));
      if (kind == ClipPolicy::Kind::SearchRows) {  // rows stay whole
        QCOMPARE((*found)->clip.ratios.values.size(), std::size_t{20000 / 512});
      }
      if (kind == ClipPolicy::Kind::SearchTensor) {
        QVERIFY(std::fabs((*found)->clip.curve.bestRatio() - (*exact)->clip.curve.bestRatio()) <=
                0.03);
      }
    }
  }

  void positionsAreThoseOfTheTensor() {
    const auto request = requestFor(normalTensor(300, 640, 2));
    const auto found = preview(request, Executor(2), {}, 4000);
    const auto parameters = groupParametersOf(*request.tensor, coded(*request.tensor, request.spec),
                                              ClipRatios::whole(1), Executor(1));
    const auto y = dequantized(*request.tensor, coded(*request.tensor, request.spec), *parameters,
                               Executor(1));
    const Position at = (*found)->metrics->maxAbsErrorAt;
    QCOMPARE(double{std::fabs(weightAt(*request.tensor, at) - y->row(at.row)[at.col])},
             (*found)->metrics->maxAbsError);
    const GroupIndex group = (*found)->group->index;
    QVERIFY((*found)->group->typical);
    QCOMPARE((*found)->group->scale, parameters->scale[group.row * 20 + group.group]);
  }

  void theGroupAskedForIsExact() {
    for (const auto kind :
         {ClipPolicy::Kind::None, ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
      auto request = requestFor(normalTensor(200, 640, 3), kind);
      request.group = GroupIndex{123, 17};
      const auto found = preview(request, Executor(2), {}, 6400);
      const auto exact = analyse(request, Executor(2));
      QCOMPARE((*found)->group->index, (GroupIndex{123, 17}));
      QVERIFY(!(*found)->group->typical);
      QCOMPARE((*found)->group->levels, (*exact)->group->levels);
      QCOMPARE((*found)->group->clipRatio, (*exact)->group->clipRatio);
    }
    auto request = requestFor(normalTensor(200, 640, 3), ClipPolicy::Kind::SearchTensor);
    request.group = GroupIndex{0, 1};
    const auto found = preview(request, Executor(2), {}, 6400);
    QCOMPARE((*found)->group->clipRatio, (*found)->clip.curve.bestRatio());
    QCOMPARE((*found)->group->index, (GroupIndex{0, 1}));
    request.group = GroupIndex{200, 0};
    QVERIFY((*preview(request, Executor(2), {}, 6400))->group->typical);
  }

  void aGroupThatIsOnlyInTheSampleIsNotMeant() {
    auto request = requestFor(normalTensor(3, 4096, 9));
    request.group = GroupIndex{5, 0};  // the sample has more rows than the tensor
    const auto found = preview(request, Executor(1), {}, 6000);
    QVERIFY((*found)->group->typical);
    QVERIFY((*found)->group->index.row < 3);
  }

  void everyThreadCountGivesTheSameBits() {
    const auto request = requestFor(normalTensor(900, 256, 4), ClipPolicy::Kind::SearchTensor);
    const auto expected = preview(request, Executor(1), {}, 100000);
    for (const int threads : {2, 3}) {
      const auto found = preview(request, Executor(threads), {}, 100000);
      QCOMPARE(std::bit_cast<std::uint64_t>((*found)->metrics->mse),
               std::bit_cast<std::uint64_t>((*expected)->metrics->mse));
      QCOMPARE((*found)->clip.curve.mse, (*expected)->clip.curve.mse);
      QCOMPARE((*found)->errorHistogram->counts, (*expected)->errorHistogram->counts);
    }
  }

  void sixteenBitTensorsArePreviewedToo() {
    TensorInfo info = normalTensor(1, 1, 5).info();
    info.shape = {400, 256};
    setAxes(info, AxisMap::rows(2));
    const std::vector<std::uint16_t> ones(400 * 256, 0x3f80);  // 1 in bfloat16
    const auto found =
        preview(requestFor(WeightTensor(info, StoredType::BFloat16, ones)), Executor(1), {}, 5000);
    QCOMPARE((*found)->statistics.mean, 1.0);
    QVERIFY(!(*found)->preview->whole());
  }

  void aSampleIsComputedInTheArithmeticOfTheTensor() {
    const auto values = normalValues(400 * 256, 7);
    std::vector<std::uint16_t> bits;
    for (const float value : values) bits.push_back(bfloat16FromFloat(value));
    TensorInfo info = normalTensor(1, 1, 5).info();
    info.shape = {400, 256};
    info.dtype = nameOf(StoredType::BFloat16);
    setAxes(info, AxisMap::rows(2));
    auto request = requestFor(WeightTensor(info, StoredType::BFloat16, bits));
    request.spec.bits = 8;
    request.spec.scheme = Scheme::Sym;
    request.spec.compute = Compute::Stored;
    request.group = GroupIndex{30, 2};
    const auto found = preview(request, Executor(1), {}, 5000);
    const auto exact = analyse(request, Executor(1));
    QVERIFY(!(*found)->preview->whole());
    QCOMPARE((*found)->group->scale, (*exact)->group->scale);
    QCOMPARE((*found)->group->codes, (*exact)->group->codes);
    QCOMPARE((*found)->group->levels, (*exact)->group->levels);
    for (const float value : (*exact)->group->values) {
      QCOMPARE(floatFromBfloat16(bfloat16FromFloat(value)), value);
      QVERIFY(std::binary_search((*exact)->group->levels.begin(), (*exact)->group->levels.end(),
                                 value));
    }
    const double ratio = (*found)->metrics->mse / (*exact)->metrics->mse;
    request.spec.compute = Compute::Float32;
    const auto wide = analyse(request, Executor(1));
    QVERIFY(std::fabs(ratio - 1) < 0.05);
    QVERIFY((*wide)->metrics->mse < 0.9 * (*found)->metrics->mse);
  }

  void whatIsNotFiniteIsFoundWhereItIsSeen() {
    auto values = normalValues(100 * 256, 6);
    for (std::size_t c = 0; c < 256; ++c) values[50 * 256 + c] = NAN;
    const WeightTensor tensor = tensorOf(100, 256, values);
    const auto found = preview(requestFor(tensor), Executor(1), {}, 6400);
    QVERIFY(found);
    QVERIFY(!(*found)->metrics);
    QCOMPARE((*found)->health.firstNonFinite->row, std::size_t{50});
  }

  void aDetailDoesNotBuildOnAPreview() {
    auto quick = requestFor(normalTensor(300, 256, 7), ClipPolicy::Kind::SearchGroups);
    DetailRequest request;
    request.tensor = quick.tensor;
    request.spec = quick.spec;
    request.known = *preview(quick, Executor(2), {}, 5000);
    const auto detail = analyseDetail(request, Executor(2));
    QCOMPARE((*detail)->report.metrics.mse, (*analyse(quick, Executor(2)))->metrics->mse);
  }

  void refusalsAreThoseOfAnalyse() {
    auto request = requestFor(normalTensor(10, 10, 8));
    TaskControl control;
    control.cancel.cancel();
    QCOMPARE(preview(request, Executor(1), control).error().code, ErrorCode::Cancelled);
    request.spec.bits = 0;
    QCOMPARE(preview(request, Executor(1)).error().code, ErrorCode::InvalidArgument);
  }
};

QTEST_GUILESS_MAIN(PreviewTest)
#include "preview_test.moc"
