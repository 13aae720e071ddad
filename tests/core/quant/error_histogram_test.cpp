// The fused pass against its parts: the same parameters and sums, and the histogram by definition.
#include "core/quant/error_histogram.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include <QtTest>

#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"
#include "tests/support/weight_patterns.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

/// Bit for bit, so that NaN equals NaN and -0 differs from 0.
template <typename T>
bool sameBits(const std::vector<T>& a, const std::vector<T>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const T& x, const T& y) { return std::memcmp(&x, &y, sizeof x) == 0; });
}

std::vector<double> valuesOf(const ErrorSums& s) {
  return {s.squaredError,
          s.error,
          s.squaredWeight,
          s.cross,
          s.maxAbsError,
          static_cast<double>(s.maxAbsErrorAt.row),
          static_cast<double>(s.maxAbsErrorAt.col),
          static_cast<double>(s.count)};
}

QuantSpec randomSpec(std::mt19937& engine) {
  static constexpr long long kGroupSizes[] = {7, 16, 32, 64, 128, 1024, -1};
  QuantSpec spec;
  if (engine() % 3 == 0) {
    const auto& dtypes = allDtypes();
    spec = spec.withDtype(dtypes[engine() % dtypes.size()]);
    if (prescribedGroupSize(spec.dtype)) return spec;
  } else {
    spec.bits = static_cast<int>(1 + engine() % 8);
    if (engine() % 2 == 0) spec.scheme = Scheme::Sym;
    spec.fullRange = spec.scheme == Scheme::Sym && spec.bits > 1 && engine() % 2 == 0;
  }
  spec.groupSize = kGroupSizes[engine() % 7];
  if (!spec.isFloat() && engine() % 6 == 0) spec.doubleQuant = DoubleQuant{};
  return spec;
}

ClipRatios randomRatios(std::mt19937& engine, const GroupLayout& layout) {
  const auto ratio = [&] { return 1 - (engine() % 100) / 150.0; };
  ClipRatios ratios = ClipRatios::whole(engine() % 2 == 0 ? 1 : ratio());
  if (engine() % 3 != 0) return ratios;
  const bool rows = engine() % 2 == 0;
  ratios.granularity = rows ? ClipRatios::Granularity::Row : ClipRatios::Granularity::Group;
  ratios.values.resize(rows ? layout.rows : layout.groups());
  for (double& value : ratios.values) value = ratio();
  return ratios;
}

/// The histogram by its definition.
std::vector<std::uint64_t> countsOf(const WeightTensor& tensor, const Matrix& values, double range,
                                    std::size_t bins) {
  std::vector<std::uint64_t> counts(range > 0 ? bins : 1);
  std::vector<float> scratch;
  const auto weights = tensor.block(0, tensor.rows(), scratch).all();
  const auto number = static_cast<double>(counts.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double x = -static_cast<double>(weights[i] - values.values[i]);
    const double bin =
        range > 0 ? std::clamp(std::floor((x + range) * number / (2 * range)), 0.0, number - 1) : 0;
    ++counts[static_cast<std::size_t>(bin)];
  }
  return counts;
}

/// Whether parameters that are not kept have the same bits, row by row and block by block.
bool foundAgainIsTheSame(const WeightTensor& tensor, const Coding& coding, double ratio,
                         const GroupParameters& kept) {
  const ParameterSource source = ParameterSource::foundAgain(coding, ratio);
  const std::size_t perRow = coding.layout.groupsPerRow();
  std::vector<float> scratch;
  for (const std::size_t rows : {std::size_t{1}, tensor.rows()}) {
    for (std::size_t row = 0; row + rows <= tensor.rows(); row += rows) {
      const ParameterView found = source.ofRows(row, tensor.block(row, rows, scratch));
      const auto same = [&](const float* values, const std::vector<float>& all) {
        if (all.empty()) return values == nullptr;
        return std::memcmp(values, all.data() + row * perRow, rows * perRow * sizeof(float)) == 0;
      };
      if (!same(found.scale, kept.scale) || !same(found.decodeScale, kept.scale)) return false;
      if (!same(found.zeroPoint, kept.zeroPoint)) return false;
    }
  }
  return true;
}

}  // namespace

class ErrorHistogramTest : public QObject {
  Q_OBJECT

 private slots:
  void cleanup() { kernels::useKernels(kernels::availableKernels().front()->name); }

  void theFusedPassFindsWhatItsPartsFind() {
    const auto& tables = kernels::availableKernels();
    int compared = 0;
    int again = 0;
    for (std::uint32_t seed = 1; seed <= 600; ++seed) {
      std::mt19937 engine(seed);
      const std::size_t pattern = engine() % patternNames().size();
      // Wide enough for parts of rows, and with a part that is shorter.
      static constexpr std::size_t kCols[] = {64, 130, 1024, 2304, 4112};
      const std::size_t cols = kCols[engine() % 5];
      const std::size_t rows = 1 + engine() % 20;
      const QuantSpec spec = randomSpec(engine);
      if (!spec.validate()) continue;
      const GroupLayout layout = layoutOf(spec, rows, cols);
      const WeightTensor tensor =
          tensorOf(rows, cols, patternValues(pattern, rows, cols, layout.groupSize, seed));
      const ClipRatios ratios = randomRatios(engine, layout);
      const std::size_t bins = engine() % 2 == 0 ? 512 : 1 + engine() % 3000;
      QVERIFY(kernels::useKernels(tables[engine() % tables.size()]->name));
      const Executor executor(static_cast<int>(1 + seed % 3));
      const auto counted =
          countQuantizationErrors(tensor, coded(tensor, spec), ratios, bins, executor);
      const auto measured = measureQuantization(tensor, coded(tensor, spec), ratios, executor);
      const QByteArray where = "seed " + QByteArray::number(seed) + ", " +
                               patternNames()[pattern].c_str() + ", " + describe(spec).c_str() +
                               ", " + kernels::activeKernels().name;
      QCOMPARE(static_cast<bool>(counted), static_cast<bool>(measured));
      if (!counted) continue;
      const GroupParameters& kept = *counted->parameters.kept();
      QVERIFY2(sameBits(kept.scale, measured->parameters.scale), where);
      QVERIFY2(sameBits(kept.zeroPoint, measured->parameters.zeroPoint), where);
      QVERIFY2(sameBits(valuesOf(counted->sums), valuesOf(measured->sums)), where);
      const auto sums = measureErrors(tensor, coded(tensor, spec), ratios, executor);
      QVERIFY2(sameBits(valuesOf(*sums), valuesOf(measured->sums)), where);
      if (standsAlone(spec) && ratios.granularity == ClipRatios::Granularity::Tensor) {
        QVERIFY2(foundAgainIsTheSame(tensor, coded(tensor, spec), ratios.values[0], kept), where);
        ++again;
      }
      const double range = measured->sums.maxAbsError;
      if (!std::isfinite(range)) continue;
      QVERIFY2(counted->histogram.hi == range && counted->histogram.lo == -range, where);
      const auto values = dequantized(tensor, coded(tensor, spec), measured->parameters, executor);
      QVERIFY2(counted->histogram.counts == countsOf(tensor, *values, range, bins), where);
      ++compared;
    }
    QVERIFY(compared > 400);
    QVERIFY(again > 100);
  }

  void anUnusableScaleIsNamedByEveryPass() {
    std::vector<float> values = normalValues(3 * 64, 5);
    for (const std::size_t group : {3, 5}) {  // their width overflows: the first is named
      values[group * 32] = 3e38f;
      values[group * 32 + 1] = -3e38f;
    }
    const WeightTensor tensor = tensorOf(3, 64, values);
    const QuantSpec spec;
    const ClipRatios whole = ClipRatios::whole(1);
    const auto parameters = groupParametersOf(tensor, coded(tensor, spec), whole, Executor(2));
    const auto measured = measureQuantization(tensor, coded(tensor, spec), whole, Executor(2));
    const auto counted =
        countQuantizationErrors(tensor, coded(tensor, spec), whole, 512, Executor(2));
    QVERIFY(!parameters && !measured && !counted);
    QVERIFY(parameters.error().message.find("row 1, group 1") != std::string::npos);
    QCOMPARE(measured.error().message, parameters.error().message);
    QCOMPARE(counted.error().message, parameters.error().message);
    QVERIFY(counted.error().code == ErrorCode::DoesNotFit);
  }
};

QTEST_GUILESS_MAIN(ErrorHistogramTest)
#include "error_histogram_test.moc"
