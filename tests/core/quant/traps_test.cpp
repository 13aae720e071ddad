// What has led quantizers to wrong answers before, one test each. Every kernel table must get them
// right.
#include <bit>
#include <cmath>
#include <limits>
#include <set>

#include <QtTest>

#include "core/kernels/kernels.h"
#include "core/quant/clip_search.h"
#include "core/quant/error_histogram.h"
#include "core/quant/exact_error.h"
#include "core/quant/weight_only.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

QuantSpec integers(int bits, long long groupSize, Scheme scheme, bool fullRange = false) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  spec.fullRange = fullRange;
  return spec;
}

QuantSpec codebook(Dtype dtype, long long groupSize) {
  QuantSpec spec = QuantSpec{}.withDtype(dtype);
  spec.groupSize = groupSize;
  return spec;
}

/// e^2 added up in long double, ratio by ratio, from the definition of the search.
struct Plain {
  std::vector<double> sums;
  std::size_t best = 0;
};

Plain plainSearch(const WeightTensor& tensor, const QuantSpec& spec) {
  std::vector<float> scratch;
  const MatrixView w = tensor.block(0, tensor.rows(), scratch);
  const Codec codec = codecOf(spec);
  const GroupLayout layout = layoutOf(spec, w.rows, w.cols);
  const kernels::BlockShape shape{w.rows, w.cols, layout.groupSize};
  std::vector<float> scale(layout.groups());
  std::vector<float> zeroPoint(layout.groups());
  std::vector<float> y(tensor.elements());
  Plain found;
  const auto& scalar = kernels::scalarKernels();
  for (const double ratio : spec.grid.ratios()) {
    scalar.groupParameters(codec, shape, w.data, &ratio, 0, scale.data(), zeroPoint.data());
    scalar.quantizeDequantize(codec, shape, w.data, scale.data(), zeroPoint.data(), scale.data(),
                              y.data());
    long double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float e = w.data[i] - y[i];
      sum += static_cast<long double>(e) * e;
    }
    found.sums.push_back(static_cast<double>(sum));
    if (found.sums.back() < found.sums[found.best]) found.best = found.sums.size() - 1;
  }
  return found;
}

std::vector<QByteArray> tables() {
  std::vector<QByteArray> names;
  for (const auto* table : kernels::availableKernels()) names.emplace_back(table->name);
  return names;
}

std::vector<float> scaled(std::vector<float> values, float by) {
  for (float& value : values) value *= by;
  return values;
}

}  // namespace

class TrapsTest : public QObject {
  Q_OBJECT

 private:
  /// The search's answer on every table against the plain one, the curve within `tolerance`.
  void searchIsRight(const WeightTensor& tensor, const QuantSpec& spec, double tolerance = 1e-5) {
    const Plain plain = plainSearch(tensor, spec);
    for (const QByteArray& table : tables()) {
      QVERIFY(kernels::useKernels(table.constData()));
      const auto curve = clipCurveOf(tensor, coded(tensor, spec), Executor(2));
      QVERIFY2(curve, curve ? "" : curve.error().message.c_str());
      const QByteArray where = table + ", " + describe(spec).c_str();
      const double elements = static_cast<double>(tensor.elements());
      QVERIFY2(std::fabs(curve->bestMse() * elements / plain.sums[plain.best] - 1) < 1e-13, where);
      QVERIFY2(curve->best == plain.best,
               where + ": " + QByteArray::number(qulonglong(curve->best)) + " instead of " +
                   QByteArray::number(qulonglong(plain.best)));
      for (std::size_t i = 0; i < plain.sums.size(); ++i) {
        const double off = std::fabs(curve->mse[i] * elements / plain.sums[i] - 1);
        QVERIFY2(off < tolerance, where + ": the curve is off by " + QByteArray::number(off));
      }
    }
  }

  /// Codes, values and parameters on every table are those of the scalar one, bit for bit.
  void codingIsRight(const std::vector<float>& w, const kernels::BlockShape& shape,
                     const Codec& codec, double ratio) {
    const auto answer = [&](const kernels::KernelTable& table) {
      const std::size_t groups = shape.rows * shape.groupsPerRow();
      std::vector<float> scale(groups);
      std::vector<float> zeroPoint(groups);
      std::vector<float> y(w.size());
      table.groupParameters(codec, shape, w.data(), &ratio, 0, scale.data(), zeroPoint.data());
      table.quantizeDequantize(codec, shape, w.data(), scale.data(), zeroPoint.data(), scale.data(),
                               y.data());
      std::vector<std::uint32_t> bits;
      for (const auto* values : {&scale, &zeroPoint, &y}) {
        for (const float value : *values) bits.push_back(std::bit_cast<std::uint32_t>(value));
      }
      return bits;
    };
    const auto wanted = answer(kernels::scalarKernels());
    for (const auto* table : kernels::availableKernels()) {
      QVERIFY2(answer(*table) == wanted, table->name);
    }
  }

 private slots:
  void cleanup() { kernels::useKernels(kernels::availableKernels().front()->name); }

  void zeroPointsNearAHalfMoveWithTheRatio() {
    // wmax == -wmin puts -wmin / scale at 7.5; which way it rounds is up to the ratio's last bits.
    auto values = normalValues(300 * 128, 7);
    for (std::size_t i = 0; i < values.size(); i += 32) {
      const float end = 0.07f + 0.001f * static_cast<float>(i % 31);
      values[i] = end;
      values[i + 1] = -end;
    }
    const WeightTensor tensor = tensorOf(300, 128, values);
    const QuantSpec spec = integers(4, 32, Scheme::Asym);
    std::set<float> zeroPoints;  // the trap is there
    for (const double ratio : spec.grid.ratios()) {
      float scale = 0;
      float zeroPoint = 0;
      kernels::scalarKernels().groupParameters(codecOf(spec), {1, 32, 32}, values.data(), &ratio, 0,
                                               &scale, &zeroPoint);
      zeroPoints.insert(zeroPoint);
    }
    QCOMPARE(zeroPoints.size(), std::size_t{2});
    searchIsRight(tensor, spec);
    for (const auto kind : {ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
      QuantSpec fine = spec;
      fine.clip.kind = kind;
      QVERIFY(kernels::useKernels("scalar"));  // searches exactly throughout
      const auto wanted = chooseClip(tensor, coded(tensor, fine), Executor(2));
      for (const QByteArray& table : tables()) {
        QVERIFY(kernels::useKernels(table.constData()));
        QCOMPARE(chooseClip(tensor, coded(tensor, fine), Executor(2))->ratios.values,
                 wanted->ratios.values);
      }
    }
  }

  void quantizedWeightsQuantizeAgain() {
    // Weights that already lie on a grid: every one is on a level or on a tie.
    std::vector<float> values;
    for (const float w : normalValues(300 * 128, 8)) {
      values.push_back(std::clamp(std::round(w * 150), -7.0f, 7.0f) * 0.0123f);
    }
    for (std::size_t i = 0; i < values.size(); i += 32) {
      values[i] = 7 * 0.0123f;
      values[i + 1] = -7 * 0.0123f;
    }
    const WeightTensor tensor = tensorOf(300, 128, values);
    searchIsRight(tensor, integers(4, 32, Scheme::Asym));
    searchIsRight(tensor, integers(3, 32, Scheme::Sym));
    searchIsRight(tensor, codebook(Dtype::Fp4, 32));
  }

  void squaredScalesLeaveFloat32() {
    for (const float size : {1e-36f, 1e-24f, 1e-20f, 1e18f, 1e21f, 1e36f}) {
      const WeightTensor tensor = tensorOf(300, 128, scaled(normalValues(300 * 128, 9), size));
      searchIsRight(tensor, integers(4, 32, Scheme::Asym));
      searchIsRight(tensor, integers(4, 128, Scheme::Sym, true));
      searchIsRight(tensor, codebook(Dtype::Nf4, 32));
    }
  }

  void scalesOfManySizesShareATensor() {
    auto values = normalValues(300 * 128, 10);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] *= std::ldexp(1.0f, static_cast<int>(i / 32 % 21) * 10 - 100);
    }
    const WeightTensor tensor = tensorOf(300, 128, values);
    searchIsRight(tensor, integers(4, 32, Scheme::Asym));
    searchIsRight(tensor, codebook(Dtype::Fp4, 32));
  }

  void scalesThatOverflowAtSomeRatiosArePassedOver() {
    // From -1.75e38 to 1.75e38 is more than float32 holds, 0.97 of it is not.
    auto values = scaled(normalValues(300 * 128, 11), 1e37f);
    for (std::size_t i = 0; i < values.size(); i += 32) {
      values[i] = 1.75e38f;
      values[i + 1] = -1.75e38f;
    }
    for (const std::size_t rows : {std::size_t{2}, std::size_t{300}}) {  // exactly, and fast
      std::vector<float> part(values.begin(),
                              values.begin() + static_cast<std::ptrdiff_t>(rows * 128));
      const WeightTensor tensor = tensorOf(rows, 128, part);
      const QuantSpec spec = integers(4, 32, Scheme::Asym);
      const Plain plain = plainSearch(tensor, spec);
      QVERIFY(std::isnan(plain.sums.front()) && !std::isnan(plain.sums.back()));
      std::size_t best = 0;
      for (std::size_t i = 0; i < plain.sums.size(); ++i) {
        if (!(plain.sums[best] <= plain.sums[i])) best = i;
      }
      for (const QByteArray& table : tables()) {
        QVERIFY(kernels::useKernels(table.constData()));
        const auto curve = clipCurveOf(tensor, coded(tensor, spec), Executor(1));
        QVERIFY(curve);
        QCOMPARE(curve->best, best);
        for (const auto kind : {ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
          QuantSpec fine = spec;
          fine.clip.kind = kind;
          const auto choice = chooseClip(tensor, coded(tensor, fine), Executor(1));
          QVERIFY(choice);
          QVERIFY(groupParametersOf(tensor, coded(tensor, fine), choice->ratios, Executor(1)));
        }
      }
    }
  }

  void aSearchWithoutUsableScalesIsRefusedByGroup() {
    auto values = normalValues(300 * 128, 12);
    values[128 * 200 + 33] = 3e38f;
    values[128 * 200 + 34] = -3e38f;
    for (const auto kind : {ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows,
                            ClipPolicy::Kind::SearchGroups}) {
      QuantSpec spec = integers(4, 32, Scheme::Asym);
      spec.clip.kind = kind;
      const auto choice = chooseClip(tensorOf(300, 128, values),
                                     coded(tensorOf(300, 128, values), spec), Executor(2));
      QVERIFY(!choice);
      QCOMPARE(choice.error().code, ErrorCode::DoesNotFit);
      QVERIFY2(choice.error().message.find("row 200, group 1") != std::string::npos,
               choice.error().message.c_str());
    }
  }

  void aScaleOfNothingIsUsedWhereTheRuleGivesNumbers() {
    constexpr float kTiny = std::numeric_limits<float>::denorm_min();
    auto values = normalValues(6 * 130, 14);
    for (std::size_t c = 32; c < 64; ++c) values[2 * 130 + c] = c % 3 == 0 ? -kTiny : 3 * kTiny;
    for (std::size_t c = 128; c < 130; ++c) values[4 * 130 + c] = kTiny;  // a tail of two
    const WeightTensor tensor = tensorOf(6, 130, values);
    for (const auto kind : {ClipPolicy::Kind::None, ClipPolicy::Kind::SearchTensor,
                            ClipPolicy::Kind::SearchRows, ClipPolicy::Kind::SearchGroups}) {
      for (const bool twice : {false, true}) {
        QuantSpec spec = integers(4, 32, Scheme::Sym);
        spec.clip.kind = kind;
        if (twice) spec.doubleQuant = DoubleQuant{};
        const Coding coding = coded(tensor, spec);
        for (const QByteArray& table : tables()) {
          QVERIFY(kernels::useKernels(table.constData()));
          const auto choice = chooseClip(tensor, coding, Executor(2));
          QVERIFY2(choice, choice ? "" : choice.error().message.c_str());
          const auto found = measureQuantization(tensor, coding, choice->ratios, Executor(2));
          QVERIFY2(found, found ? "" : found.error().message.c_str());
          QVERIFY(std::isfinite(found->sums.maxAbsError));
          QCOMPARE(groupsWithoutScale(coding, found->parameters),
                   (std::vector<std::size_t>{2 * 5 + 1, 4 * 5 + 4}));
          const auto codes =
              quantized(tensor, coding, found->parameters, choice->ratios, Executor(2));
          const auto decoded = dequantized(tensor, coding, found->parameters, Executor(2));
          const auto counted =
              countQuantizationErrors(tensor, coding, choice->ratios, 64, Executor(2));
          QVERIFY(codes && decoded && counted);
          for (std::size_t c = 32; c < 64; ++c) {
            // As the reference: clamp(round(w / 0), -8, 7) * 0.
            const std::int8_t code = std::get<std::vector<std::int8_t>>(codes->codes)[2 * 130 + c];
            QCOMPARE(code, static_cast<std::int8_t>(c % 3 == 0 ? -8 : 7));
            if (!twice) QCOMPARE(decoded->values[2 * 130 + c], 0.0f);
          }
        }
      }
    }
  }

  void aScaleOfNothingIsRefusedWhereItGivesNoNumbers() {
    constexpr float kTiny = std::numeric_limits<float>::denorm_min();
    const auto problemWith = [](const std::vector<float>& values, Scheme scheme) {
      const WeightTensor tensor = tensorOf(2, 64, values);
      const Coding coding = coded(tensor, integers(4, 32, scheme));
      const auto found = measureQuantization(tensor, coding, ClipRatios::whole(1), Executor(1));
      const auto counted =
          countQuantizationErrors(tensor, coding, ClipRatios::whole(1), 8, Executor(1));
      if (found.hasValue() != counted.hasValue()) return std::string("they differ");
      return found ? std::string() : found.error().message;
    };
    std::vector<float> values = normalValues(128, 15);
    for (std::size_t c = 32; c < 64; ++c) values[64 + c] = kTiny;
    QCOMPARE(problemWith(values, Scheme::Sym), std::string());
    QVERIFY(problemWith(values, Scheme::Asym).find("row 1, group 1 is 0") != std::string::npos);
    for (const float zero : {0.0f, -0.0f}) {
      values[64 + 50] = zero;
      QVERIFY(problemWith(values, Scheme::Sym).find("row 1, group 1 is 0") != std::string::npos);
    }
  }

  void scalesMayBeSubnormal() {
    std::vector<float> values = normalValues(128, 16);
    for (std::size_t c = 32; c < 64; ++c) values[64 + c] = (static_cast<float>(c) - 40) * 1e-43f;
    const WeightTensor tensor = tensorOf(2, 64, values);
    for (const Scheme scheme : {Scheme::Sym, Scheme::Asym}) {
      const Coding coding = coded(tensor, integers(4, 32, scheme));
      for (const QByteArray& table : tables()) {
        QVERIFY(kernels::useKernels(table.constData()));
        const auto found = measureQuantization(tensor, coding, ClipRatios::whole(1), Executor(1));
        QVERIFY2(found, found ? "" : found.error().message.c_str());
        QVERIFY(found->parameters.scale[3] > 0);
        QVERIFY2(found->parameters.scale[3] < std::numeric_limits<float>::min(),
                 qPrintable(QString::number(found->parameters.scale[3])));
      }
    }
  }

  void tailsDoNotTurnTheFullRange() {
    // A constant positive group has |max| == |min|, and keeps a positive scale. Padded with a 0 to
    // the length of a vector it would not.
    for (const std::size_t cols : {1, 3, 5, 15, 17, 31, 33, 37, 63, 65, 129}) {
      for (const long long groupSize : {32LL, 7LL, 16LL, -1LL}) {
        const std::vector<float> values(2 * cols, 0.75f);
        const QuantSpec spec = integers(4, groupSize, Scheme::Sym, true);
        const GroupLayout layout = layoutOf(spec, 2, cols);
        codingIsRight(values, {2, cols, layout.groupSize}, codecOf(spec), 1);
        for (const QByteArray& table : tables()) {
          QVERIFY(kernels::useKernels(table.constData()));
          const auto parameters = groupParametersOf(
              tensorOf(2, cols, values), coded(tensorOf(2, cols, values), spec), {}, Executor(1));
          for (const float scale : parameters->scale) QCOMPARE(scale, 0.75f / 8);
        }
      }
    }
  }

  void oneSidedWeightsCrossManyLevels() {
    // With the zero point at an end a weight has up to 15 levels to fall through: spans that hold
    // for 8 are wrong by a third.
    auto values = normalValues(300 * 128, 13);
    for (float& value : values) value = std::fabs(value) + 0.01f;
    for (const float sign : {1.0f, -1.0f}) {
      const WeightTensor tensor = tensorOf(300, 128, scaled(values, sign));
      for (const RatioGrid& grid : {RatioGrid{}, RatioGrid{1, 0.5, 101}, RatioGrid{1, 0.05, 60}}) {
        QuantSpec spec = integers(4, 32, Scheme::Asym);
        spec.grid = grid;
        searchIsRight(tensor, spec);
        spec.groupSize = -1;
        searchIsRight(tensor, spec);
      }
    }
  }

  void ratiosFarBelowOneStayWithinTheTables() {
    // t = w / scale goes far beyond the last level.
    const auto values = normalValues(6 * 130, 14);
    for (const double ratio : {0.78, 0.5, 0.1, 0.004, 1e-6, 1e-30}) {
      for (const Dtype dtype : {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1}) {
        codingIsRight(values, {6, 130, 32}, codecOf(codebook(dtype, 32)), ratio);
      }
      codingIsRight(values, {6, 130, 32}, codecOf(integers(4, 32, Scheme::Asym)), ratio);
      codingIsRight(values, {6, 130, 32}, codecOf(integers(8, 32, Scheme::Sym)), ratio);
    }
  }

  void tiesAreWhereDivisionPutsThem() {
    // Weights within four units in the last place of every midpoint: a multiplication by 1 / scale
    // misrounds 3 % of them.
    for (const float amax : {0.07f, 0.1f, 0.3f, 1.3f, 2.9f}) {
      for (const QuantSpec& spec : {integers(4, -1, Scheme::Sym), integers(8, -1, Scheme::Asym),
                                    integers(4, -1, Scheme::Asym), codebook(Dtype::Nf4, -1)}) {
        std::vector<float> values = {amax, -amax};
        const double one = 1;
        float scale = 0;
        float zeroPoint = 0;
        kernels::scalarKernels().groupParameters(codecOf(spec), {1, 2, 2}, values.data(), &one, 0,
                                                 &scale, &zeroPoint);
        for (int k = -130; k < 130; ++k) {
          const auto& book = codecOf(spec).codebook;
          const float tie = book == nullptr
                                ? static_cast<float>(k) + 0.5f
                                : book->thresholds[static_cast<std::size_t>(k + 130) % 15];
          float w = tie * scale;
          if (std::fabs(w) > amax) continue;
          for (int step = 0; step < 4; ++step) w = std::nextafter(w, -1e9f);
          for (int step = 0; step < 9; ++step, w = std::nextafter(w, 1e9f)) values.push_back(w);
        }
        const std::size_t cols = values.size();
        codingIsRight(values, {1, cols, cols}, codecOf(spec), 1);
      }
    }
  }

  void zerosHaveTheSignsOfTheReference() {
    const Matrix w(1, 6, {-0.001f, 0.001f, -0.0f, 0.0f, 1, -1});
    for (const QByteArray& table : tables()) {
      QVERIFY(kernels::useKernels(table.constData()));
      const auto asym = qdq_weight_asym(w.view(), 3);
      const auto sym = qdq_weight_sym(w.view(), 4);
      for (std::size_t i = 0; i < 4; ++i) {
        QCOMPARE(sym->values.values[i], 0.0f);
        QCOMPARE(std::signbit(sym->values.values[i]), std::signbit(w.values[i]));
        QVERIFY(!std::signbit(asym->values.values[i]) || asym->values.values[i] != 0);
      }
      // Clamping to codes 0 and 1 keeps a -0: fmax would lose it.
      const auto oneBit = qdq_weight_sym(w.view(), 1);
      QVERIFY(std::signbit(oneBit->values.values[0]) && oneBit->values.values[0] == 0);
      // A group of zeros in a codebook: 0 / 0 decodes to +0.
      const Matrix zeros(1, 20, std::vector<float>(20, -0.0f));
      const auto nf4 = quantize_4bit(zeros.view());
      for (const float value : nf4->values.values) {
        QCOMPARE(std::bit_cast<std::uint32_t>(value), 0u);
      }
    }
  }

  void errorsAreRoundedBeforeTheyAreSquared() {
    // 3 * scale is not a float32 number: fused, w - 3 * scale would be another error.
    const float scale = 0.1f;
    const float w = 0.31f;
    const float y = 3 * scale;
    const double e = static_cast<double>(w - y);
    QVERIFY(e != std::fma(-3.0, static_cast<double>(scale), static_cast<double>(w)));
    const std::vector<float> weights(32, w);
    const Codec codec = codecOf(integers(4, 32, Scheme::Sym));
    for (const auto* table : kernels::availableKernels()) {
      std::vector<float> room(32);
      kernels::ErrorLanes::Lanes lanes{};
      const float noZero = 0;
      table->addCodingSquaredErrors(codec, {1, 32, 32}, weights.data(), &scale, &noZero, &scale,
                                    room.data(), lanes);
      QCOMPARE(kernels::ErrorLanes::total(lanes), 32 * (e * e));
    }
  }

  void encodingAddsTheZeroPointBeforeItRounds() {
    // 2.5 rounds to 2, and 2 + 1 is 3; but 3.5 rounds to 4.
    const Matrix w(1, 1, {2.5f});
    const Matrix one(1, 1, {1});
    const auto given = quant_weight_w_scale(w.view(), one, one);
    QCOMPARE(given->values[0], 4.0f);
    QCOMPARE(quant_weight_w_scale(Matrix(1, 1, {1e6f}).view(), one, one)->values[0], 1000001.0f);
    // quant_tensor rounds first: the same scale and zero point, another code.
    const Matrix row(1, 3, {2.5f, 14, -1});
    const auto codes = quant_tensor(row.view(), 4, -1, "asym", 1.0, "int", true);
    QCOMPARE(codes->scale.values[0], 1.0f);
    QCOMPARE(codes->zeroPoint->values[0], 1.0f);
    QCOMPARE(codes->values.values[0], 3.0f);
  }

  void tinyErrorsAreToldApart() {
    // Their squares underflow in float32, where every ratio would seem as good as 1.
    const WeightTensor tensor = tensorOf(300, 128, scaled(normalValues(300 * 128, 15), 1e-20f));
    const WeightTensor same = tensorOf(300, 128, normalValues(300 * 128, 15));
    QuantSpec spec = integers(3, 128, Scheme::Asym);
    const auto tiny = clipCurveOf(tensor, coded(tensor, spec), Executor(1));
    QVERIFY(tiny->best > 0);
    QCOMPARE(tiny->best, clipCurveOf(same, coded(same, spec), Executor(1))->best);
  }

  void noTableIsThatOfSsse3() {  // Highway 1.0.3 has a wrong IfNegativeThenElse there
    for (const QByteArray& table : tables()) QVERIFY(table != "SSSE3" && table != "SSE2");
  }

  void curvesHaveTheSameBitsForAnyNumberOfThreads() {
    const WeightTensor tensor = normalTensor(500, 300, 16);
    std::vector<QuantSpec> specs = {
        integers(4, 32, Scheme::Asym),     integers(8, 128, Scheme::Sym),
        integers(2, 7, Scheme::Sym, true), codebook(Dtype::Nf4, 64),
        codebook(Dtype::Fp4, -1),          QuantSpec{}.withDtype(Dtype::Nvfp4)};
    specs.push_back(integers(4, 32, Scheme::Asym));
    specs.back().doubleQuant = DoubleQuant{};
    for (const QByteArray& table : tables()) {
      QVERIFY(kernels::useKernels(table.constData()));
      for (const QuantSpec& spec : specs) {
        const auto one = clipCurveOf(tensor, coded(tensor, spec), Executor(1));
        for (const int threads : {2, 3}) {
          const auto several = clipCurveOf(tensor, coded(tensor, spec), Executor(threads));
          QCOMPARE(several->mse, one->mse);
          QCOMPARE(several->unclippedMse, one->unclippedMse);
          QCOMPARE(several->best, one->best);
        }
      }
    }
  }
};

QTEST_GUILESS_MAIN(TrapsTest)
#include "traps_test.moc"
