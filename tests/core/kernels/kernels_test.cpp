// Every kernel table against the scalar reference, bit for bit.
#include "core/kernels/kernels.h"

#include <algorithm>
#include <limits>
#include <random>

#include <QtTest>

#include "core/kernels/error_counts.h"
#include "core/quant/quant_spec.h"
#include "tests/support/test_data.h"
#include "tests/support/weight_patterns.h"

using namespace quantoscope;
using namespace quantoscope::test;
using kernels::BlockShape;
using kernels::KernelTable;

namespace {

constexpr int kSettings = 12000;

struct Setting {
  std::size_t pattern;
  BlockShape shape;
  QuantSpec spec;
  std::vector<double> ratios;  ///< one, or one a group
  std::vector<float> weights;
  std::vector<float>
      decodeScale;  ///< one a group, as double quantization might leave them; or none

  QByteArray text(int i) const {
    return "setting " + QByteArray::number(i) + ": " + patternNames()[pattern].c_str() + ", " +
           QByteArray::number(qulonglong(shape.rows)) + "x" +
           QByteArray::number(qulonglong(shape.cols)) + ", " + describe(spec).c_str();
  }
};

QuantSpec randomSpec(std::mt19937& engine, std::size_t cols) {
  static constexpr long long kGroupSizes[] = {1, 2, 7, 16, 17, 32, 48, 128, 4096, -1};
  QuantSpec spec;
  spec.groupSize = kGroupSizes[engine() % 10];
  const std::uint32_t kind = engine() % 6;
  if (kind == 0) {
    const auto& dtypes = allDtypes();
    spec.dtype = dtypes[1 + engine() % (dtypes.size() - 1)];
    return spec;
  }
  spec.bits = static_cast<int>(1 + engine() % 8);
  if (kind < 4) return spec;
  spec.scheme = Scheme::Sym;
  spec.fullRange = kind == 5 && spec.bits > 1;
  (void)cols;
  return spec;
}

Setting randomSetting(std::uint32_t seed) {
  static constexpr std::size_t kCols[] = {1, 5, 16, 33, 64, 130, 257, 384};
  std::mt19937 engine(seed);
  Setting setting;
  setting.pattern = engine() % patternNames().size();
  std::size_t rows = 1 + engine() % 5;
  std::size_t cols = kCols[engine() % 8];
  if (engine() % 20 == 0) {  // groups of 4096, with and without a tail
    rows = 1 + engine() % 2;
    cols = engine() % 4 == 0 ? 4096 : 4000 + engine() % 500;
  }
  setting.spec = randomSpec(engine, cols);
  const GroupLayout layout = layoutOf(setting.spec, rows, cols);
  setting.shape = {rows, cols, layout.groupSize};
  setting.weights = patternValues(setting.pattern, rows, cols, layout.groupSize, seed);
  setting.ratios.resize(engine() % 2 == 0 ? 1 : layout.groups());
  for (double& ratio : setting.ratios) {
    ratio = engine() % 10 == 0 ? 1.0 / static_cast<double>(1 + engine() % 1000)
                               : 1 - (engine() % 100) / 200.0;
  }
  if (engine() % 3 == 0) {
    setting.decodeScale = normalValues(layout.groups(), seed + 1);
    setting.decodeScale[engine() % layout.groups()] = 0;
  }
  return setting;
}

/// Everything that a table computes of a setting.
struct Answers {
  std::vector<float> scale, zeroPoint, values, inPlace;
  std::vector<float> least, most, scaleOfExtremes, zeroPointOfExtremes;
  std::vector<std::int32_t> codes;
  kernels::ErrorLanes sums;
  kernels::ErrorPeak peak;
  kernels::ErrorLanes::Lanes squared{};
  std::vector<double> groups;
  kernels::ErrorLanes codedSums;  ///< by the kernels that store no values
  kernels::ErrorPeak codedPeak;
  kernels::ErrorLanes::Lanes codedSquared{};
  kernels::ErrorLanes countedSums;
  kernels::ErrorPeak countedPeak;
  std::vector<std::uint64_t> counts;
  kernels::Summary summary;
  kernels::MomentLanes moments;
  std::vector<std::int32_t> bins;
};

/// The passes over plain weights, some of which are no numbers.
void addPlainPasses(const KernelTable& table, const Setting& setting, Answers& a) {
  const std::vector<float>& finite = setting.weights;
  const auto [lo, hi] = std::minmax_element(finite.begin(), finite.end());
  if (*lo < *hi) {
    const double bins = static_cast<double>(1 + finite.size() % 700);
    const kernels::BinRule rule{*lo, static_cast<double>(*hi) - *lo, bins, 1};
    a.bins.resize(finite.size());
    table.findBins(finite.data(), finite.size(), rule, a.bins.data());
  }
  std::vector<float> some = finite;
  for (std::size_t i = some.size() % 5; i < some.size(); i += 53) {
    some[i] = i % 2 == 0 ? std::numeric_limits<float>::quiet_NaN()
                         : -std::numeric_limits<float>::infinity();
  }
  table.summarize(some.data(), some.size(), a.summary);
  table.addMoments(some.data(), some.size(), 0.001, a.moments);
}

Answers answersOf(const KernelTable& table, const Setting& setting) {
  const Codec codec = codecOf(setting.spec);
  const BlockShape& shape = setting.shape;
  const std::size_t groups = shape.rows * shape.groupsPerRow();
  const float* w = setting.weights.data();
  Answers a;
  a.scale.resize(groups);
  a.zeroPoint.resize(groups);
  a.values.resize(setting.weights.size());
  a.codes.resize(setting.weights.size());
  a.groups.resize(groups);
  a.least.resize(groups);
  a.most.resize(groups);
  a.scaleOfExtremes.resize(groups);
  a.zeroPointOfExtremes.resize(groups);
  table.groupExtremes(shape, w, a.least.data(), a.most.data());
  table.parametersOfExtremes(codec, groups, a.least.data(), a.most.data(), setting.ratios[0],
                             a.scaleOfExtremes.data(), a.zeroPointOfExtremes.data());
  table.groupParameters(codec, shape, w, setting.ratios.data(), setting.ratios.size() > 1 ? 1 : 0,
                        a.scale.data(), a.zeroPoint.data());
  const auto& decode = setting.decodeScale.empty() ? a.scale : setting.decodeScale;
  table.quantizeDequantize(codec, shape, w, a.scale.data(), a.zeroPoint.data(), decode.data(),
                           a.values.data());
  a.inPlace = setting.weights;
  table.quantizeDequantize(codec, shape, a.inPlace.data(), a.scale.data(), a.zeroPoint.data(),
                           decode.data(), a.inPlace.data());
  bool usable = true;  // codes of scales that are no numbers are never asked for
  for (const float scale : a.scale) usable = usable && std::isfinite(scale) && scale != 0;
  if (usable) table.encode(codec, shape, w, a.scale.data(), a.zeroPoint.data(), a.codes.data());
  table.addErrors(shape, w, a.values.data(), a.sums, a.peak);
  table.addSquaredErrors(shape, w, a.values.data(), a.squared);
  table.groupSquaredErrors(shape, w, a.values.data(), a.groups.data());
  std::vector<float> room(setting.weights.size());
  table.addCodingErrors(codec, shape, w, a.scale.data(), a.zeroPoint.data(), decode.data(),
                        room.data(), a.codedSums, a.codedPeak);
  table.addCodingSquaredErrors(codec, shape, w, a.scale.data(), a.zeroPoint.data(), decode.data(),
                               room.data(), a.codedSquared);
  // Scales that are too small give values that are no numbers; such errors are never counted.
  const bool finite =
      std::all_of(a.values.begin(), a.values.end(), [](float y) { return std::isfinite(y); });
  if (finite && a.peak.magnitude > 0 && std::isfinite(a.peak.magnitude)) {
    a.counts.resize(1 + setting.weights.size() % 600);
    kernels::ErrorCounts counts(a.peak.magnitude, a.counts.size());
    table.addCountedErrors(codec, shape, w, a.scale.data(), a.zeroPoint.data(), decode.data(),
                           room.data(), a.countedSums, a.countedPeak, counts);
    counts.addTo(a.counts);
  }
  addPlainPasses(table, setting, a);
  return a;
}

/// The histogram by its definition.
std::vector<std::uint64_t> countsOf(const Setting& setting, const Answers& a) {
  std::vector<std::uint64_t> counts(a.counts.size());
  const double range = a.peak.magnitude;
  const auto bins = static_cast<double>(counts.size());
  for (std::size_t i = 0; i < a.values.size() && !counts.empty(); ++i) {
    const double x = -static_cast<double>(setting.weights[i] - a.values[i]);
    const double bin = std::clamp(std::floor((x + range) * bins / (2 * range)), 0.0, bins - 1);
    ++counts[static_cast<std::size_t>(bin)];
  }
  return counts;
}

template <typename T>
bool sameBits(const T& a, const T& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](auto x, auto y) {
    return std::memcmp(&x, &y, sizeof x) == 0 || (x != x && y != y);
  });
}

}  // namespace

class KernelsTest : public QObject {
  Q_OBJECT

 private slots:
  void thisMachineHasVectorTables() {
    const auto& tables = kernels::availableKernels();
    QCOMPARE(QByteArray(tables.back()->name), QByteArray("scalar"));
    for (const KernelTable* table : tables) qInfo("kernel table: %s", table->name);
#if defined(__x86_64__)
    QVERIFY(tables.size() >= 2);
#endif
  }

  void everyTableHasTheBitsOfTheReference() {
    for (int i = 0; i < kSettings; ++i) {
      const Setting setting = randomSetting(static_cast<std::uint32_t>(i + 1));
      const Answers wanted = answersOf(kernels::scalarKernels(), setting);
      QVERIFY2(wanted.counts == countsOf(setting, wanted), setting.text(i));
      if (setting.ratios.size() == 1) {
        QVERIFY2(sameBits(wanted.scaleOfExtremes, wanted.scale), setting.text(i));
        QVERIFY2(sameBits(wanted.zeroPointOfExtremes, wanted.zeroPoint), setting.text(i));
      }
      for (const KernelTable* table : kernels::availableKernels()) {
        const Answers found = answersOf(*table, setting);
        const auto verify = [&](bool same, const char* what) {
          if (!same) QFAIL(setting.text(i) + ", " + table->name + ": " + what);
        };
        verify(sameBits(found.scale, wanted.scale), "scale");
        verify(sameBits(found.zeroPoint, wanted.zeroPoint), "zero point");
        verify(found.least == wanted.least && found.most == wanted.most, "extremes of groups");
        verify(sameBits(found.scaleOfExtremes, wanted.scaleOfExtremes) &&
                   sameBits(found.zeroPointOfExtremes, wanted.zeroPointOfExtremes),
               "parameters of extremes");
        verify(sameBits(found.values, wanted.values), "values");
        verify(sameBits(found.inPlace, wanted.values), "values in place");
        verify(found.codes == wanted.codes, "codes");
        verify(sameBits(found.sums.squaredError, wanted.sums.squaredError), "squared error");
        verify(sameBits(found.sums.error, wanted.sums.error), "error");
        verify(sameBits(found.sums.squaredWeight, wanted.sums.squaredWeight), "squared weight");
        verify(sameBits(found.sums.cross, wanted.sums.cross), "cross");
        verify(sameBits(found.squared, wanted.squared), "squared error alone");
        verify(sameBits(found.groups, wanted.groups), "group errors");
        verify(sameBits(found.codedSums.squaredError, wanted.sums.squaredError) &&
                   sameBits(found.codedSums.error, wanted.sums.error) &&
                   sameBits(found.codedSums.squaredWeight, wanted.sums.squaredWeight) &&
                   sameBits(found.codedSums.cross, wanted.sums.cross),
               "sums without stored values");
        verify(found.codedPeak.magnitude == wanted.peak.magnitude &&
                   found.codedPeak.row == wanted.peak.row && found.codedPeak.col == wanted.peak.col,
               "peak without stored values");
        verify(sameBits(found.codedSquared, wanted.squared), "e^2 without stored values");
        verify(found.counts == wanted.counts, "counts of errors");
        if (!found.counts.empty()) {
          verify(sameBits(found.countedSums.squaredError, wanted.sums.squaredError) &&
                     sameBits(found.countedSums.error, wanted.sums.error) &&
                     sameBits(found.countedSums.squaredWeight, wanted.sums.squaredWeight) &&
                     sameBits(found.countedSums.cross, wanted.sums.cross) &&
                     found.countedPeak.magnitude == wanted.peak.magnitude &&
                     found.countedPeak.row == wanted.peak.row &&
                     found.countedPeak.col == wanted.peak.col,
                 "sums beside counts");
        }
        verify(found.bins == wanted.bins, "bins");
        verify(found.summary.nan == wanted.summary.nan && found.summary.inf == wanted.summary.inf &&
                   found.summary.zero == wanted.summary.zero &&
                   found.summary.subnormal == wanted.summary.subnormal,
               "counts");
        verify(found.summary.min == wanted.summary.min && found.summary.max == wanted.summary.max,
               "extremes");
        verify(sameBits(found.summary.sum, wanted.summary.sum), "sum");
        verify(sameBits(found.moments.second, wanted.moments.second), "second moment");
        verify(sameBits(found.moments.fourth, wanted.moments.fourth), "fourth moment");
        verify(found.peak.magnitude == wanted.peak.magnitude && found.peak.row == wanted.peak.row &&
                   found.peak.col == wanted.peak.col,
               "peak");
        if (QTest::currentTestFailed()) return;
      }
    }
  }

  void tablesAreChosenByName() {
    const QByteArray best = kernels::activeKernels().name;
    QVERIFY(kernels::useKernels("scalar"));
    QCOMPARE(QByteArray(kernels::activeKernels().name), QByteArray("scalar"));
    QVERIFY(!kernels::useKernels("abacus"));
    QVERIFY(kernels::useKernels(best.constData()));
  }
};

QTEST_GUILESS_MAIN(KernelsTest)
#include "kernels_test.moc"
