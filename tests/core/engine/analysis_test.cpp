#include "core/engine/analysis.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <unistd.h>

#include <QtTest>

#include "core/quant/quantizer.h"
#include "tests/support/processes.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

AnalysisRequest requestFor(WeightTensor tensor, QuantSpec spec = {}) {
  AnalysisRequest request;
  request.id = 7;
  request.tensor = std::make_shared<const WeightTensor>(std::move(tensor));
  request.spec = spec;
  return request;
}

}  // namespace

class AnalysisTest : public QObject {
  Q_OBJECT

 private slots:
  void oneAnswerHoldsEveryView() {
    const auto result = analyse(requestFor(normalTensor(64, 130, 41)), Executor(2));
    QVERIFY(result);
    const AnalysisResult& found = **result;
    QCOMPARE(found.id, std::uint64_t{7});
    QVERIFY(found.metrics.has_value());
    QCOMPARE(found.errorHistogram->total(), std::uint64_t{64 * 130});
    QCOMPARE(found.errorHistogram->counts.size(), std::size_t{512});
    QCOMPARE(found.errorHistogram->hi, found.metrics->maxAbsError);
    QCOMPARE(found.errorHistogram->lo, -found.metrics->maxAbsError);
    QCOMPARE(found.weightHistogram.total(), std::uint64_t{64 * 130});
    QCOMPARE(found.group->levels.size(), std::size_t{16});
    QVERIFY(found.group->typical);
    QVERIFY(std::is_sorted(found.group->levels.begin(), found.group->levels.end()));
    QCOMPARE(found.storage.weights, std::uint64_t{64 * 130});
  }

  void theErrorHistogramIsOfDequantizedMinusOriginal() {
    // One weight lies just above its level: y - w is negative, and it is the largest error.
    const WeightTensor tensor = tensorOf(1, 4, {0, 15, 1, 2.25f});
    QuantSpec spec;
    spec.groupSize = -1;
    const auto result = analyse(requestFor(tensor, spec), Executor(1));
    QCOMPARE((*result)->metrics->meanError, -0.0625);
    QCOMPARE((*result)->errorHistogram->counts.front(), std::uint64_t{1});
  }

  void theChosenGroupIsShown() {
    AnalysisRequest request = requestFor(normalTensor(8, 70, 42));
    request.group = GroupIndex{5, 2};
    const auto chosen = analyse(request, Executor(1));
    QVERIFY(!(*chosen)->group->typical);
    QCOMPARE((*chosen)->group->index, (GroupIndex{5, 2}));
    QVERIFY((*chosen)->group->max >= (*chosen)->group->min);
    request.group = GroupIndex{8, 0};  // outside: a typical one instead
    QVERIFY((*analyse(request, Executor(1)))->group->typical);
  }

  void levelsAreWhatAGroupCanDecodeTo() {
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    spec.bits = 2;
    QCOMPARE(levelsOf(codecOf(spec), 0.5f, 0), (std::vector<float>{-1, -0.5f, 0, 0.5f}));
    QCOMPARE(levelsOf(codecOf(spec), -0.5f, 0), (std::vector<float>{-0.5f, 0, 0.5f, 1}));
    spec.scheme = Scheme::Asym;
    QCOMPARE(levelsOf(codecOf(spec), 0.5f, 1), (std::vector<float>{-0.5f, 0, 0.5f, 1}));
    spec = {};
    spec.dtype = Dtype::Fp4;
    QCOMPARE(levelsOf(codecOf(spec), 1, 0).size(), std::size_t{15});
  }

  void aTensorThatIsNotFiniteKeepsItsStatistics() {
    auto values = normalValues(100, 43);
    values[5] = NAN;
    const auto result = analyse(requestFor(tensorOf(10, 10, values)), Executor(1));
    QVERIFY(result);
    QCOMPARE((*result)->health.nan, std::uint64_t{1});
    QVERIFY(!(*result)->metrics);
    QVERIFY(!(*result)->errorHistogram);
    QCOMPARE((*result)->weightHistogram.total(), std::uint64_t{99});
  }

  void shortRowsTakeNoMemoryForEachGroup() {
    // A column of weights, each a group: its scales and zero points take 336 MiB, more than is
    // kept.
    constexpr std::size_t kRows = 44'000'000;
    std::vector<std::uint16_t> halfs(kRows);
    std::uint32_t state = 1;
    for (std::uint16_t& half : halfs) {
      state = state * 1664525 + 1013904223;
      half = static_cast<std::uint16_t>((state >> 16 & 0x83ffu) | (8u << 10));  // 2^-7 to 2^-6
    }
    TensorInfo info;
    info.name = "w";
    info.shape = {kRows, 1};
    setAxes(info, AxisMap::rows(2));
    const WeightTensor tensor(info, StoredType::Float16, std::move(halfs));
    const QuantSpec spec;
    const Executor executor(2);
    QVERIFY(ParameterSource::findsAgain(*codingOf(tensor, spec, executor), ClipRatios::whole(1)));

    std::ofstream("/proc/self/clear_refs") << 5;  // forgets the peak so far
    const std::uint64_t before = peakMemory(getpid());
    const auto result = analyse(requestFor(tensor, spec), executor);
    const std::uint64_t taken = peakMemory(getpid()) - before;
    QVERIFY2(result, result ? "" : result.error().message.c_str());
    QVERIFY2(taken < std::uint64_t{100} << 20, QByteArray::number(qulonglong(taken)).constData());

    // With all parameters kept, as long as these are the same numbers.
    const auto measured = measureQuantization(tensor, *codingOf(tensor, spec, executor),
                                              ClipRatios::whole(1), executor);
    QCOMPARE((*result)->metrics->mse, ErrorMetrics::from(measured->sums).mse);
    QCOMPARE((*result)->metrics->maxAbsError, ErrorMetrics::from(measured->sums).maxAbsError);
    QCOMPARE((*result)->errorHistogram->total(), std::uint64_t{kRows});
    const std::vector<float>& scales = measured->parameters.scale;
    std::vector<float> sorted = scales;
    const auto middle = sorted.begin() + (kRows - 1) / 2;
    std::nth_element(sorted.begin(), middle, sorted.end());
    const GroupDetail& group = *(*result)->group;
    QVERIFY(group.typical);
    QCOMPARE(group.codingScale, *middle);
    QCOMPARE(group.index.row,
             static_cast<std::size_t>(std::find(scales.begin(), scales.end(), *middle) -
                                      scales.begin()));
    QCOMPARE(group.zeroPoint, measured->parameters.zeroPoint[group.index.row]);
  }

  void choicesThatNeedMemoryForEachGroupAreRefusedBeforehand() {
    // No machine has a scale for each of these: they are never read.
    constexpr std::size_t kRows = std::size_t{1} << 46;
    TensorInfo info;
    info.name = "w";
    info.shape = {kRows, 1};
    setAxes(info, AxisMap::rows(2));
    const float weight = 1;
    const WeightTensor tensor(info, StoredType::Float32, std::make_shared<int>(), &weight);
    WeightSurvey survey;
    survey.min = survey.max = 1;
    const auto check = [&](const QuantSpec& spec) {
      const auto choice = chooseClip(tensor, codingOf(tensor, spec, survey), Executor(1));
      if (choice) {
        const auto kept =
            groupParametersOf(tensor, codingOf(tensor, spec, survey), choice->ratios, Executor(1));
        return kept ? std::string() : kept.error().message;
      }
      return choice.error().message;
    };
    QuantSpec spec;
    for (const auto kind : {ClipPolicy::Kind::None, ClipPolicy::Kind::Optimal}) {
      spec.clip.kind = kind;
      const std::string message = check(spec);
      QVERIFY2(message.starts_with("w: the scales of its groups need "), message.c_str());
      QVERIFY2(message.find(" GB of memory, of which ") != std::string::npos, message.c_str());
    }
  }

  void invalidSpecsAreRefused() {
    QuantSpec spec;
    spec.bits = 12;
    QVERIFY(!analyse(requestFor(normalTensor(2, 2, 44), spec), Executor(1)));
  }

  void cancellingIsSaid() {
    TaskControl control;
    control.cancel.cancel();
    const auto result = analyse(requestFor(normalTensor(50, 50, 45)), Executor(1), control);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(AnalysisTest)
#include "analysis_test.moc"
