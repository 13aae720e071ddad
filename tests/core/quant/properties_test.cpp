// What must hold for any weights, and what the published functions refuse.
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include <QtTest>

#include "core/base/half.h"
#include "core/quant/weight_only.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

Matrix normalMatrix(std::size_t rows, std::size_t cols, std::uint32_t seed) {
  return Matrix(rows, cols, normalValues(rows * cols, seed));
}

QuantSpec specOf(int bits, long long groupSize, Scheme scheme, bool fullRange = false) {
  QuantSpec spec;
  spec.bits = bits;
  spec.groupSize = groupSize;
  spec.scheme = scheme;
  spec.fullRange = fullRange;
  return spec;
}

std::vector<QuantSpec> someSpecs() {
  std::vector<QuantSpec> specs;
  for (const long long groupSize : {1LL, 7LL, 32LL, -1LL}) {
    for (const int bits : {2, 3, 4, 8}) {
      specs.push_back(specOf(bits, groupSize, Scheme::Asym));
      specs.push_back(specOf(bits, groupSize, Scheme::Sym));
      specs.push_back(specOf(bits, groupSize, Scheme::Sym, true));
    }
    for (const Dtype dtype : {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1}) {
      QuantSpec spec = specOf(4, groupSize, Scheme::Asym);
      spec.dtype = dtype;
      specs.push_back(spec);
    }
  }
  return specs;
}

Matrix dequantizedOf(const WeightTensor& tensor, const QuantSpec& spec, int threads = 1) {
  const Executor executor(threads);
  const auto choice = chooseClip(tensor, coded(tensor, spec), executor);
  const auto parameters = groupParametersOf(tensor, coded(tensor, spec), choice->ratios, executor);
  return *dequantized(tensor, coded(tensor, spec), *parameters, executor);
}

bool sameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<std::uint32_t>(x) == std::bit_cast<std::uint32_t>(y);
  });
}

/// The dequantized value that the stored codes and parameters give.
float decoded(const QuantizedTensor& tensor, std::size_t r, std::size_t c) {
  const GroupLayout& layout = tensor.parameters.layout;
  const std::size_t g = r * layout.groupsPerRow() + c / layout.groupSize;
  const float scale = tensor.parameters.decoding()[g];
  const int code =
      std::visit([&](const auto& codes) { return static_cast<int>(codes[r * layout.cols + c]); },
                 tensor.codes);
  const Codec codec = codecOf(tensor.spec);
  if (codec.codebook == nullptr) {
    const float zero = tensor.parameters.zeroPoint.empty() ? 0 : tensor.parameters.zeroPoint[g];
    return (static_cast<float>(code) - zero) * scale;
  }
  const auto& codes = codec.codebook->codes;
  const auto found = std::find(codes.begin(), codes.end(), code);
  return codec.codebook->levels[static_cast<std::size_t>(found - codes.begin())] * scale;
}

}  // namespace

class PropertiesTest : public QObject {
  Q_OBJECT

 private slots:
  void errorsInsideTheClipRangeAreAtMostHalfAStep() {
    const WeightTensor tensor = normalTensor(20, 150, 11);
    std::vector<float> scratch;
    const MatrixView w = tensor.block(0, tensor.rows(), scratch);
    for (QuantSpec spec : someSpecs()) {
      if (spec.isFloat()) continue;
      for (const double ratio : {1.0, 0.9, 0.7}) {
        spec.clip = ClipPolicy::fixed(ratio);
        const auto parameters =
            groupParametersOf(tensor, coded(tensor, spec), ClipRatios::whole(ratio), Executor(1));
        QVERIFY(parameters);
        const Matrix y = *dequantized(tensor, coded(tensor, spec), *parameters, Executor(1));
        const Codec codec = codecOf(spec);
        for (std::size_t i = 0; i < y.values.size(); ++i) {
          const std::size_t g = i / w.cols * parameters->layout.groupsPerRow() +
                                i % w.cols / parameters->layout.groupSize;
          const double scale = parameters->scale[g];
          const double zero = codec.hasZeroPoint() ? parameters->zeroPoint[g] : 0;
          const double level = w.data[i] / scale + zero;
          if (level < codec.minCode || level > codec.maxCode) continue;
          QVERIFY(std::fabs(w.data[i] - y.values[i]) <= std::fabs(scale) / 2 * (1 + 1e-5));
        }
      }
    }
  }

  void quantizingTwiceIsQuantizingOnceWhereScalesArePowersOfTwo() {
    // With levels k / 16 that reach both ends, the second scale is exactly the first.
    std::vector<float> values;
    for (int r = 0; r < 8; ++r) {
      for (int c = 0; c < 32; ++c) {
        values.push_back(static_cast<float>(((r * 7 + c * 5) % 15 - 7) / 16.0 + 0.001 * (c % 3)));
      }
      values[values.size() - 32] = -7 / 16.0f;
      values[values.size() - 31] = 7 / 16.0f;
      for (std::size_t i = values.size() - 30; i < values.size(); ++i) {
        values[i] = std::min(values[i], 7 / 16.0f);
      }
    }
    const WeightTensor tensor = tensorOf(8, 32, values);
    const QuantSpec spec = specOf(4, 32, Scheme::Sym);
    const Matrix once = dequantizedOf(tensor, spec);
    const Matrix twice = dequantizedOf(tensorOf(8, 32, once.values), spec);
    QVERIFY(!sameBits(once.values, values));
    QVERIFY(sameBits(once.values, twice.values));
  }

  void nf4IsIdempotentOnAnyWeights() {
    // The largest magnitude decodes to itself, so the second scale is the first.
    QuantSpec spec = specOf(4, 32, Scheme::Asym);
    spec.dtype = Dtype::Nf4;
    const Matrix once = dequantizedOf(normalTensor(30, 97, 12), spec);
    QVERIFY(sameBits(once.values, dequantizedOf(tensorOf(30, 97, once.values), spec).values));
  }

  void rowsDoNotInfluenceEachOther() {
    const auto values = normalValues(40 * 70, 13);
    std::vector<float> reversed;
    for (std::size_t r = 40; r-- > 0;) {
      reversed.insert(reversed.end(), values.begin() + static_cast<std::ptrdiff_t>(r * 70),
                      values.begin() + static_cast<std::ptrdiff_t>((r + 1) * 70));
    }
    for (const QuantSpec& spec : someSpecs()) {
      const Matrix straight = dequantizedOf(tensorOf(40, 70, values), spec);
      const Matrix turned = dequantizedOf(tensorOf(40, 70, reversed), spec);
      for (std::size_t r = 0; r < 40; ++r) {
        QVERIFY(
            std::equal(straight.row(r).begin(), straight.row(r).end(), turned.row(39 - r).begin()));
      }
    }
  }

  void codesDecodeToWhatQuantizeDequantizeGives() {
    const WeightTensor tensor = normalTensor(25, 70, 14);
    for (QuantSpec spec : someSpecs()) {
      for (const bool twice : {false, true}) {
        spec.doubleQuant = twice ? std::optional<DoubleQuant>(DoubleQuant{}) : std::nullopt;
        const auto codes = quantizedAt(tensor, spec, ClipRatios::whole(1), Executor(1));
        QVERIFY(codes);
        const Matrix y = *dequantized(tensor, coded(tensor, spec), codes->parameters, Executor(1));
        for (std::size_t r = 0; r < 25; ++r) {
          for (std::size_t c = 0; c < 70; ++c) QCOMPARE(decoded(*codes, r, c), y.row(r)[c]);
        }
      }
    }
  }

  void everyThreadCountGivesTheSameBits() {
    const WeightTensor tensor = normalTensor(700, 333, 15);
    for (QuantSpec spec : {specOf(4, 32, Scheme::Asym), specOf(3, -1, Scheme::Sym)}) {
      for (const auto kind : {ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows,
                              ClipPolicy::Kind::SearchGroups}) {
        spec.clip.kind = kind;
        const auto one = chooseClip(tensor, coded(tensor, spec), Executor(1));
        for (const int threads : {2, 3}) {
          const auto several = chooseClip(tensor, coded(tensor, spec), Executor(threads));
          QCOMPARE(several->curve.mse, one->curve.mse);
          QCOMPARE(several->ratios.values, one->ratios.values);
          QCOMPARE(several->ratioCounts, one->ratioCounts);
        }
      }
      QVERIFY(
          sameBits(dequantizedOf(tensor, spec, 1).values, dequantizedOf(tensor, spec, 3).values));
    }
  }

  void doubleQuantizationWithATailDequantizes() {  // the reference returns raw codes here
    const Matrix w = normalMatrix(6, 70, 16);
    DoubleQuantArguments dq;
    dq.double_quant = true;
    dq.double_quant_group_size = 8;
    const auto plain = quant_tensor(w.view(), 4, 32);
    const auto twice = quant_tensor(w.view(), 4, 32, "asym", 1.0, "int", false, false, dq);
    QVERIFY(plain);
    QVERIFY(twice);
    QCOMPARE(twice->scale.cols, std::size_t{3});
    QVERIFY(!sameBits(plain->scale.values, twice->scale.values));
    for (std::size_t i = 0; i < w.values.size(); ++i) {
      QVERIFY(std::fabs(twice->values.values[i] - w.values[i]) < 0.02f);
    }
  }

  void weightsThatAreNotFiniteAreRefusedByPosition() {
    Matrix w = normalMatrix(4, 8, 17);
    w.row(2)[5] = NAN;
    w.row(3)[0] = std::numeric_limits<float>::infinity();
    for (const auto& error :
         {quantize_4bit(w.view()).error(), qdq_weight_asym(w.view()).error(),
          qdq_weight_sym(w.view()).error(), qdq_weight_actor(w.view(), 4, "sym").error(),
          quant_tensor(w.view()).error(), search_clip(w.view()).error(),
          quant_weight_w_scale(w.view(), Matrix(4, 1, {1, 1, 1, 1}), std::nullopt).error()}) {
      QCOMPARE(error.code, ErrorCode::NotFinite);
      QVERIFY(error.message.find("1 NaN and 1 Inf") != std::string::npos);
      QVERIFY(error.message.find("row 2, column 5") != std::string::npos);
    }
  }

  void argumentsOutOfRangeAreRefused() {
    const Matrix w = normalMatrix(2, 8, 18);
    QVERIFY(!quant_tensor(w.view(), 4, 0));
    QVERIFY(!quant_tensor(w.view(), 4, -2));
    QVERIFY(!quant_tensor(w.view(), 9));
    QVERIFY(!quant_tensor(w.view(), 4, -1, "asymmetric"));
    QVERIFY(!quant_tensor(w.view(), 4, -1, "asym", 0.0));
    QVERIFY(!quant_tensor(w.view(), 4, -1, "asym", 1.01));
    QVERIFY(!quant_tensor(w.view(), 4, -1, "asym", NAN));
    QVERIFY(!quant_tensor(w.view(), 4, -1, "asym", 1.0, "int3"));
    QVERIFY(!qdq_weight_sym(w.view(), 1, 1.0, false, true));
    QVERIFY(!quantize_4bit(w.view(), 1.0, "int"));
    QVERIFY(!quant_weight_w_scale(w.view(), Matrix(2, 2, {1, 1, 1, 1}), std::nullopt));
  }

  void sixteenBitWeightsGiveWhatTheirFloatsGive_data() {
    QTest::addColumn<bool>("half");
    QTest::newRow("float16") << true;
    QTest::newRow("bfloat16") << false;
  }

  void sixteenBitWeightsGiveWhatTheirFloatsGive() {
    QFETCH(bool, half);
    constexpr std::size_t kRows = 5;
    constexpr std::size_t kCols = 70;  // with a tail
    std::vector<std::uint16_t> bits;
    std::vector<float> floats;
    for (const float value : normalMatrix(kRows, kCols, 22).values) {
      bits.push_back(half ? halfFromFloat(value) : bfloat16FromFloat(value));
      floats.push_back(half ? floatFromHalf(bits.back()) : floatFromBfloat16(bits.back()));
    }
    const WeightView stored = half ? WeightView::float16(bits.data(), kRows, kCols)
                                   : WeightView::bfloat16(bits.data(), kRows, kCols);
    const MatrixView converted{floats.data(), kRows, kCols};
    const Matrix scales(kRows, 3, std::vector<float>(kRows * 3, 0.01F));
    const Matrix oneScale(kRows, 1, std::vector<float>(kRows, 0.1F));

    const auto same = [](const auto& a, const auto& b) {
      return a && b && a->values.values.size() == kRows * kCols &&
             sameBits(a->values.values, b->values.values) &&
             sameBits(a->scale.values, b->scale.values);
    };
    QVERIFY(same(quantize_4bit(stored), quantize_4bit(converted)));
    for (const bool codes : {false, true}) {
      QVERIFY(same(quantize_4bit(stored, 1.0, "fp4", codes, &oneScale),
                   quantize_4bit(converted, 1.0, "fp4", codes, &oneScale)));
    }
    QVERIFY(same(qdq_weight_asym(stored, 3), qdq_weight_asym(converted, 3)));
    QVERIFY(same(qdq_weight_sym(stored, 4, 0.9), qdq_weight_sym(converted, 4, 0.9)));
    QVERIFY(same(qdq_weight_actor(stored, 4, "sym"), qdq_weight_actor(converted, 4, "sym")));
    QVERIFY(same(quant_tensor(stored, 4, 32), quant_tensor(converted, 4, 32)));
    QVERIFY(same(quant_tensor(stored, 0), quant_tensor(converted, 0)));
    QCOMPARE(search_clip(stored)->mse, search_clip(converted)->mse);
    const auto codes = quant_weight_w_scale(stored, scales, std::nullopt, 32);
    const auto expected = quant_weight_w_scale(converted, scales, std::nullopt, 32);
    QVERIFY(codes && expected && sameBits(codes->values, expected->values));
  }

  void noBitsReturnTheWeight() {
    const Matrix w = normalMatrix(3, 5, 19);
    for (const int bits : {0, -1}) {
      const auto same = quant_tensor(w.view(), bits);
      QVERIFY(same);
      QVERIFY(sameBits(same->values.values, w.values));
    }
  }

  void aGivenScaleReplacesTheComputedOne() {
    const Matrix w = normalMatrix(3, 16, 20);
    const auto own = quantize_4bit(w.view(), 1.0, "nf4");
    QVERIFY(own);
    const auto same = quantize_4bit(w.view(), 0.5, "nf4", false, &own->scale);
    QVERIFY(sameBits(same->values.values, own->values.values));
    Matrix doubled = own->scale;
    for (float& scale : doubled.values) scale *= 2;
    const auto coarse = quantize_4bit(w.view(), 1.0, "nf4", true, &doubled);
    QVERIFY(
        !sameBits(coarse->values.values, quantize_4bit(w.view(), 1.0, "nf4", true)->values.values));
  }

  void scalesThatOverflowAreRefusedByGroup() {
    const Matrix w(1, 4, {3e38f, -3e38f, 1, 2});
    const auto result = quant_tensor(w.view());
    QVERIFY(!result);
    QCOMPARE(result.error().code, ErrorCode::DoesNotFit);
    QVERIFY(result.error().message.find("row 0, group 0") != std::string::npos);
  }

  void cancellingASearchSaysSo() {
    TaskControl control;
    control.cancel.cancel();
    QuantSpec spec;
    spec.clip.kind = ClipPolicy::Kind::SearchTensor;
    const auto choice = chooseClip(normalTensor(100, 100, 21),
                                   coded(normalTensor(100, 100, 21), spec), Executor(2), control);
    QVERIFY(!choice);
    QCOMPARE(choice.error().code, ErrorCode::Cancelled);
  }
};

QTEST_GUILESS_MAIN(PropertiesTest)
#include "properties_test.moc"
