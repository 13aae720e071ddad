#include "core/metrics/code_use.h"

#include <bit>
#include <cmath>
#include <limits>

#include <QtTest>

#include "core/kernels/half_arithmetic.h"
#include "core/quant/quant_spec.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

std::vector<QuantSpec> specs() {
  std::vector<QuantSpec> all;
  for (const int bits : {1, 2, 3, 4, 8}) {
    for (const Scheme scheme : {Scheme::Asym, Scheme::Sym}) {
      QuantSpec spec;
      spec.bits = bits;
      spec.scheme = scheme;
      all.push_back(spec);
    }
  }
  for (const Dtype dtype : {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1}) {
    QuantSpec spec;
    spec.dtype = dtype;
    all.push_back(spec);
  }
  return all;
}

/// Every half of a whole number and its neighbours, over and beyond the range of 8 bits.
std::vector<float> valuesAroundTies() {
  std::vector<float> values = {0.0f, -0.0f, 1e-45f, -1e-45f, 1e30f, -1e30f};
  for (int half = -1100; half <= 1100; ++half) {
    const float tie = static_cast<float>(half) / 2;
    for (const float to : {-1e9f, 1e9f}) values.push_back(std::nextafter(tie, to));
    values.push_back(tie);
  }
  return values;
}

}  // namespace

class CodeUseTest : public QObject {
  Q_OBJECT

 private slots:
  void anIntegerIsClippedWhereItsCodeIsOutOfRange() {
    for (const QuantSpec& spec : specs()) {
      if (spec.isFloat()) continue;
      const Codec codec = codecOf(spec);
      const float lastZero = codec.hasZeroPoint() ? codec.maxCode : 0;
      for (float zero = 0; zero <= lastZero; ++zero) {
        const ClipLimits limits = ClipLimits::of(codec, zero);
        for (const float t : valuesAroundTies()) {
          const float code = std::nearbyintf(t) + zero;
          QCOMPARE(limits.clipped(t), code < codec.minCode || code > codec.maxCode);
        }
      }
    }
  }

  void inSixteenBitsTheRoundedWeightCounts() {
    for (const Arithmetic arithmetic : {Arithmetic::Float16, Arithmetic::BFloat16}) {
      for (const QuantSpec& spec : specs()) {
        if (spec.isFloat()) continue;
        const Codec codec = withArithmetic(codecOf(spec), arithmetic);
        const float lastZero = codec.hasZeroPoint() ? codec.maxCode : 0;
        for (float zero = 0; zero <= lastZero; ++zero) {
          const ClipLimits limits = ClipLimits::of(codec, zero);
          for (const float t : valuesAroundTies()) {
            const float code = std::nearbyintf(kernels::roundedTo(arithmetic, t)) + zero;
            QCOMPARE(limits.clipped(t), code < codec.minCode || code > codec.maxCode);
          }
        }
      }
    }
  }

  void aCodebookClipsBeyondItsEnds() {
    for (const QuantSpec& spec : specs()) {
      if (!spec.isFloat()) continue;
      const Codec codec = codecOf(spec);
      const float last = codec.codebook->levels.back();
      const ClipLimits limits = ClipLimits::of(codec, 0);
      QVERIFY(!limits.clipped(last) && !limits.clipped(-last));
      QVERIFY(!limits.clipped(std::nextafter(last, 1e9f)));
      QVERIFY(!limits.clipped(std::nanf("")));
      QVERIFY(limits.clipped(last * 1.000001f) && limits.clipped(-last * 1.000001f));
    }
  }

  void thePartsAreThoseOfTheElements() {
    const auto w = normalValues(40 * 70, 3, 1.0f);
    const auto e = normalValues(40 * 70, 4, 0.1f);
    const kernels::BlockShape shape{40, 70, 32};
    std::vector<float> zero(40 * 3);
    std::vector<float> scale(40 * 3);
    for (std::size_t g = 0; g < scale.size(); ++g) {
      scale[g] = 0.05f + 0.002f * static_cast<float>(g);
      zero[g] = static_cast<float>(g % 16);
    }
    for (const QuantSpec& spec : specs()) {
      const Codec codec = codecOf(spec);
      double clipping = 0, rounding = 0, total = 0;
      std::uint64_t clipped = 0;
      for (std::size_t r = 0; r < 40; ++r) {
        for (std::size_t c = 0; c < 70; ++c) {
          const std::size_t i = r * 70 + c;
          const float t = w[i] / scale[r * 3 + c / 32];
          const float code = std::nearbyintf(t) + (codec.hasZeroPoint() ? zero[r * 3 + c / 32] : 0);
          const bool isClipped = spec.isFloat()
                                     ? std::fabs(t) > codec.codebook->levels.back() * (1 + 2e-7)
                                     : code < codec.minCode || code > codec.maxCode;
          (isClipped ? clipping : rounding) += double{e[i]} * e[i];
          total += double{e[i]} * e[i];
          clipped += isClipped;
        }
      }
      const ErrorSplit split =
          splitErrors(codec, shape, w.data(), e.data(), scale.data(), zero.data());
      QCOMPARE(split.weights, std::uint64_t{40 * 70});
      QCOMPARE(split.clipped, clipped);
      QVERIFY(std::fabs(split.clipping - clipping) <= 1e-13 * total);
      QVERIFY(std::fabs(split.rounding - rounding) <= 1e-13 * total);
      QVERIFY(std::fabs(split.clipping + split.rounding - total) <= std::ldexp(total, -35));
      QCOMPARE(split.clippedShare(), static_cast<double>(clipped) / (40 * 70));
    }
  }

  void withoutClippingRoundingIsTheTotalBitForBit() {
    const auto w = normalValues(13 * 37, 5);
    const auto e = normalValues(13 * 37, 6, 0.001f);
    const kernels::BlockShape shape{13, 37, 37};
    const std::vector<float> zeros(13 * 37);
    const std::vector<float> scale(13, 1.0f);
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    const ErrorSplit split =
        splitErrors(codecOf(spec), shape, w.data(), e.data(), scale.data(), nullptr);
    QCOMPARE(split.clipped, std::uint64_t{0});
    kernels::ErrorLanes::Lanes lanes{};
    kernels::scalarKernels().addSquaredErrors(shape, e.data(), zeros.data(), lanes);
    QCOMPARE(std::bit_cast<std::uint64_t>(split.rounding),
             std::bit_cast<std::uint64_t>(kernels::ErrorLanes::total(lanes)));
  }

  void everyCodeIsListedOnceAndInOrder() {
    for (const QuantSpec& spec : specs()) {
      const Codec codec = codecOf(spec);
      CodeCounter counter(codec);
      std::vector<std::int32_t> codes;
      if (spec.isFloat()) {
        codes.assign(codec.codebook->codes.begin(), codec.codebook->codes.end());
      } else {
        for (int c = static_cast<int>(codec.minCode); c <= static_cast<int>(codec.maxCode); ++c) {
          codes.push_back(c);
        }
      }
      counter.add(codes);
      const CodeUse use = counter.use(spec.bits);
      QCOMPARE(use.codes.size(), codes.size());
      for (std::size_t i = 0; i < codes.size(); ++i) {
        QCOMPARE(use.codes[i].code, codes[i]);
        QCOMPARE(use.codes[i].count, std::uint64_t{1});
        if (i > 0) QVERIFY(use.codes[i].level > use.codes[i - 1].level);
      }
      QCOMPARE(use.unused, std::uint64_t{0});
      QVERIFY(std::fabs(use.entropyBits - std::log2(codes.size())) < 1e-12);
      QVERIFY(use.entropyBits <= use.bits + 1e-12);
    }
  }

  void entropyIsThatOfTheCounts() {
    QuantSpec spec;
    spec.bits = 2;
    CodeCounter one(codecOf(spec));
    CodeCounter other(codecOf(spec));
    one.add(std::vector<std::int32_t>{0, 1});
    other.add(std::vector<std::int32_t>{0, 3});
    one.merge(other);
    const CodeUse use = one.use(2);
    QCOMPARE(use.codes[0].count, std::uint64_t{2});
    QCOMPARE(use.unused, std::uint64_t{1});
    QCOMPARE(use.entropyBits, 1.5);
    QCOMPARE(CodeCounter(codecOf(spec)).use(2).entropyBits, 0.0);
  }
};

QTEST_GUILESS_MAIN(CodeUseTest)
#include "code_use_test.moc"
