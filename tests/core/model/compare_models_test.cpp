// Comparing two models, and coding a tensor with scales of somebody else's.
#include "core/model/compare_models.h"

#include <cmath>
#include <memory>

#include <QtTest>

#include "core/model/encode_tensor.h"
#include "core/quant/number_formats.h"
#include "core/quant/weight_only.h"
#include "tests/support/fake_source.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

class CompareModelsTest : public QObject {
  Q_OBJECT

 private slots:
  void tensorsArePairedByTheirNamesInTheOrderOfTheFirst() {
    FakeSource original("/a");
    original.add("z", 4, 32);
    original.add("y", 4, 32);
    original.add("alone", 4, 32);
    original.addOther("bias", 4, "a vector");
    FakeSource other("/b");
    other.add("y", 4, 32);
    other.add("more", 4, 32);
    other.add("z", 4, 32);
    other.addOther("alone", 4, "a vector");
    const auto common = commonTensors(original, other);
    QVERIFY(common);
    QCOMPARE(common->pairs.size(), std::size_t{2});
    QCOMPARE(common->pairs[0].original.name, std::string("z"));
    QCOMPARE(common->pairs[1].other.name, std::string("y"));
    QCOMPARE(common->alone, std::size_t{1});
    const auto some = commonTensors(original, other, {"y*"});
    QCOMPARE(some->pairs.size(), std::size_t{1});
    QCOMPARE(some->alone, std::size_t{0});
    const auto none = commonTensors(original, other, {"alone"});
    QCOMPARE(none.error().code, ErrorCode::DoesNotFit);
    QVERIFY(none.error().message.starts_with("/a and /b: "));
  }

  void modelsAreComparedPairByPair() {
    const auto original = std::make_shared<FakeSource>("/a");
    const auto other = std::make_shared<FakeSource>("/b");
    for (const char* name : {"z", "y"}) {
      original->add(name, 8, 64, normalValues(512, 3));
      std::vector<float> shifted = normalValues(512, 3);
      for (float& value : shifted) value += 0.5f;
      other->add(name, 8, 64, shifted);
    }
    CompareModelsJob job;
    job.pairs = commonTensors(*original, *other)->pairs;
    job.loadOriginal = ModelJob::of(original, {}).load;
    job.loadOther = ModelJob::of(other, {}).load;
    std::vector<SharedComparison> found;
    const auto take = [&](const SharedComparison& comparison) { found.push_back(comparison); };
    QVERIFY(compareModels(job, take, Executor(1)));
    QCOMPARE(found.size(), std::size_t{2});
    QCOMPARE(found[0]->original.name, std::string("z"));
    QVERIFY(std::abs(found[1]->report.metrics.meanError - 0.5) < 1e-6);
    other->breakTensor("y");
    found.clear();
    QCOMPARE(compareModels(job, take, Executor(1)).error().code, ErrorCode::UnreadableFile);
    QCOMPARE(found.size(), std::size_t{1});
  }

  void givenScalesGiveTheCodesOfThePublishedFunction() {
    const WeightTensor tensor = normalTensor(6, 64, 8);
    std::vector<float> scratch;
    const MatrixView w = tensor.block(0, 6, scratch);
    QuantSpec spec;
    const auto parameters =
        groupParametersOf(tensor, coded(tensor, spec), ClipRatios::whole(0.9), Executor(1));
    const Matrix scale(6, 2, parameters->scale);
    const Matrix zero(6, 2, parameters->zeroPoint);
    const auto made = encodeTensor(tensor, spec, scale, zero);
    QVERIFY(made);
    const auto expected = quant_weight_w_scale(w, scale, zero, spec);
    const auto& codes = std::get<std::vector<std::int32_t>>(made->quantized.codes);
    QCOMPARE(std::vector<float>(codes.begin(), codes.end()), expected->values);
    double sum = 0;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      const std::size_t g = i / 32;
      const float y = (static_cast<float>(codes[i]) - zero.values[g]) * scale.values[g];
      const double e = w.all()[i] - y;
      sum += e * e;
    }
    QVERIFY(std::abs(made->metrics->mse - sum / 384) <= 1e-12 * made->metrics->mse);
  }

  void everyFormatIsCodedAndDecoded() {
    for (const NumberFormat& format : numberFormats()) {
      if (!format.isNamed() || format.dtype == Dtype::Int) continue;
      const QuantSpec spec = QuantSpec{}.withDtype(format.dtype);
      const WeightTensor tensor = normalTensor(4, 64, 9);
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), ClipRatios::whole(1), Executor(1));
      const Matrix scale(4, parameters->layout.groupsPerRow(), parameters->scale);
      const auto made = encodeTensor(tensor, spec, scale, std::nullopt);
      QVERIFY2(made, format.name);
      const auto sums = errorSumsOf(tensor, coded(tensor, spec), *parameters, Executor(1));
      const double mse = ErrorMetrics::from(*sums).mse;
      QVERIFY2(std::abs(made->metrics->mse - mse) <= 1e-12 * mse, format.name);
      QVERIFY2(made->quantized.codes ==
                   quantizedAt(tensor, spec, ClipRatios::whole(1), Executor(1))->codes,
               format.name);
    }
  }

  void aCodeBeyond32BitsIsNamed() {
    const WeightTensor tensor = tensorOf(1, 2, {0, 3e9f}, "w");
    QuantSpec spec;
    spec.groupSize = -1;
    spec.scheme = Scheme::Sym;
    const auto made = encodeTensor(tensor, spec, Matrix(1, 1, {1}), std::nullopt);
    QCOMPARE(made.error().code, ErrorCode::DoesNotFit);
    QVERIFY(made.error().message.find("row 0, column 1") != std::string::npos);
  }
};

QTEST_GUILESS_MAIN(CompareModelsTest)
#include "compare_models_test.moc"
