// The audit of one tensor: recipes are told, right exports raise nothing, and each fault that
// exports are known for raises its own alarm and no other.
#include "core/model/audit_tensor.h"

#include <cmath>
#include <limits>
#include <numeric>

#include <QtTest>

#include "core/base/text.h"
#include "core/quant/number_formats.h"
#include "tests/core/model/audited_fakes.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

using Rule = IntegerRecipe::Rule;

constexpr std::size_t kRows = 128, kCols = 256;

std::vector<float> someWeights(std::uint32_t seed = 5) {
  return normalValues(kRows * kCols, seed);
}

Result<TensorFindings> examined(const FakePacked& packed, const std::vector<float>& w) {
  const WeightTensor original =
      tensorOf(packed.about.rows, packed.about.cols, w, packed.about.path);
  return examineTensor({packed, FakeContainer(), &original}, Executor(2));
}

Result<TensorFindings> examinedAlone(const FakePacked& packed) {
  return examineTensor({packed, FakeContainer(), nullptr}, Executor(2));
}

/// The ids of the alarms, "" for none.
QByteArray alarmIds(const Result<TensorFindings>& found) {
  if (!found) return QByteArray::fromStdString("error: " + found.error().message);
  std::vector<std::string> ids;
  for (const Alarm& alarm : found->alarms) ids.push_back(alarm.id);
  return QByteArray::fromStdString(join(ids, " "));
}

double evidenceOf(const Alarm& alarm, const std::string& key) {
  for (const auto& [name, value] : alarm.evidence) {
    if (name == key) return value;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

FakePacked integers(const IntegerRecipe& recipe, const std::vector<float>& w = someWeights()) {
  return quantizedIntegers("w", kRows, kCols, w, recipe);
}

FakePacked asymmetric(int bits = 4) {
  IntegerRecipe recipe;
  recipe.bits = bits;
  recipe.rule = Rule::MinMaxZero;
  return integers(recipe);
}

std::vector<float> nf4Levels() {
  return codebookOf(Dtype::Nf4).levels;
}

FakePacked nf4() {
  FakePacked made = quantizedLevels("w", kRows, kCols, 64, someWeights(), nf4Levels(), 1,
                                    [](float amax) { return amax; });
  made.about.scaleType = "float32";
  return made;
}

float floorScale(float amax) {
  return std::ldexp(1.0f, std::ilogb(amax) - 2);
}

FakePacked mxfp4(float (*rule)(float)) {
  FakePacked made = quantizedLevels("w", kRows, kCols, 32, someWeights(), e2m1Levels(), 1, rule);
  made.about.scaleType = "float8_e8m0fnu";
  return made;
}

float asE4m3(float value) {
  const int exponent = std::max(-6, std::ilogb(value));
  const float spacing = std::ldexp(1.0f, exponent - 3);
  return std::min(448.0f, std::nearbyint(value / spacing) * spacing);
}

FakePacked nvfp4(float numerator) {
  const std::vector<float> w = someWeights();
  float amax = 0;
  for (const float value : w) amax = std::max(amax, std::abs(value));
  const float global = numerator * 6 / amax;
  FakePacked made = quantizedLevels("w", kRows, kCols, 16, w, e2m1Levels(), global,
                                    [&](float largest) { return asE4m3(largest / 6 * global); });
  made.about.scaleType = "float8_e4m3fn";
  return made;
}

/// Codes that compensate the errors of those before them, as GPTQ does.
FakePacked calibrated(int bits) {
  IntegerRecipe recipe;
  recipe.bits = bits;
  FakePacked made = integers(recipe);
  const std::vector<float> w = someWeights();
  const float most = std::ldexp(1.0f, bits) - 1;
  for (std::size_t row = 0; row < kRows; ++row) {
    float carried = 0;
    for (std::size_t col = 0; col < kCols; ++col) {
      const std::size_t group = row * made.groups() + made.stored.groupOf[col];
      const float scale = made.stored.scale[group], zero = made.stored.zero[group];
      const float wanted = w[row * kCols + col] + 0.6f * carried;
      const float code = std::clamp(std::nearbyint(wanted / scale + zero), 0.0f, most);
      made.code(row, col) = static_cast<std::int16_t>(code);
      carried = wanted - (code - zero) * scale;
    }
  }
  return made;
}

void permuteRows(FakePacked& packed, const std::function<std::size_t(std::size_t)>& from) {
  const FakePacked right = packed;
  const std::size_t groups = packed.groups();
  for (std::size_t row = 0; row < packed.about.rows; ++row) {
    for (std::size_t c = 0; c < packed.about.cols; ++c) {
      packed.code(row, c) = right.elements[from(row) * packed.about.cols + c];
    }
    for (std::size_t g = 0; g < groups; ++g) {
      packed.stored.scale[row * groups + g] = right.stored.scale[from(row) * groups + g];
      if (packed.stored.zero.empty()) continue;
      packed.stored.zero[row * groups + g] = right.stored.zero[from(row) * groups + g];
    }
  }
}

}  // namespace

class AuditTensorTest : public QObject {
  Q_OBJECT

 private slots:
  void conventionsOfIntegersAreToldAndRaiseNothing_data() {
    QTest::addColumn<int>("rule");
    QTest::addColumn<int>("bits");
    QTest::addColumn<int>("convention");
    const std::pair<Rule, Convention> kAll[] = {{Rule::Restricted, Convention::RestrictedMax},
                                                {Rule::Half, Convention::HalfRange},
                                                {Rule::Full, Convention::FullRange}};
    for (const auto& [rule, convention] : kAll) {
      for (const int bits : {2, 3, 4, 8}) {
        QTest::addRow("%s %d", rowOf(convention).key, bits)
            << static_cast<int>(rule) << bits << static_cast<int>(convention);
      }
    }
  }
  void conventionsOfIntegersAreToldAndRaiseNothing() {
    QFETCH(int, rule);
    QFETCH(int, bits);
    QFETCH(int, convention);
    for (const bool zeros : {false, true}) {
      for (const std::size_t group : {std::size_t{32}, std::size_t{128}, kCols}) {
        IntegerRecipe recipe;
        recipe.rule = static_cast<Rule>(rule);
        recipe.bits = bits;
        recipe.group = group;
        recipe.middleZeros = zeros;
        const auto found = examined(integers(recipe), someWeights());
        QCOMPARE(alarmIds(found), QByteArray(""));
        QCOMPARE(static_cast<int>(found->recipe.convention), convention);
        QCOMPARE(found->recipe.scheme, Recipe::Scheme::Sym);
        QCOMPARE(found->recipe.clipping, Clipping::None);
        QCOMPARE(found->recipe.rounding, Rounding::Nearest);
        QCOMPARE(alarmIds(examinedAlone(integers(recipe))), QByteArray(""));
      }
    }
  }

  void whetherZeroIsIncludedIsToldByGroupsOnOneSide() {
    std::vector<float> w = someWeights();
    IntegerRecipe recipe;
    recipe.rule = Rule::MinMaxZero;
    auto found = examined(integers(recipe, w), w);
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.scheme, Recipe::Scheme::Asym);
    QCOMPARE(found->recipe.convention, Convention::Unknown);
    QCOMPARE(found->recipe.candidates,
             (std::vector<Convention>{Convention::MinMaxZero, Convention::MinMax}));
    QCOMPARE(found->recipe.clipping, Clipping::None);
    QVERIFY(*found->recipe.zerosThatFollow > 0.999);
    for (std::size_t i = 0; i < 64; ++i) w[i] = 0.05f + std::abs(w[i]);
    found = examined(integers(recipe, w), w);
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::MinMaxZero);
  }

  void levelsAndTheirScalesAreTold() {
    auto found = examined(nf4(), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::LargestLevel);
    QCOMPARE(found->recipe.clipping, Clipping::None);
    QCOMPARE(found->recipe.rounding, Rounding::Nearest);
    for (const float numerator : {448.0f, 256.0f}) {
      found = examined(nvfp4(numerator), someWeights());
      QCOMPARE(alarmIds(found), QByteArray(""));
      QCOMPARE(found->recipe.convention, Convention::LargestLevel);
      QVERIFY(std::abs(*found->recipe.globalNumerator - numerator) < 1e-3);
    }
  }

  void levelsThatAreNoNumbersAreNeverTheNearest() {
    FakePacked packed = nf4();
    packed.stored.levels.push_back(std::numeric_limits<float>::quiet_NaN());
    packed.stored.levels.push_back(std::numeric_limits<float>::infinity());
    packed.about.bits = 5;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray(""));
    packed.code(3, 5) = 16;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("not_finite"));
    packed.stored.levels.assign(1, std::numeric_limits<float>::infinity());
    QCOMPARE(examined(packed, someWeights()).error().code, ErrorCode::UnreadableFile);
  }

  void theRuleOfExponentsIsTold() {
    auto found = examined(mxfp4(floorScale), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::FloorExponent);
    found = examined(mxfp4([](float amax) { return floorScale(amax * 8 / 7); }), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::EvenExponent);
    found = examined(mxfp4([](float amax) {
                       return std::ldexp(1.0f, static_cast<int>(std::ceil(std::log2(amax / 6))));
                     }),
                     someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::CeilExponent);
  }

  void clipRatiosAreTold() {
    IntegerRecipe recipe;
    recipe.rule = Rule::Restricted;
    recipe.store = [](float scale) { return scale; };
    recipe.scaleType = "float32";
    recipe.ratio = [](std::size_t, std::size_t) { return 0.85; };
    auto found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.clipping, Clipping::OneRatio);
    QCOMPARE(found->recipe.convention, Convention::RestrictedMax);
    QCOMPARE(*found->recipe.ratio, 0.85);
    recipe.ratio = [](std::size_t row, std::size_t) {
      return row % 4 == 0 ? 1.0 : 0.8 + 0.001 * static_cast<double>(row);
    };
    found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.clipping, Clipping::PerRow);
    recipe.ratio = [](std::size_t row, std::size_t g) {
      return 1 - 0.01 * static_cast<double>((row * 5 + g * 3) % 13);
    };
    found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.clipping, Clipping::PerGroup);
    QCOMPARE(found->recipe.convention, Convention::RestrictedMax);
    QVERIFY(std::abs(*found->recipe.ratio - 0.94) < 1e-6);
    QVERIFY(std::abs(*found->recipe.leastRatio - 0.88) < 1e-6);
  }

  void scalesThatWereQuantizedThemselvesAreNotTakenForClipped() {
    IntegerRecipe recipe;
    int count = 0;
    recipe.scaleType = "float32";
    recipe.store = [&](float scale) {
      return scale * (1 + 0.001f * static_cast<float>(++count % 15 - 7));
    };
    const auto found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::HalfRange);
    QCOMPARE(found->recipe.clipping, Clipping::None);
    QVERIFY(std::abs(*found->recipe.greatestRatio - 1.007) < 1e-5);
  }

  void aRatioThatTwoConventionsExplainIsNotTold() {
    IntegerRecipe recipe;
    recipe.rule = Rule::Half;
    recipe.store = [](float scale) { return scale; };
    recipe.scaleType = "float32";
    recipe.ratio = [](std::size_t, std::size_t) { return 0.7513; };  // on no grid
    const auto found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::Unknown);
    QVERIFY(found->recipe.candidates.size() >= 2);
    QVERIFY(found->recipe.line().find("cannot be told") != std::string::npos);
  }

  void calibratedCodesAreToldAndRaiseNothing() {
    for (const int bits : {2, 3, 4, 8}) {
      const auto found = examined(calibrated(bits), someWeights());
      QCOMPARE(alarmIds(found), QByteArray(""));
      QCOMPARE(found->recipe.convention, Convention::HalfRange);
      QCOMPARE(found->recipe.rounding, Rounding::Calibrated);
      QVERIFY(*found->recipe.differingCodes > 0.05);
    }
  }

  void scaledInputsAreARemark() {
    std::vector<float> scaled = someWeights();
    for (std::size_t i = 0; i < scaled.size(); ++i) {
      scaled[i] *= 0.5f + 0.01f * static_cast<float>(i % kCols % 200);
    }
    const auto found = examined(integers({}, scaled), someWeights());
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->remarks.size(), std::size_t{1});
    QCOMPARE(found->recipe.rounding, Rounding::Unknown);
  }

  void groupsInAnotherOrderOfInputs() {
    const std::vector<float> w = someWeights();
    std::vector<float> sorted(w.size());
    const auto at = [](std::size_t col) { return col * 37 % kCols; };
    for (std::size_t i = 0; i < w.size(); ++i) {
      sorted[i] = w[i / kCols * kCols + at(i % kCols)];
    }
    const FakePacked straight = integers({}, sorted);
    FakePacked packed = straight;
    for (std::size_t col = 0; col < kCols; ++col) {
      packed.stored.groupOf[at(col)] = straight.stored.groupOf[col];
      for (std::size_t row = 0; row < kRows; ++row) {
        packed.code(row, at(col)) = straight.elements[row * kCols + col];
      }
    }
    const auto found = examined(packed, w);
    QCOMPARE(alarmIds(found), QByteArray(""));
    QVERIFY(found->recipe.actOrder);
    QCOMPARE(found->recipe.convention, Convention::HalfRange);
  }

  void runsAcrossTheEndsOfRows() {
    const std::size_t rows = 50, cols = 72, block = 64;
    const std::vector<float> w = normalValues(rows * cols, 3);
    FakePacked flat = quantizedLevels("w", 1, rows * cols, block, w, nf4Levels(), 1,
                                      [](float amax) { return amax; });
    FakePacked packed = emptyPacked("w", rows, cols, 4, cols);
    packed.about.groupSize = block;
    packed.about.scaleType = "float32";
    packed.stored.groupOf.clear();
    packed.stored.flatBlock = block;
    packed.stored.levels = nf4Levels();
    packed.stored.scale = flat.stored.scale;
    packed.elements = flat.elements;
    const auto found = examined(packed, w);
    QCOMPARE(alarmIds(found), QByteArray(""));
    QCOMPARE(found->recipe.convention, Convention::LargestLevel);
    QCOMPARE(found->recipe.clipping, Clipping::None);
  }

  // Faults

  void zeroPointsOffByOne() {
    for (const int bits : {3, 4, 8}) {
      for (const float by : {1.0f, -1.0f}) {
        FakePacked packed = asymmetric(bits);
        for (float& zero : packed.stored.zero) zero += by;
        const auto found = examined(packed, someWeights());
        QCOMPARE(alarmIds(found), QByteArray("zero_points_shifted"));
        QCOMPARE(evidenceOf(found->alarms.front(), "shift"), -by);
        QVERIFY(evidenceOf(found->alarms.front(), "gain_db") > 8);
        if (bits != 8) QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("zero_points_shifted"));
      }
    }
  }

  void zeroPointsOfASymmetricFileOffByOne() {
    FakePacked packed = integers({});
    for (float& zero : packed.stored.zero) zero -= 1;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("zero_points_shifted"));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("zero_points_shifted"));
  }

  void calibratedCodesWithZeroPointsOffByOne() {
    FakePacked packed = calibrated(4);
    for (float& zero : packed.stored.zero) zero += 1;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("zero_points_shifted"));
  }

  void zeroPointsThatWereLeftOut() {
    FakePacked packed = integers({});
    for (float& zero : packed.stored.zero) zero = 0;
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("zero_points_shifted"));
    QCOMPARE(evidenceOf(found->alarms.front(), "shift"), 8.0);
  }

  void zeroPointsOfSomeRowsAreOff() {
    FakePacked packed = asymmetric();
    const std::size_t groups = packed.groups();
    for (std::size_t i = 10 * groups; i < 14 * groups; ++i) packed.stored.zero[i] += 1;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("zero_points_shifted"));
  }

  void threeBitZerosOfAnOldWriter() {
    FakePacked packed = asymmetric(3);
    const std::size_t groups = packed.groups();
    for (std::size_t row = 0; row < kRows; ++row) {
      if (row % 32 < 11) continue;  // the first word of three is right
      for (std::size_t g = 0; g < groups; ++g) packed.stored.zero[row * groups + g] += 2;
    }
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("three_bit_zeros"));
    QCOMPARE(evidenceOf(found->alarms.front(), "places"), 21.0);
  }

  void nibblesSwapped() {
    for (FakePacked packed : {integers({}), nf4(), mxfp4(floorScale)}) {
      for (std::size_t i = 0; i < packed.elements.size(); i += 2) {
        std::swap(packed.elements[i], packed.elements[i + 1]);
      }
      QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("code_order"));
    }
  }

  void codesOfAwqReadInPlainOrder() {
    constexpr std::size_t kOrder[] = {0, 2, 4, 6, 1, 3, 5, 7};
    const FakePacked right = asymmetric();
    FakePacked packed = right;
    const std::size_t groups = packed.groups();
    for (std::size_t row = 0; row < kRows; ++row) {
      const std::size_t from = row / 8 * 8 + kOrder[row % 8];
      for (std::size_t c = 0; c < kCols; ++c)
        packed.code(row, c) = right.elements[from * kCols + c];
      for (std::size_t g = 0; g < groups; ++g) {
        packed.stored.zero[row * groups + g] = right.stored.zero[from * groups + g];
      }
    }
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("code_order"));
    QVERIFY(found->alarms.front().sentence.find("AWQ") != std::string::npos);
  }

  void headsPermuted() {
    for (const bool fromHalves : {false, true}) {
      FakePacked packed = integers({});
      permuteRows(packed, [&](std::size_t row) {
        const std::size_t head = row / 64 * 64, i = row % 64;
        return head + (fromHalves ? (i < 32 ? 2 * i : 2 * (i - 32) + 1) : i % 2 * 32 + i / 2);
      });
      const auto found = examined(packed, someWeights());
      QCOMPARE(alarmIds(found), QByteArray("heads_permuted"));
      QCOMPARE(evidenceOf(found->alarms.front(), "head_rows"), 64.0);
    }
  }

  void rowsSwapped() {
    FakePacked packed = integers({});
    permuteRows(packed, [](std::size_t row) { return row == 5 ? 90 : row == 90 ? 5 : row; });
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("rows_moved"));
    QCOMPARE(evidenceOf(found->alarms.front(), "row"), 5.0);
    QCOMPARE(evidenceOf(found->alarms.front(), "from"), 90.0);
    QCOMPARE(evidenceOf(found->alarms.front(), "rows"), 2.0);
  }

  void aBlockOfRowsIsOfAnotherTensor() {
    FakePacked packed = integers({});
    const FakePacked other = integers({}, someWeights(77));
    std::copy_n(other.elements.begin() + 32 * kCols, 32 * kCols,
                packed.elements.begin() + 32 * kCols);
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("rows_differ"));
    QCOMPARE(evidenceOf(found->alarms.front(), "first"), 32.0);
    QCOMPARE(evidenceOf(found->alarms.front(), "last"), 63.0);
  }

  void weightsOfAnotherLayer() {
    for (const int bits : {2, 4, 8}) {
      IntegerRecipe recipe;
      recipe.bits = bits;
      QCOMPARE(alarmIds(examined(integers(recipe, someWeights(77)), someWeights())),
               QByteArray("unrelated_weights"));
    }
  }

  void scalesOfAnotherTensor() {
    FakePacked packed = integers({});
    packed.stored.scale = integers({}, someWeights(77)).stored.scale;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("scales_misplaced"));
  }

  void scalesTwiceAsLarge() {
    FakePacked packed = integers({});
    for (float& scale : packed.stored.scale) scale *= 2;
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("scales_misplaced"));
  }

  void oneScaleVanished() {
    FakePacked packed = asymmetric();
    packed.stored.scale[13] = 0;
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found), QByteArray("scale_vanished"));
    QCOMPARE(evidenceOf(found->alarms.front(), "row"), 1.0);
    QCOMPARE(evidenceOf(found->alarms.front(), "col"), 160.0);
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("scale_vanished"));
  }

  void aGroupOfZerosMayHaveTheScaleZero() {
    std::vector<float> w = someWeights();
    std::fill_n(w.begin() + 32, 32, 0.0f);
    FakePacked packed = integers({}, w);
    QCOMPARE(packed.stored.scale[1], 0.0f);
    std::fill_n(packed.elements.begin() + 32, 32, std::int16_t{8});
    QCOMPARE(alarmIds(examined(packed, w)), QByteArray(""));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray(""));
  }

  void scalesThatAreNoNumbers() {
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      FakePacked packed = integers({});
      packed.stored.scale[13] = bad;
      QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("not_finite"));
      QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("not_finite"));
    }
  }

  void subnormalScales() {
    std::vector<float> w = someWeights();
    for (float& value : w) value *= 1e-3f;
    FakePacked packed = integers({}, w);
    QCOMPARE(alarmIds(examined(packed, w)), QByteArray("scale_subnormal"));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("scale_subnormal"));
  }

  void scalesCutOffRatherThanRounded() {
    IntegerRecipe recipe;
    recipe.store = [](float scale) {
      const float rounded = asFloat16(scale);
      return rounded <= scale ? rounded
             : std::nextafter(rounded, 0.0f) < rounded
                 ? floatFromHalf(static_cast<std::uint16_t>(halfFromFloat(rounded) - 1))
                 : rounded;
    };
    const auto found = examined(integers(recipe), someWeights());
    QCOMPARE(alarmIds(found), QByteArray("scales_truncated"));
    QCOMPARE(found->recipe.convention, Convention::HalfRange);
  }

  void oneCodeThroughout() {
    FakePacked packed = asymmetric();
    std::fill(packed.elements.begin(), packed.elements.end(), std::int16_t{8});
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("constant_codes"));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("constant_codes"));
  }

  void wholeRowsSavedAsZeros() {
    IntegerRecipe recipe;
    recipe.group = kCols;
    FakePacked packed = integers(recipe);
    std::fill(packed.elements.begin(), packed.elements.end(), std::int16_t{8});
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("whole_rows_zero"));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("whole_rows_zero"));
  }

  void someRowsOfOneCode() {
    FakePacked packed = asymmetric();
    std::fill_n(packed.elements.begin() + 3 * kCols, 2 * kCols, std::int16_t{8});
    const auto found = examined(packed, someWeights());
    QCOMPARE(alarmIds(found).left(13), QByteArray("constant_rows"));
    QCOMPARE(evidenceOf(found->alarms.front(), "rows"), 2.0);
  }

  void saturatedGroups() {
    IntegerRecipe recipe;
    recipe.ratio = [](std::size_t row, std::size_t) { return row < 8 ? 0.15 : 1.0; };
    const FakePacked packed = integers(recipe);
    QCOMPARE(alarmIds(examined(packed, someWeights())), QByteArray("saturated_groups"));
    QCOMPARE(alarmIds(examinedAlone(packed)), QByteArray("saturated_groups"));
  }

  void parametersThatDoNotFitAreAnError() {
    FakePacked packed = integers({});
    packed.stored.scale.pop_back();
    QCOMPARE(examined(packed, someWeights()).error().code, ErrorCode::UnreadableFile);
    packed = integers({});
    packed.about.bits = 40;
    QCOMPARE(examined(packed, someWeights()).error().code, ErrorCode::UnreadableFile);
  }

  void cancellingEndsIt() {
    const FakePacked packed = integers({});
    TaskControl control;
    control.cancel.cancel();
    QCOMPARE(examineTensor({packed, FakeContainer(), nullptr}, Executor(1), control).error().code,
             ErrorCode::Cancelled);
  }

  void everyAlarmThatIsRaisedIsInTheTable() {
    QStringList ids;
    for (const AlarmRow& row : kAlarms) ids << row.id;
    QCOMPARE(QSet<QString>(ids.begin(), ids.end()).size(), ids.size());
    QVERIFY(ids.contains("zero_points_shifted"));
  }
};

QTEST_GUILESS_MAIN(AuditTensorTest)
#include "audit_tensor_test.moc"
