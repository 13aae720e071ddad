// What measuring a tensor and a model promises: the numbers of the full analysis, in fewer passes.
#include "core/model/measure_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>

#include <QtTest>

#include "core/kernels/kernels.h"
#include "core/quant/number_formats.h"
#include "tests/support/fake_source.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

QuantSpec specOf(Dtype dtype, ClipPolicy::Kind kind) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.clip = {kind, 0.9};
  return spec;
}

/// Every kind of policy on formats with their own rules for scales, and what else changes the way.
std::vector<QuantSpec> manySpecs() {
  using Kind = ClipPolicy::Kind;
  std::vector<QuantSpec> specs;
  for (const NumberFormat& format : numberFormats()) {
    if (!format.isNamed()) continue;
    const Dtype dtype = format.dtype;
    for (const Kind kind : {Kind::None, Kind::Ratio, Kind::SearchTensor, Kind::SearchRows,
                            Kind::SearchGroups, Kind::Optimal}) {
      specs.push_back(specOf(dtype, kind));
    }
  }
  QuantSpec twice = specOf(Dtype::Int, Kind::None);
  twice.doubleQuant = DoubleQuant{};
  specs.push_back(twice);
  QuantSpec half = specOf(Dtype::Int, Kind::None);
  half.scheme = Scheme::Sym;
  half.halfRange = true;
  specs.push_back(half);
  specs.push_back(
      QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("own", {-1, -0.4, 0.1, 0.7, 1.5})));
  return specs;
}

/// How many passes over the tensor some work makes: each reports its last block.
class PassCounter {
 public:
  TaskControl control() {
    return {{}, [this](std::uint64_t done, std::uint64_t total) { passes_ += done == total; }};
  }
  int passes() const { return passes_; }

 private:
  int passes_ = 0;
};

std::shared_ptr<FakeSource> threeTensors() {
  auto source = std::make_shared<FakeSource>();
  source->add("b", 16, 64);
  source->add("a", 8, 130);
  source->add("c", 4, 32);
  return source;
}

}  // namespace

class MeasureModelTest : public QObject {
  Q_OBJECT

 private slots:
  void aTensorIsMeasuredAsItIsAnalysed() {
    const auto tensor = std::make_shared<const WeightTensor>(normalTensor(24, 130, 3));
    for (const QuantSpec& spec : manySpecs()) {
      AnalysisRequest request;
      request.tensor = tensor;
      request.spec = spec;
      const auto expected = analyse(request, Executor(1));
      const auto found = measureTensor(*tensor, spec, Executor(2));
      QVERIFY2(expected && found, describe(spec).c_str());
      for (const MetricRow& metric : kMetrics) {
        QCOMPARE(metric.of(found->metrics), metric.of(*(*expected)->metrics));
      }
      QCOMPARE(found->storage.totalBits(), (*expected)->storage.totalBits());
      const TensorMeasurement same = TensorMeasurement::from(**expected);
      QCOMPARE(found->clipRatio, same.clipRatio);
      QCOMPARE(found->bestRatio, same.bestRatio);
    }
  }

  void theBestRatioIsThatOfTheCurveWhateverThePolicy() {
    const WeightTensor tensor = normalTensor(24, 130, 4);
    MeasureOptions options;
    options.bestRatio = true;
    for (const QuantSpec& spec : manySpecs()) {
      const auto found = measureTensor(tensor, spec, Executor(1), {}, options);
      QVERIFY2(found, describe(spec).c_str());
      const auto curve = clipCurveOf(tensor, coded(tensor, spec), Executor(1));
      QCOMPARE(found->bestRatio.value(), curve->bestRatio());
    }
  }

  void aPlainSpecTakesOnePass() {
    const WeightTensor tensor = normalTensor(300, 512, 5);
    QVERIFY(RowBlocks::of(300, 512).count() > 1);
    PassCounter plain;
    QVERIFY(measureTensor(tensor, QuantSpec{}, Executor(1), plain.control()));
    QCOMPARE(plain.passes(), 1);
    // A survey, which has the tensor's scale, the groups' parameters, and the errors.
    PassCounter shared;
    const QuantSpec nvfp4 = specOf(Dtype::Nvfp4, ClipPolicy::Kind::None);
    QVERIFY(measureTensor(tensor, nvfp4, Executor(1), shared.control()));
    QCOMPARE(shared.passes(), 3);
  }

  void weightsThatAreNotFiniteAreRefusedInTheSameWords() {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    const float inf = std::numeric_limits<float>::infinity();
    std::vector<float> values = normalValues(8 * 64, 6);
    values[3 * 64 + 5] = nan;
    values[7] = inf;
    values[5 * 64] = nan;  // the first of its group
    values[6 * 64] = -inf;
    std::fill_n(values.begin() + 7 * 64, 32, nan);  // all of it
    const WeightTensor tensor = tensorOf(8, 64, values, "layer/w");
    const auto health = healthOf(tensor, Executor(1));
    for (const kernels::KernelTable* table : kernels::availableKernels()) {
      QVERIFY(kernels::useKernels(table->name));
      for (const QuantSpec& spec : manySpecs()) {
        const auto found = measureTensor(tensor, spec, Executor(1));
        QVERIFY(!found);
        QCOMPARE(found.error().code, ErrorCode::NotFinite);
        QCOMPARE(found.error().message, notFiniteError("layer/w", *health).message);
      }
    }
    QVERIFY(kernels::useKernels(kernels::availableKernels().front()->name));
  }

  void importanceWeighsTheSearch() {
    std::vector<float> values = normalValues(16 * 64, 7);
    for (std::size_t r = 0; r < 16; ++r) values[r * 64 + 9] *= 40;  // one loud channel
    const WeightTensor tensor = tensorOf(16, 64, values);
    std::vector<float> h(64, 1);
    h[9] = 0;
    MeasureOptions options;
    options.importance = h;
    const QuantSpec spec = specOf(Dtype::Int, ClipPolicy::Kind::SearchTensor);
    const auto plain = measureTensor(tensor, spec, Executor(1));
    const auto weighted = measureTensor(tensor, spec, Executor(1), {}, options);
    const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1), {}, h);
    QCOMPARE(weighted->clipRatio.value(), choice->curve.bestRatio());
    QVERIFY(weighted->clipRatio != plain->clipRatio);
  }

  void aModelIsMeasuredLineByLine() {
    const auto source = threeTensors();
    source->addOther("bias", 16, "a vector");
    const QuantSpec spec = specOf(Dtype::Int, ClipPolicy::Kind::SearchTensor);
    const auto lines = measureModel(ModelJob::of(source, spec), Executor(1));
    QVERIFY(lines);
    QCOMPARE(lines->size(), std::size_t{3});
    for (std::size_t i = 0; i < lines->size(); ++i) {
      const ModelMeasurement& line = (*lines)[i];
      QCOMPARE(line.info.name, source->tensors()[i].name);
      QCOMPARE(line.spec, spec);
      const auto alone = source->load(line.info, Orientation::Auto, {});
      QCOMPARE(line.measured->metrics.mse, measureTensor(*alone, spec, Executor(1))->metrics.mse);
      QVERIFY(!line.traits);
    }
  }

  void aPlanDecidesEachTensorsSpec() {
    const auto source = threeTensors();
    ModelJob job = ModelJob::of(source, QuantSpec{});
    job.plan.tensors["a"].spec.bits = 8;
    const auto lines = measureModel(job, Executor(1));
    QCOMPARE((*lines)[0].spec.bits, 4);
    QCOMPARE((*lines)[1].spec.bits, 8);
    QVERIFY((*lines)[1].measured->metrics.sqnrDb > (*lines)[0].measured->metrics.sqnrDb + 15);
  }

  void whatKeepsATensorFromBeingMeasuredIsPartOfItsLine() {
    const auto source = threeTensors();
    std::vector<float> values(32, 1);
    values[3] = std::numeric_limits<float>::quiet_NaN();
    source->add("nan", 1, 32, values);
    source->breakTensor("a");
    const auto lines = measureModel(ModelJob::of(source, QuantSpec{}), Executor(1));
    QCOMPARE(lines->size(), std::size_t{4});
    QVERIFY((*lines)[0].measured);
    QCOMPARE((*lines)[1].measured.error().code, ErrorCode::UnreadableFile);
    QVERIFY((*lines)[2].measured);
    QCOMPARE((*lines)[3].measured.error().code, ErrorCode::NotFinite);
  }

  void traitsAreTakenWhereTheyAreAskedFor() {
    const auto source = threeTensors();
    MeasureModelOptions options;
    options.traits = [](const TensorInfo& info) { return info.name == "a"; };
    std::set<std::string> with;
    const auto take = [&](ModelMeasurement&& line) {
      if (line.traits) with.insert(line.info.name);
      return true;
    };
    QVERIFY(measureModel(ModelJob::of(source, QuantSpec{}), options, take, Executor(1)));
    QCOMPARE(with, std::set<std::string>{"a"});
  }

  void whoTakesTheLinesEndsTheWork() {
    const auto source = threeTensors();
    int taken = 0;
    const auto take = [&](ModelMeasurement&&) { return ++taken < 2; };
    QVERIFY(measureModel(ModelJob::of(source, QuantSpec{}), {}, take, Executor(1)));
    QCOMPARE(taken, 2);
    QCOMPARE(source->loads.load(), 2);
  }

  void cancelledWorkHasNoAnswer() {
    const auto source = threeTensors();
    ModelControl control;
    control.progressOf = [&](const TensorInfo&, std::size_t index, std::size_t count) {
      if (count != 3) qFatal("three tensors");
      if (index == 1) control.cancel.cancel();
      return ProgressSink();
    };
    const auto lines = measureModel(ModelJob::of(source, QuantSpec{}), Executor(1), control);
    QCOMPARE(lines.error().code, ErrorCode::Cancelled);
  }

  void thePlanKeepsWhatWasMeasured() {
    const auto source = threeTensors();
    source->breakTensor("c");
    const QuantSpec spec = specOf(Dtype::Int, ClipPolicy::Kind::SearchTensor);
    const auto lines = measureModel(ModelJob::of(source, spec), Executor(1));
    const TuningPlan plan = planFrom(*lines, spec);
    QCOMPARE(plan.defaultSpec, spec);
    QCOMPARE(plan.tensors.size(), std::size_t{2});
    const TensorPlan& tensor = plan.tensors.at("b");
    QCOMPARE(tensor.clipRatio, (*lines)[0].measured->clipRatio);
    QCOMPARE(tensor.metrics->mse, (*lines)[0].measured->metrics.mse);
    QCOMPARE(tensor.bitsPerWeight.value(), (*lines)[0].measured->storage.bitsPerWeight());
    // A ratio that no search found is no part of a plan.
    const QuantSpec fixed = specOf(Dtype::Int, ClipPolicy::Kind::Ratio);
    const auto others = measureModel(ModelJob::of(source, fixed), Executor(1));
    QVERIFY(!planFrom(*others, fixed).tensors.at("b").clipRatio);
  }

  void theWorstIsTheFirstWithTheLowestSqnr() {
    std::vector<ModelMeasurement> lines(4);
    QVERIFY(!worstOf(lines));
    const std::vector<double> sqnr = {20, 12, 12};
    for (std::size_t i = 0; i < sqnr.size(); ++i) {
      TensorMeasurement measured;
      measured.metrics.sqnrDb = sqnr[i];
      lines[i].measured = measured;
    }
    QCOMPARE(worstOf(lines).value(), std::size_t{1});
  }
};

QTEST_GUILESS_MAIN(MeasureModelTest)
#include "measure_model_test.moc"
