// The fast clip search against the exact one: the same answer, and curves within the stated bound.
#include <cmath>
#include <random>

#include <QtTest>

#include "core/quant/clip_search.h"
#include "core/quant/exact_error.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "tests/support/weight_patterns.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

/// The plain answer: every ratio in the reference's own arithmetic.
struct Exact {
  std::vector<double> mse;
  std::size_t best = 0;
};

Exact exactSearch(const WeightTensor& tensor, const QuantSpec& spec) {
  ExactError error(codecOf(spec), layoutOf(spec, tensor.rows(), tensor.cols()).groupSize);
  const RowBlocks blocks = RowBlocks::of(tensor.rows(), tensor.cols());
  Exact exact;
  std::vector<float> scratch;
  for (const double ratio : spec.grid.ratios()) {
    double sum = 0;
    for (std::size_t b = 0; b < blocks.count(); ++b) {
      sum += error.ofBlock(tensor.block(blocks.first(b), blocks.size(b), scratch), ratio);
    }
    exact.mse.push_back(sum / static_cast<double>(tensor.elements()));
    if (exact.mse.back() < exact.mse[exact.best]) exact.best = exact.mse.size() - 1;
  }
  return exact;
}

QuantSpec randomSpec(std::mt19937& engine) {
  static constexpr long long kGroupSizes[] = {7, 16, 32, 100, 128, -1};
  QuantSpec spec;
  spec.groupSize = kGroupSizes[engine() % 6];
  spec.clip.kind = ClipPolicy::Kind::SearchTensor;
  if (engine() % 4 == 0) spec.grid = {1, 0.5, 101};
  if (engine() % 8 == 0) spec.grid = {0.6, 0.95, 15};
  switch (engine() % 4) {
    case 0: {
      static constexpr Dtype kCodebooks[] = {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1};
      spec.dtype = kCodebooks[engine() % 3];
      return spec;
    }
    case 1:
      spec.bits = static_cast<int>(1 + engine() % 8);
      return spec;
    case 2:
      spec.bits = static_cast<int>(1 + engine() % 8);
      spec.scheme = Scheme::Sym;
      return spec;
    default:
      spec.bits = static_cast<int>(2 + engine() % 7);
      spec.scheme = Scheme::Sym;
      spec.fullRange = true;
      return spec;
  }
}

}  // namespace

class FastSearchTest : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() { kernels::useKernels(kernels::availableKernels().front()->name); }

  void theAnswerIsTheExactArgmin() {
    const auto& tables = kernels::availableKernels();
    for (std::uint32_t seed = 1; seed <= 400; ++seed) {
      std::mt19937 engine(seed);
      const std::size_t pattern = engine() % patternNames().size();
      if (patternNames()[pattern] == "huge") continue;  // scales overflow
      const std::size_t cols = 100 + engine() % 300;
      const std::size_t rows = 40000 / cols + 1;
      const QuantSpec spec = randomSpec(engine);
      const auto layout = layoutOf(spec, rows, cols);
      const WeightTensor tensor =
          tensorOf(rows, cols, patternValues(pattern, rows, cols, layout.groupSize, seed));
      QVERIFY(kernels::useKernels(tables[engine() % (tables.size() - 1)]->name));
      const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1));
      QVERIFY(choice);
      const Exact exact = exactSearch(tensor, spec);
      const QByteArray where = "seed " + QByteArray::number(seed) + ", " +
                               patternNames()[pattern].c_str() + ", " + describe(spec).c_str() +
                               ", " + kernels::activeKernels().name;
      QVERIFY2(choice->curve.best == exact.best,
               where + ": " + QByteArray::number(qulonglong(choice->curve.best)) + " instead of " +
                   QByteArray::number(qulonglong(exact.best)));
      QCOMPARE(choice->curve.bestMse(), exact.mse[exact.best]);
      double worst = 0;
      for (std::size_t i = 0; i < exact.mse.size(); ++i) {
        if (exact.mse[i] == 0) continue;
        worst = std::max(worst, std::fabs(choice->curve.mse[i] / exact.mse[i] - 1));
      }
      QVERIFY2(worst <= 1e-5, where + ": curve off by " + QByteArray::number(worst));
    }
  }

  void rowsAndGroupsGetTheirExactArgmins() {
    const auto& tables = kernels::availableKernels();
    for (std::uint32_t seed = 1; seed <= 120; ++seed) {
      std::mt19937 engine(seed + 1000);
      const std::size_t pattern = engine() % patternNames().size();
      if (patternNames()[pattern] == "huge") continue;
      const std::size_t cols = 100 + engine() % 300;
      const std::size_t rows = 40000 / cols + 1;
      QuantSpec spec = randomSpec(engine);
      const auto layout = layoutOf(spec, rows, cols);
      const WeightTensor tensor =
          tensorOf(rows, cols, patternValues(pattern, rows, cols, layout.groupSize, seed));
      for (const auto kind : {ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
        spec.clip.kind = kind;
        const char* table = tables[seed % (tables.size() - 1)]->name;
        QVERIFY(kernels::useKernels(table));
        const auto fast = chooseClip(tensor, coded(tensor, spec), Executor(2));
        QVERIFY(kernels::useKernels("scalar"));  // has no fast way
        const auto exact = chooseClip(tensor, coded(tensor, spec), Executor(2));
        const QByteArray where = "seed " + QByteArray::number(seed) + " " +
                                 patternNames()[pattern].c_str() + " " + describe(spec).c_str() +
                                 " " + table;
        QVERIFY2(fast->ratios.values == exact->ratios.values, where);
        for (std::size_t i = 0; i < exact->curve.mse.size(); ++i) {
          if (exact->curve.mse[i] == 0) continue;
          const double off = std::fabs(fast->curve.mse[i] / exact->curve.mse[i] - 1);
          QVERIFY2(off <= 1e-5, where + ": curve off by " + QByteArray::number(off));
        }
        QCOMPARE(fast->curve.best, exact->curve.best);
        QCOMPARE(fast->curve.bestMse(), exact->curve.bestMse());
      }
    }
  }

  void aWiderCurveKnowsTheInnerOptimum() {
    // Two bits and whole rows: the best of all lies below 0.805.
    const WeightTensor tensor = normalTensor(300, 400, 8);
    QuantSpec spec;
    spec.bits = 2;
    spec.groupSize = -1;
    const auto wide = wideClipCurveOf(tensor, coded(tensor, spec), {1, 0.5, 101}, Executor(2));
    const auto inner = clipCurveOf(tensor, coded(tensor, spec), Executor(2));
    QVERIFY(wide->best >= 40);
    QCOMPARE(wide->mse.size(), std::size_t{101});
    const auto best = std::min_element(wide->mse.begin(), wide->mse.begin() + 40);
    QCOMPARE(static_cast<std::size_t>(best - wide->mse.begin()), inner->best);
    QCOMPARE(*best, inner->bestMse());
  }

  void zeroPointsOnAHalfStepAreFound() {
    // wmax == -wmin puts the zero point at 7.5: it flips with the last bit of the scale.
    std::vector<float> values = normalValues(300 * 128, 7);
    for (std::size_t i = 0; i < values.size(); i += 32) {
      values[i] = 0.1f;
      values[i + 1] = -0.1f;
    }
    const WeightTensor tensor = tensorOf(300, 128, values);
    QuantSpec spec;
    spec.clip.kind = ClipPolicy::Kind::SearchTensor;
    const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1));
    const Exact exact = exactSearch(tensor, spec);
    QCOMPARE(choice->curve.best, exact.best);
    for (std::size_t i = 0; i < exact.mse.size(); ++i) {
      QVERIFY(std::fabs(choice->curve.mse[i] / exact.mse[i] - 1) < 1e-5);
    }
  }
};

QTEST_GUILESS_MAIN(FastSearchTest)
#include "fast_search_test.moc"
