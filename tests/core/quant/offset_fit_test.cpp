#include "core/quant/offset_fit.h"

#include <cmath>
#include <random>

#include <QtTest>

#include "core/base/half.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

QuantSpec asym(int bits, long long groupSize) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  return spec;
}

float rounded(StoredType type, float value) {
  if (type == StoredType::Float16) return floatFromHalf(halfFromFloat(value));
  if (type == StoredType::BFloat16) return floatFromBfloat16(bfloat16FromFloat(value));
  return value;
}

GroupParameters startOf(const WeightTensor& tensor, const QuantSpec& spec) {
  return *groupParametersOf(tensor, coded(tensor, spec), ClipRatios::whole(1.0), Executor(1));
}

FittedOffsets fitted(const WeightTensor& tensor, const QuantSpec& spec, StoredType type,
                     int threads = 1) {
  return *fitOffsets(tensor, coded(tensor, spec), startOf(tensor, spec), type, Executor(threads));
}

/// The sum of squared errors of a group, of given codes.
double errorOf(std::span<const float> w, const std::uint8_t* codes, float scale, float offset) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const float product = scale * static_cast<float>(codes[i]);
    const float e = w[i] - (product + offset);
    sum += static_cast<double>(e) * static_cast<double>(e);
  }
  return sum;
}

/// What the codes of the engine lead to with scale and converted zero point of the type, a group at
/// a time.
std::vector<double> convertedErrors(const WeightTensor& tensor, const QuantSpec& spec,
                                    StoredType type) {
  const auto plain = *quantizedAt(tensor, spec, ClipRatios::whole(1.0), Executor(1));
  const auto& codes = std::get<std::vector<std::uint8_t>>(plain.codes);
  const GroupParameters& parameters = plain.parameters;
  const GroupLayout& layout = parameters.layout;
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  std::vector<double> errors;
  for (std::size_t group = 0; group < layout.groups(); ++group) {
    const std::size_t row = group / layout.groupsPerRow();
    const std::size_t g = group % layout.groupsPerRow();
    const float scale = rounded(type, parameters.scale[group]);
    const float offset = rounded(type, -parameters.zeroPoint[group] * scale);
    errors.push_back(errorOf(w.row(row).subspan(layout.begin(g), layout.length(g)),
                             codes.data() + row * layout.cols + layout.begin(g), scale, offset));
  }
  return errors;
}

std::vector<double> fittedErrors(const WeightTensor& tensor, const FittedOffsets& fit) {
  const GroupLayout& layout = fit.parameters.layout;
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  std::vector<double> errors;
  for (std::size_t group = 0; group < layout.groups(); ++group) {
    const std::size_t row = group / layout.groupsPerRow();
    const std::size_t g = group % layout.groupsPerRow();
    errors.push_back(errorOf(w.row(row).subspan(layout.begin(g), layout.length(g)),
                             fit.codes.data() + row * layout.cols + layout.begin(g),
                             fit.parameters.decodeScale[group], fit.parameters.offset[group]));
  }
  return errors;
}

double sumOf(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

}  // namespace

class OffsetFitTest : public QObject {
  Q_OBJECT

 private slots:
  void offsetsBeatConvertedZeroPointsOnNormalWeights() {
    const WeightTensor tensor = normalTensor(256, 1024, 7);
    const struct {
      long long groupSize;
      double decibels;
    } rows[] = {{32, 0.6}, {64, 0.35}, {128, 0.2}};
    for (const auto& row : rows) {
      const QuantSpec spec = asym(4, row.groupSize);
      const double converted = sumOf(convertedErrors(tensor, spec, StoredType::Float16));
      const FittedOffsets fit = fitted(tensor, spec, StoredType::Float16);
      const double gain = decibels(converted, fit.sums.squaredError);
      QVERIFY2(gain > row.decibels, std::to_string(gain).c_str());
    }
  }

  void noGroupIsWorseThanWithItsZeroPointConverted() {
    // Rows of one sign, of two, constant, with outliers, and tails of 4.
    std::vector<float> values = normalValues(24 * 100, 3);
    for (std::size_t i = 0; i < 300; ++i) values[i] = std::fabs(values[i]) + 1;
    for (std::size_t i = 300; i < 600; ++i) values[i] = -std::fabs(values[i]);
    for (std::size_t i = 600; i < 700; ++i) values[i] = 0.3f;
    for (std::size_t i = 700; i < 2400; i += 37) values[i] *= 1000;
    const WeightTensor tensor = tensorOf(24, 100, values);
    for (const StoredType type : {StoredType::Float16, StoredType::BFloat16, StoredType::Float32}) {
      for (const int bits : {1, 2, 3, 4, 5, 8}) {
        const QuantSpec spec = asym(bits, 32);
        const auto before = convertedErrors(tensor, spec, type);
        const auto after = fittedErrors(tensor, fitted(tensor, spec, type));
        QCOMPARE(after.size(), std::size_t{96});
        for (std::size_t g = 0; g < after.size(); ++g) QVERIFY(after[g] <= before[g]);
      }
    }
  }

  void scalesAndOffsetsAreNumbersOfTheType() {
    const WeightTensor tensor = normalTensor(40, 200, 5);
    for (const StoredType type : {StoredType::Float16, StoredType::BFloat16}) {
      const FittedOffsets fit = fitted(tensor, asym(4, 64), type);
      for (const float scale : fit.parameters.decodeScale) QCOMPARE(rounded(type, scale), scale);
      for (const float offset : fit.parameters.offset) QCOMPARE(rounded(type, offset), offset);
      QVERIFY(fit.parameters.zeroPoint.empty());
      QVERIFY(*std::max_element(fit.codes.begin(), fit.codes.end()) <= 15);
    }
  }

  void sumsAreThoseOfTheCodes() {
    const WeightTensor tensor = normalTensor(50, 300, 9);
    const FittedOffsets fit = fitted(tensor, asym(3, 64), StoredType::BFloat16);
    const double sum = sumOf(fittedErrors(tensor, fit));
    QVERIFY(std::fabs(fit.sums.squaredError - sum) <= sum * 1e-12);
    QCOMPARE(fit.sums.count, std::uint64_t{50 * 300});
    // In the engine's order: the sums of a tensor that is exactly what the codes decode to are 0.
    std::vector<float> values(50 * 300);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const std::size_t group = i / 300 * 5 + i % 300 / 64;
      const float product = fit.parameters.decodeScale[group] * static_cast<float>(fit.codes[i]);
      values[i] = product + fit.parameters.offset[group];
    }
    const WeightTensor exact = tensorOf(50, 300, values);
    GroupParameters start = startOf(tensor, asym(3, 64));
    start.scale = fit.parameters.decodeScale;
    for (std::size_t g = 0; g < start.scale.size(); ++g) {
      start.zeroPoint[g] = std::nearbyintf(-fit.parameters.offset[g] / start.scale[g]);
    }
    const auto again =
        *fitOffsets(exact, coded(exact, asym(3, 64)), start, StoredType::BFloat16, Executor(1));
    QVERIFY(again.sums.squaredError < sum * 1e-6);
  }

  void threadsDoNotChangeABit() {
    const WeightTensor tensor = normalTensor(301, 517, 11);
    const FittedOffsets one = fitted(tensor, asym(4, 32), StoredType::Float16, 1);
    for (const int threads : {2, 3, 8}) {
      const FittedOffsets many = fitted(tensor, asym(4, 32), StoredType::Float16, threads);
      QVERIFY(many.codes == one.codes);
      QVERIFY(many.parameters.decodeScale == one.parameters.decodeScale);
      QVERIFY(many.parameters.offset == one.parameters.offset);
      QCOMPARE(many.sums.squaredError, one.sums.squaredError);
      QCOMPARE(many.sums.error, one.sums.error);
      QCOMPARE(many.sums.cross, one.sums.cross);
      QCOMPARE(many.sums.maxAbsError, one.sums.maxAbsError);
      QCOMPARE(many.sums.maxAbsErrorAt.row, one.sums.maxAbsErrorAt.row);
      QCOMPARE(many.sums.maxAbsErrorAt.col, one.sums.maxAbsErrorAt.col);
    }
  }

  void constantGroupsKeepTheirValue() {
    // 0.3 is no number of the types, the others are.
    for (const float value : {0.0f, 1.5f, -2.75f, 0.3f, 1000.0f}) {
      const WeightTensor tensor = tensorOf(2, 33, std::vector<float>(66, value));
      for (const StoredType type :
           {StoredType::Float16, StoredType::BFloat16, StoredType::Float32}) {
        const FittedOffsets fit = fitted(tensor, asym(4, 32), type);
        const double off = value - rounded(type, value);
        QVERIFY(static_cast<double>(fit.sums.maxAbsError) <= std::fabs(off));
      }
    }
  }

  void weightsFarFromZeroAreFoundInTheirRange() {
    // Codes with a zero point would begin at 0 and leave five of 16 for these.
    for (const float first : {5.25f, -7.125f}) {
      std::vector<float> values;
      for (int i = 0; i < 64; ++i) {
        values.push_back(first + 0.125f * static_cast<float>(i % 16));
      }
      for (const StoredType type :
           {StoredType::Float16, StoredType::BFloat16, StoredType::Float32}) {
        const FittedOffsets fit = fitted(tensorOf(1, 64, values), asym(4, 64), type);
        QCOMPARE(fit.sums.squaredError, 0.0);
      }
    }
  }

  void tinyWeightsHaveScalesThatAreNotZero() {
    std::vector<float> values = normalValues(128, 1, 1e-9f);
    const WeightTensor tensor = tensorOf(2, 64, values);
    const FittedOffsets fit = fitted(tensor, asym(4, 32), StoredType::Float16);
    for (const float scale : fit.parameters.decodeScale) QCOMPARE(scale, 0x1p-24f);
    // All decode to 0; squares of weights are summed with float32 in between, those of errors not.
    QVERIFY(fit.sums.squaredError <= fit.sums.squaredWeight * (1 + 1e-6));
    const FittedOffsets wide = fitted(tensor, asym(4, 32), StoredType::Float32);
    QVERIFY(wide.sums.squaredError < 0.02 * wide.sums.squaredWeight);
  }

  void whatOverflowsNamesItsGroup() {
    std::vector<float> values = normalValues(128, 1);
    values[70] = 3e6f;  // row 1, group 0
    const WeightTensor tensor = tensorOf(2, 64, values, "w");
    const auto failed = fitOffsets(tensor, coded(tensor, asym(4, 32)), startOf(tensor, asym(4, 32)),
                                   StoredType::Float16, Executor(2));
    QVERIFY(!failed);
    QCOMPARE(failed.error().code, ErrorCode::DoesNotFit);
    QCOMPARE(failed.error().message,
             std::string("w: scale and offset of row 1, group 0 overflow float16; allowed are "
                         "weights that it can hold"));
  }

  void theStartIsThatOfTheClipPolicy() {
    const WeightTensor tensor = normalTensor(64, 256, 21);
    const QuantSpec spec = asym(2, 128);
    const Coding coding = coded(tensor, spec);
    const auto clipped = *groupParametersOf(tensor, coding, ClipRatios::whole(0.8), Executor(1));
    const auto plain = startOf(tensor, spec);
    const auto a = *fitOffsets(tensor, coding, clipped, StoredType::Float16, Executor(1));
    const auto b = *fitOffsets(tensor, coding, plain, StoredType::Float16, Executor(1));
    QVERIFY(a.sums.squaredError < b.sums.squaredError);
    QVERIFY(a.parameters.scale == clipped.scale);
  }

  void cancelledWorkHasNoResult() {
    const WeightTensor tensor = normalTensor(64, 256, 2);
    TaskControl control;
    control.cancel.cancel();
    const auto result = fitOffsets(tensor, coded(tensor, asym(4, 32)), startOf(tensor, asym(4, 32)),
                                   StoredType::Float16, Executor(1), control);
    QCOMPARE(result.error().code, ErrorCode::Cancelled);
  }
};

QTEST_APPLESS_MAIN(OffsetFitTest)
#include "offset_fit_test.moc"
