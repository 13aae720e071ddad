// The number formats beyond the published functions': their levels, rounding, scales and storage,
// against definitions written down here a second time.
#include <cmath>
#include <limits>

#include <QtTest>

#include "core/base/half.h"
#include "core/kernels/kernels.h"
#include "core/kernels/scale_formats.h"
#include "core/quant/clip_search.h"
#include "core/quant/error_histogram.h"
#include "core/quant/storage_cost.h"
#include "core/quant/weight_only.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

const std::vector<double> kE2m1 = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
constexpr double kInf = std::numeric_limits<double>::infinity();

/// e4m3fn by its definition as an integer times a power of two.
double e4m3Value(int pattern) {
  const int exponent = pattern / 8;
  const int digits = exponent == 0 ? pattern % 8 : 8 + pattern % 8;
  return digits * std::pow(2.0, std::max(exponent, 1) - 10);
}

/// e5m2 is the upper byte of a binary16 number.
double e5m2Value(int pattern) {
  return floatFromHalf(static_cast<std::uint16_t>(pattern << 8));
}

/// The pattern that round to nearest, ties to even, saturating, must give; the sign is not used
/// for a zero.
int nearestPattern(double t, const std::vector<double>& magnitudes, int signBit) {
  int best = 0;
  for (int i = 1; i < static_cast<int>(magnitudes.size()); ++i) {
    const double closest = std::fabs(std::fabs(t) - magnitudes[static_cast<std::size_t>(best)]);
    const double distance = std::fabs(std::fabs(t) - magnitudes[static_cast<std::size_t>(i)]);
    if (distance < closest || (distance == closest && i % 2 == 0)) best = i;
  }
  return t < 0 && best != 0 ? best | signBit : best;
}

std::vector<double> magnitudesOf(Dtype dtype) {
  if (dtype == Dtype::Fp8E4m3fn || dtype == Dtype::Fp8E5m2) {
    std::vector<double> values;
    for (int pattern = 0; pattern < 128; ++pattern) {
      const double value = dtype == Dtype::Fp8E5m2 ? e5m2Value(pattern) : e4m3Value(pattern);
      const bool finite = dtype == Dtype::Fp8E5m2 ? std::isfinite(value) : pattern != 0x7f;
      if (finite) values.push_back(value);
    }
    return values;
  }
  return kE2m1;
}

QuantSpec specOf(Dtype dtype) {
  return QuantSpec{}.withDtype(dtype);
}

NamedCodebook someCodebook(std::size_t levels) {
  std::vector<double> values;
  for (std::size_t i = 0; i < levels; ++i) {
    values.push_back(-1.5 + 3.1 * static_cast<double>(i) / static_cast<double>(levels));
  }
  return *makeNamedCodebook("steps", values);
}

std::vector<QuantSpec> newFormats() {
  std::vector<QuantSpec> specs;
  for (const Dtype dtype : {Dtype::Fp4E2m1Ocp, Dtype::Mxfp4, Dtype::Nvfp4, Dtype::Fp8E4m3fn,
                            Dtype::Fp8E5m2, Dtype::Iq4Nl, Dtype::Mxfp8}) {
    specs.push_back(specOf(dtype));
  }
  QuantSpec half;
  half.scheme = Scheme::Sym;
  half.halfRange = true;
  specs.push_back(half);
  for (const std::size_t levels : {2, 5, 16, 17, 256}) {
    specs.push_back(QuantSpec{}.withDtype(Dtype::Codebook, someCodebook(levels)));
  }
  return specs;
}

int codeAt(const QuantizedTensor& tensor, std::size_t i) {
  return std::visit([i](const auto& codes) { return static_cast<int>(codes[i]); }, tensor.codes);
}

/// One row's codes and parameters at clip ratio 1.
QuantizedTensor rowOf(const QuantSpec& spec, std::vector<float> weights, double ratio = 1) {
  const std::size_t cols = weights.size();
  return *quantizedAt(tensorOf(1, cols, std::move(weights)), spec, ClipRatios::whole(ratio),
                      Executor(1));
}

const std::vector<double> kIq4Nl = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};

/// IQ4_NL written down from its definition: a group's scale, and the code of a weight.
float iq4NlScale(std::span<const float> group, double ratio) {
  float farthest = 0;
  for (const float w : group) {
    if (std::fabs(w) > std::fabs(farthest)) farthest = w;
  }
  return floatFromHalf(halfFromFloat(farthest * static_cast<float>(ratio) / -127));
}

int iq4NlCode(float w, float scale) {
  if (w == 0 && scale == 0) return 8;
  const double t = w / scale;
  int best = 0;
  for (int i = 1; i < 16; ++i) {
    const auto distance = [t](int code) {
      return std::fabs(t - kIq4Nl[static_cast<std::size_t>(code)]);
    };
    if (std::isinf(t) ? t > 0 : distance(i) <= distance(best)) best = i;
  }
  return best;
}

/// What IQ4_NL must make of a matrix at one clip ratio.
struct Iq4Nl {
  std::vector<float> scales;
  std::vector<int> codes;
  std::vector<float> values;
  double mse = 0;

  Iq4Nl(const std::vector<float>& w, std::size_t cols, double ratio) : codes(w.size()) {
    for (std::size_t row = 0; row < w.size(); row += cols) {
      for (std::size_t begin = 0; begin < cols; begin += 32) {
        const std::size_t length = std::min<std::size_t>(32, cols - begin);
        const float scale = iq4NlScale(std::span(w).subspan(row + begin, length), ratio);
        scales.push_back(scale);
        for (std::size_t i = row + begin; i < row + begin + length; ++i) {
          codes[i] = iq4NlCode(w[i], scale);
          values.push_back(static_cast<float>(kIq4Nl[static_cast<std::size_t>(codes[i])]) * scale);
          const double e = w[i] - values.back();  // the error is a float32 number
          mse += e * e / static_cast<double>(w.size());
        }
      }
    }
  }
};

/// Normal weights with groups of zeros, of weights too small for a float16 scale, and of equal
/// magnitudes of either sign first.
std::vector<float> iq4NlWeights(std::size_t rows, std::size_t cols, std::uint32_t seed) {
  std::vector<float> w = normalValues(rows * cols, seed);
  for (std::size_t row = 0; row < rows; ++row) {
    float* group = w.data() + row * cols;
    if (row % 6 == 1) std::fill(group, group + 32, 0.0f);
    if (row % 6 == 2) std::for_each(group, group + 32, [](float& x) { x *= 1e-9f; });
    if (row % 6 == 3) group[5] = -(group[9] = 7.5f);
    if (row % 6 == 4) group[9] = -(group[5] = 7.5f);
    if (row % 6 == 5) {  // scale -0.125: multiples of it are levels and middles of levels
      for (int i = 0; i < 32; ++i) group[i] = 0.0625f * static_cast<float>(i * 13 % 251 - 125);
      group[31] = 127 * 0.125f;
    }
  }
  return w;
}

bool refuses(const Status& status, const char* field, const char* value) {
  return !status && status.error().message.find(field) != std::string::npos &&
         status.error().message.find(value) != std::string::npos &&
         status.error().message.find("allowed") != std::string::npos;
}

}  // namespace

class CodecsTest : public QObject {
  Q_OBJECT

 private slots:
  void levelsAreThePublishedOnes() {
    for (const Dtype dtype : {Dtype::Fp4E2m1Ocp, Dtype::Fp8E4m3fn, Dtype::Fp8E5m2}) {
      const Codebook& book = *codecOf(specOf(dtype)).codebook;
      const auto magnitudes = magnitudesOf(dtype);
      QCOMPARE(book.levels.size(), 2 * magnitudes.size() - 1);
      const int signBit = dtype == Dtype::Fp4E2m1Ocp ? 8 : 128;
      for (std::size_t i = 0; i < book.levels.size(); ++i) {
        const int pattern = book.codes[i];
        const double magnitude = magnitudes[static_cast<std::size_t>(pattern & (signBit - 1))];
        QCOMPARE(double(book.levels[i]), (pattern & signBit) != 0 ? -magnitude : magnitude);
        if (i > 0) QVERIFY(book.levels[i - 1] < book.levels[i]);
      }
    }
    QCOMPARE(codebookOf(Dtype::Fp8E4m3fn).levels.back(), 448.0f);
    QCOMPARE(codebookOf(Dtype::Fp8E4m3fn).codes.back(), 0x7e);
    QCOMPARE(codebookOf(Dtype::Fp8E5m2).levels.back(), 57344.0f);
    QCOMPARE(codebookOf(Dtype::Fp8E5m2).codes.front(), 0xfb);
  }

  void roundingIsToNearestTiesToEvenAndSaturates() {
    for (const Dtype dtype : {Dtype::Fp4E2m1Ocp, Dtype::Fp8E4m3fn, Dtype::Fp8E5m2}) {
      const Codebook& book = *codecOf(specOf(dtype)).codebook;
      const auto magnitudes = magnitudesOf(dtype);
      const int signBit = dtype == Dtype::Fp4E2m1Ocp ? 8 : 128;
      std::vector<float> points = {0.0f, -0.0f, 1e9f, -1e9f, 1e-30f};
      for (std::size_t i = 0; i + 1 < magnitudes.size(); ++i) {
        const auto tie = static_cast<float>((magnitudes[i] + magnitudes[i + 1]) / 2);
        for (const float t : {tie, std::nextafter(tie, 0.0f), std::nextafter(tie, 1e9f),
                              static_cast<float>(magnitudes[i])}) {
          points.push_back(t);
          points.push_back(-t);
        }
      }
      for (const float t : points) {
        QCOMPARE(book.codes[kernels::codebookIndex(book, t)],
                 nearestPattern(t, magnitudes, signBit));
      }
    }
  }

  void scalesAreAmaxOverTheLargestLevel() {
    const std::vector<float> w = {0.1f, -0.93f, 0.4f, 0.02f};
    QCOMPARE(rowOf(specOf(Dtype::Fp4E2m1Ocp), w).parameters.scale[0], 0.93f / 6);
    QCOMPARE(rowOf(specOf(Dtype::Fp8E4m3fn), w).parameters.scale[0], 0.93f / 448);
    QCOMPARE(rowOf(specOf(Dtype::Fp8E5m2), w, 0.9).parameters.scale[0], 0.93f * 0.9f / 57344);
    // The largest magnitude of the levels counts, whatever its sign.
    const auto book = *makeNamedCodebook("low", {-4, -1, 0.5, 2});
    QCOMPARE(rowOf(QuantSpec{}.withDtype(Dtype::Codebook, book), w).parameters.scale[0], 0.93f / 4);
  }

  void mxfp4ScalesArePowersOfTwoAsTheSpecificationSays() {
    // amax, and floor(log2 amax) - 2 by hand.
    const std::vector<std::pair<float, int>> cases = {
        {1.0f, -2},     {6.0f, 0},    {7.9f, 0},          {8.0f, 1},      {0.9999f, -3},
        {3e-39f, -127}, {0.0f, -127}, {3.4e38f, 127 - 2}, {1e-45f, -127}, {4.0f, 0}};
    for (const auto& [amax, exponent] : cases) {
      const auto row = rowOf(specOf(Dtype::Mxfp4), {0, -amax, amax / 3});
      QCOMPARE(row.parameters.scale[0], std::ldexp(1.0f, exponent));
    }
    // 7 lies above 6 times the scale of 1 and saturates; 2.5 and 5 are ties and go to the even
    // ones.
    const auto row = rowOf(specOf(Dtype::Mxfp4), {7, -7, 2.5f, -5, 3.5f, 0.25f, 0.75f, -0.1f});
    const std::vector<int> patterns = {7, 15, 4, 14, 6, 0, 2, 0};
    for (std::size_t i = 0; i < patterns.size(); ++i) QCOMPARE(codeAt(row, i), patterns[i]);
  }

  void mxfp8ScalesArePowersOfTwoForLevelsUpTo448() {
    // amax, and floor(log2 amax) - 8 by hand.
    const std::vector<std::pair<float, int>> cases = {
        {1.0f, -8},     {448.0f, 0},  {511.0f, 0},        {512.0f, 1},    {255.0f, -1},
        {3e-39f, -127}, {0.0f, -127}, {3.4e38f, 127 - 8}, {1e-45f, -127}, {256.0f, 0}};
    for (const auto& [amax, exponent] : cases) {
      const auto row = rowOf(specOf(Dtype::Mxfp8), {0, -amax, amax / 3});
      QCOMPARE(row.parameters.scale[0], std::ldexp(1.0f, exponent));
    }
    // 500 lies above 448 times the scale of 1 and saturates; 17 and 19 are ties between numbers
    // that differ by 2, and go to the even patterns of 16 and 20; -2^-11 rounds to 0 without a
    // sign.
    const auto row = rowOf(specOf(Dtype::Mxfp8), {500, -500, 17, -19, 256, 0x1p-9f, -0x1p-11f, 1});
    const std::vector<int> patterns = {0x7e, 0xfe, 0x58, 0xda, 0x78, 1, 0, 0x38};
    for (std::size_t i = 0; i < patterns.size(); ++i) QCOMPARE(codeAt(row, i), patterns[i]);
  }

  void tensorsCanShareTheScaleOfNvfp4() {
    // With the scale of the larger one, as if both were one tensor.
    const std::vector<float> small = normalValues(64, 5, 0.01f);
    const std::vector<float> large = normalValues(64, 6, 0.05f);
    std::vector<float> both = small;
    both.insert(both.end(), large.begin(), large.end());
    const Coding wanted = coded(tensorOf(2, 64, both), specOf(Dtype::Nvfp4));
    const Coding own = coded(tensorOf(1, 64, small), specOf(Dtype::Nvfp4));
    QVERIFY(own.codec.tensorScale < wanted.codec.tensorScale);
    const Coding shared = own.withTensorScale(wanted.codec.tensorScale);
    QCOMPARE(shared.codec.tensorScale, wanted.codec.tensorScale);
    const auto whole =
        *groupParametersOf(tensorOf(2, 64, both), wanted, ClipRatios::whole(1.0), Executor(1));
    const auto part =
        *groupParametersOf(tensorOf(1, 64, small), shared, ClipRatios::whole(1.0), Executor(1));
    QCOMPARE(part.tensorScale, whole.tensorScale);
    QVERIFY(std::equal(part.scale.begin(), part.scale.end(), whole.scale.begin()));
    // Formats without such a scale are as they were.
    const Coding mxfp4 = coded(tensorOf(1, 64, small), specOf(Dtype::Mxfp4));
    QCOMPARE(mxfp4.withTensorScale(3).codec.tensorScale, 1.0f);
  }

  void nvfp4HasBlockScalesUnderATensorScale() {
    // amax of the tensor is 2688 = 6 * 448, so the tensor scale is 1 and block scales show plainly.
    std::vector<float> w(64, 0.0f);
    w[0] = 2688;
    w[16] = -3;         // 3 / 6 = 0.5
    w[17] = 1.25f;      // 1.25 / 0.5 = 2.5: a tie, to 2
    w[32] = 6 * 17.0f;  // 17 lies between 16 and 18: a tie, to 16
    w[33] = 1e-6f;
    const auto row = rowOf(specOf(Dtype::Nvfp4), w);
    QCOMPARE(row.parameters.tensorScale, 1.0f);
    QCOMPARE(row.parameters.scale, (std::vector<float>{448, 0.5f, 16, 1}));
    QCOMPARE(codeAt(row, 0), 7);
    QCOMPARE(codeAt(row, 16), 15);
    QCOMPARE(codeAt(row, 17), 4);

    // The tensor scale spans all rows and is no affair of the clip ratio; tiny blocks keep 2^-9.
    std::vector<float> two(32, 1e-9f);
    two[31] = 1.0f;
    const auto parameters =
        groupParametersOf(tensorOf(2, 16, two), coded(tensorOf(2, 16, two), specOf(Dtype::Nvfp4)),
                          ClipRatios::whole(0.5), Executor(1));
    QVERIFY(parameters);
    QCOMPARE(parameters->tensorScale, 1.0f / 2688);
    QCOMPARE(parameters->scale[0], std::ldexp(1.0f, -9) * (1.0f / 2688));
    QCOMPARE(parameters->scale[1], 224 * (1.0f / 2688));

    const auto zero = rowOf(specOf(Dtype::Nvfp4), std::vector<float>(16, 0.0f));
    QCOMPARE(zero.parameters.scale[0], 0.0f);
    QCOMPARE(codeAt(zero, 3), 0);
  }

  void e4m3ScalesRoundLikeE4m3Weights() {
    const Codebook& book = codebookOf(Dtype::Fp8E4m3fn);
    for (int i = 0; i < 20000; ++i) {
      const auto value = static_cast<float>(std::pow(2.0, -9 + 18.5 * i / 20000));
      QCOMPARE(kernels::e4m3Rounded(value), book.levels[kernels::codebookIndex(book, value)]);
    }
    for (std::size_t i = 127; i + 1 < book.levels.size(); ++i) {
      const float tie = (book.levels[i] + book.levels[i + 1]) / 2;
      QCOMPARE(kernels::e4m3Rounded(tie), book.levels[kernels::codebookIndex(book, tie)]);
    }
    QCOMPARE(kernels::e4m3Rounded(0), std::ldexp(1.0f, -9));
  }

  void aSignedHalfScaleMeetsTheFirstFarthestWeight() {
    const Codebook book = makeCodebook({-8, -3, 1, 4}, {0, 1, 2, 3}, Ties::Up);
    Codec codec;
    codec.kind = CodecKind::Codebook;
    codec.codebook = &book;
    codec.scaleFormat = ScaleFormat::SignedHalf;
    codec.extended = true;
    struct Case {
      std::vector<float> weights;
      double ratio;
      float scale;
    };
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<Case> cases = {{{1, -2, 2}, 1, 0.25f},
                                     {{1, 2, -2}, 1, -0.25f},
                                     {{1, 2, -1.5f}, 0.5, -0.125f},
                                     {{1 + 1 / 2048.0f}, 1, -0.125f},  // a tie, to the even half
                                     {{1 + 3 / 2048.0f}, 1, -0.125f * (1 + 2 / 1024.0f)},
                                     {{0.0f, -0.0f}, 1, 0},
                                     {{1e-9f}, 1, 0},
                                     {{-std::ldexp(1.0f, -21)}, 1, std::ldexp(1.0f, -24)},
                                     {{65504 * 8.0f}, 1, -65504},
                                     {{65520 * 8.0f}, 1, -kInfinity},
                                     {{65520 * 8.0f}, 0.5, -32768}};
    for (const kernels::KernelTable* table : kernels::availableKernels()) {
      for (const Case& c : cases) {
        float scale = 7;
        table->groupParameters(codec, {1, c.weights.size(), c.weights.size()}, c.weights.data(),
                               &c.ratio, 0, &scale, nullptr);
        QCOMPARE(scale, c.scale);
        QCOMPARE(std::signbit(scale), c.scale < 0);
      }
      // Codes 0 to 3; with a negative scale the levels are turned around.
      const std::vector<float> w = {1, 2, -0.25f, -1, 0.25f, -0.625f, 0.5f};
      const float scale = -0.25f;
      std::vector<std::int32_t> codes(w.size());
      table->encode(codec, {1, w.size(), w.size()}, w.data(), &scale, nullptr, codes.data());
      // 0.25 is t = -1, the middle of -3 and 1: up; -0.625 that of 1 and 4, too.
      QCOMPARE(codes, (std::vector<std::int32_t>{1, 0, 2, 3, 2, 3, 1}));
      std::vector<float> y(w.size());
      table->quantizeDequantize(codec, {1, w.size(), w.size()}, w.data(), &scale, nullptr, &scale,
                                y.data());
      for (std::size_t i = 0; i < w.size(); ++i) {
        QCOMPARE(y[i], book.levels[static_cast<std::size_t>(codes[i])] * scale);
      }
    }
  }

  void iq4NlIsWhatItsDefinitionSays() {
    constexpr std::size_t kRows = 24;
    constexpr std::size_t kCols = 70;
    const std::vector<float> w = iq4NlWeights(kRows, kCols, 51);
    const WeightTensor tensor = tensorOf(kRows, kCols, w);
    const QuantSpec spec = specOf(Dtype::Iq4Nl);
    const QByteArray active = kernels::activeKernels().name;
    for (const kernels::KernelTable* table : kernels::availableKernels()) {
      QVERIFY(kernels::useKernels(table->name));
      for (const double ratio : {1.0, 0.87}) {
        const Iq4Nl wanted(w, kCols, ratio);
        for (const int threads : {1, 3}) {
          const Executor executor(threads);
          const auto stored = quantizedAt(tensor, spec, ClipRatios::whole(ratio), executor);
          QVERIFY(stored);
          QCOMPARE(stored->parameters.scale, wanted.scales);
          for (std::size_t i = 0; i < w.size(); ++i) QCOMPARE(codeAt(*stored, i), wanted.codes[i]);
          QCOMPARE(dequantized(tensor, coded(tensor, spec), stored->parameters, executor)->values,
                   wanted.values);
          const auto measured =
              measureQuantization(tensor, coded(tensor, spec), ClipRatios::whole(ratio), executor);
          const double mse = ErrorMetrics::from(measured->sums).mse;
          const auto counted = countQuantizationErrors(tensor, coded(tensor, spec),
                                                       ClipRatios::whole(ratio), 64, executor);
          QCOMPARE(counted->parameters.kept()->scale, wanted.scales);
          QVERIFY(std::fabs(mse - wanted.mse) <= 1e-12 * wanted.mse);
        }
      }
    }
    QVERIFY(kernels::useKernels(active.constData()));
  }

  void iq4NlSearchesScaleTheFarthestWeight() {
    constexpr std::size_t kRows = 12;
    constexpr std::size_t kCols = 70;
    const std::vector<float> w = iq4NlWeights(kRows, kCols, 52);
    const WeightTensor tensor = tensorOf(kRows, kCols, w);
    QuantSpec spec = specOf(Dtype::Iq4Nl);
    const std::vector<double> ratios = spec.grid.ratios();
    std::vector<double> mse;
    for (const double ratio : ratios) mse.push_back(Iq4Nl(w, kCols, ratio).mse);
    const double best = *std::min_element(mse.begin(), mse.end());
    using enum ClipPolicy::Kind;
    for (const ClipPolicy::Kind kind : {SearchTensor, SearchRows, SearchGroups}) {
      spec.clip.kind = kind;
      for (const int threads : {1, 3}) {
        const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(threads));
        QVERIFY(choice);
        for (std::size_t i = 0; i < ratios.size(); ++i) {
          QVERIFY(std::fabs(choice->curve.mse[i] - mse[i]) <= 1e-12 * mse[i]);
        }
        const auto found =
            measureQuantization(tensor, coded(tensor, spec), choice->ratios, Executor(threads));
        QVERIFY(ErrorMetrics::from(found->sums).mse <= best * (1 + 1e-12));
      }
    }
  }

  void iq4NlRefusesScalesBeyondFloat16() {
    std::vector<float> w(64, 0.5f);
    w[40] = 65520 * 127.0f;
    const QuantSpec spec = specOf(Dtype::Iq4Nl);
    const auto refused = [](const auto& result) {
      return !result && result.error().code == ErrorCode::DoesNotFit &&
             result.error().message.find("row 0, group 1 is -inf with iq4_nl g32") !=
                 std::string::npos &&
             result.error().message.ends_with("ordinary float16 numbers");
    };
    const WeightTensor tensor = tensorOf(1, 64, w);
    QVERIFY(refused(quantizedAt(tensor, spec, ClipRatios::whole(1), Executor(1))));
    QVERIFY(refused(
        measureQuantization(tensor, coded(tensor, spec), ClipRatios::whole(1), Executor(1))));
    w[40] *= 2;  // too large at every ratio of the grid
    QVERIFY(refused(clipCurveOf(tensorOf(1, 64, w), coded(tensorOf(1, 64, w), spec), Executor(1))));
    w[40] = 65504 * 127.0f;
    QVERIFY(quantizedAt(tensorOf(1, 64, w), spec, ClipRatios::whole(1), Executor(1)));
  }

  void halfRangeSpansTheLargestMagnitudeWithHalfTheSteps() {
    QuantSpec spec;
    spec.scheme = Scheme::Sym;
    spec.halfRange = true;
    const std::vector<float> w = {1.5f, -1.5f, 0.1f, -0.29f};
    const auto row = rowOf(spec, w);
    QCOMPARE(row.parameters.scale[0], 1.5f / 7.5f);
    QCOMPARE(codeAt(row, 0), 7);  // 7.5 rounds to 8, which is not there
    QCOMPARE(codeAt(row, 1), -8);
    spec.bits = 2;
    QCOMPARE(rowOf(spec, w, 0.9).parameters.scale[0], 1.5f * 0.9f / 1.5f);
    QVERIFY(std::holds_alternative<std::vector<std::int8_t>>(row.codes));
  }

  void codesDecodeToTheDequantizedValues() {
    const WeightTensor tensor = normalTensor(9, 70, 41);
    for (const QuantSpec& spec : newFormats()) {
      const auto stored = quantizedAt(tensor, spec, ClipRatios::whole(0.95), Executor(2));
      QVERIFY2(stored, describe(spec).c_str());
      const Matrix y = *dequantized(tensor, coded(tensor, spec), stored->parameters, Executor(1));
      const Codec codec = codecOf(spec);
      const GroupLayout& layout = stored->parameters.layout;
      for (std::size_t i = 0; i < tensor.elements(); ++i) {
        const float scale =
            stored->parameters.scale[i / 70 * layout.groupsPerRow() + i % 70 / layout.groupSize];
        const int code = codeAt(*stored, i);
        float level = static_cast<float>(code);
        if (codec.codebook != nullptr) {
          const auto& codes = codec.codebook->codes;
          const auto at = std::find(codes.begin(), codes.end(), code) - codes.begin();
          QVERIFY(at < std::ssize(codes));
          level = codec.codebook->levels[static_cast<std::size_t>(at)];
        }
        QCOMPARE(y.values[i], level * scale);
      }
      const bool many = codec.codebook != nullptr && codec.codebook->levels.size() > 16;
      QCOMPARE(std::holds_alternative<std::vector<std::uint8_t>>(stored->codes), many);
    }
  }

  void everyWeightGetsANearestLevel() {
    const WeightTensor tensor = normalTensor(6, 64, 42);
    std::vector<float> scratch;
    const auto w = tensor.block(0, 6, scratch).all();
    for (const QuantSpec& spec : newFormats()) {
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), ClipRatios::whole(1), Executor(1));
      const Matrix y = *dequantized(tensor, coded(tensor, spec), *parameters, Executor(1));
      const Codec codec = codecOf(spec);
      if (codec.codebook == nullptr) continue;
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double scale = parameters->scale[i / parameters->layout.groupSize];
        double nearest = kInf;
        for (const float level : codec.codebook->levels) {
          nearest = std::min(nearest, std::fabs(w[i] - level * scale));
        }
        QVERIFY(std::fabs(w[i] - y.values[i]) <= nearest * (1 + 1e-5) + 1e-6 * std::fabs(w[i]));
      }
    }
  }

  void aGroupOfZerosDecodesToZeros() {
    std::vector<QuantSpec> specs = newFormats();
    specs.push_back(
        QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("no zero", {-2, -1, 1, 3})));
    for (const QuantSpec& spec : specs) {
      const WeightTensor zeros = tensorOf(2, 32, std::vector<float>(64));
      const auto stored = quantizedAt(zeros, spec, ClipRatios::whole(1), Executor(1));
      QVERIFY2(stored, describe(spec).c_str());
      const Matrix y = *dequantized(zeros, coded(zeros, spec), stored->parameters, Executor(1));
      for (const float value : y.values) QVERIFY(value == 0);
    }
    QCOMPARE(codeAt(rowOf(specs.back(), {0, 0}), 0), 1);  // -1, the lower of the two nearest to 0
  }

  void searchesWorkForEveryFormat() {
    const WeightTensor tensor = normalTensor(8, 96, 43);
    for (QuantSpec spec : newFormats()) {
      spec.clip.kind = ClipPolicy::Kind::SearchGroups;
      const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(2));
      QVERIFY(choice);
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
      const auto sums = errorSumsOf(tensor, coded(tensor, spec), *parameters, Executor(1));
      QVERIFY(ErrorMetrics::from(*sums).mse <= choice->curve.bestMse() * (1 + 1e-12));
      const auto whole = groupParametersOf(
          tensor, coded(tensor, spec), ClipRatios::whole(choice->curve.bestRatio()), Executor(1));
      QCOMPARE(
          ErrorMetrics::from(*errorSumsOf(tensor, coded(tensor, spec), *whole, Executor(1))).mse,
          choice->curve.bestMse());
    }
  }

  void theSevenFunctionsTakeEveryFormat() {
    const Matrix w(6, 96, normalValues(6 * 96, 44));
    const WeightTensor tensor = tensorOf(6, 96, w.values);
    for (const QuantSpec& spec : newFormats()) {
      const auto parameters = groupParametersOf(tensor, coded(tensor, spec), {}, Executor(1));
      const Matrix y = *dequantized(tensor, coded(tensor, spec), *parameters, Executor(1));
      const auto codes = quantizedAt(tensor, spec, {}, Executor(1));
      const auto values = quant_tensor(w.view(), spec);
      const auto integers = quant_tensor(w.view(), spec, true);
      QVERIFY(values && integers);
      QCOMPARE(values->values.values, y.values);
      QCOMPARE(values->scale.values, parameters->scale);
      for (std::size_t i = 0; i < y.values.size(); ++i) {
        QCOMPARE(static_cast<int>(integers->values.values[i]), codeAt(*codes, i));
      }
      const auto given = quant_weight_w_scale(w.view(), values->scale, std::nullopt, spec);
      QVERIFY(given);
      if (spec.isFloat()) QCOMPARE(given->values, integers->values.values);
      QCOMPARE(search_clip(w.view(), spec)->mse,
               clipCurveOf(tensor, coded(tensor, spec), Executor(1))->mse);
      if (!spec.isFloat() || spec.dtype == Dtype::Codebook) continue;  // have no name

      const std::string name = nameOf(spec.dtype);
      const auto named = quant_tensor(w.view(), 4, spec.groupSize, "asym", 1.0, name);
      QVERIFY2(named, name.c_str());
      QCOMPARE(named->values.values, y.values);
      QCOMPARE(search_clip(w.view(), 4, spec.groupSize, "asym", name)->mse,
               search_clip(w.view(), spec)->mse);
      QCOMPARE(
          quant_weight_w_scale(w.view(), values->scale, std::nullopt, spec.groupSize, name)->values,
          given->values);
      // A group a row, as those functions have it that know rows only.
      const auto size = static_cast<std::size_t>(spec.groupSize);
      const Matrix rows(w.values.size() / size, size, w.values);
      QCOMPARE(qdq_weight_actor(rows.view(), 4, "sym", 1.0, name)->values.values, y.values);
      if (spec.bits == 4) {
        QCOMPARE(quantize_4bit(rows.view(), 1.0, name)->values.values, y.values);
      } else {
        QVERIFY(!quantize_4bit(rows.view(), 1.0, name));
      }
    }
    const auto refused = [](const auto& result, const char* why) {
      return !result && result.error().code == ErrorCode::InvalidArgument &&
             result.error().message.find(why) != std::string::npos;
    };
    QVERIFY(refused(quant_tensor(w.view(), 4, 64, "asym", 1.0, "mxfp4"), "32 for dtype mxfp4"));
    QVERIFY(refused(qdq_weight_actor(w.view(), 4, "sym", 1.0, "mxfp4"), "32 for dtype mxfp4"));
    QVERIFY(refused(quant_tensor(w.view(), 4, 32, "asym", 1.0, "codebook"), "fp8_e5m2"));
    QuantSpec searching;
    searching.clip.kind = ClipPolicy::Kind::Optimal;
    QVERIFY(refused(quant_tensor(w.view(), searching), "clip optimal"));
    QuantSpec clipped = specOf(Dtype::Fp8E5m2);
    clipped.clip = ClipPolicy::fixed(0.75);
    QCOMPARE(quant_tensor(w.view(), clipped)->values.values,
             quant_tensor(w.view(), 4, 32, "asym", 0.75, "fp8_e5m2")->values.values);
  }

  void storageCountsWhatEachFormatStores() {
    const auto cost = [](const QuantSpec& spec) { return storageCostOf(spec, 4, 64); };
    QCOMPARE(cost(specOf(Dtype::Fp4E2m1Ocp)).bitsPerWeight(), 4 + 16.0 / 32);
    QCOMPARE(cost(specOf(Dtype::Mxfp4)).bitsPerWeight(), 4 + 8.0 / 32);
    QCOMPARE(cost(specOf(Dtype::Mxfp8)).bitsPerWeight(), 8 + 8.0 / 32);
    QCOMPARE(cost(specOf(Dtype::Nvfp4)).bitsPerWeight(), 4 + 8.0 / 16 + 32.0 / 256);
    QCOMPARE(cost(specOf(Dtype::Fp8E4m3fn)).bitsPerWeight(), 8 + 32.0 / 32);
    QCOMPARE(cost(specOf(Dtype::Iq4Nl)).bitsPerWeight(), 4 + 16.0 / 32);
    const auto own = QuantSpec{}.withDtype(Dtype::Codebook, someCodebook(17));
    QCOMPARE(cost(own).codeBits, std::uint64_t{5 * 256});
    QCOMPARE(cost(own).tensorBits, std::uint64_t{17 * 32});
    QCOMPARE(cost(own).totalBits(), std::uint64_t{5 * 256 + 16 * 8 + 17 * 32});
    QCOMPARE(someCodebook(2).bits(), 1);
    QCOMPARE(someCodebook(256).bits(), 8);
  }

  void specsNameWhatDoesNotFit() {
    QuantSpec spec = specOf(Dtype::Mxfp4);
    QVERIFY(spec.validate());
    spec.groupSize = 64;
    QVERIFY(refuses(spec.validate(), "group_size", "32 for dtype mxfp4"));
    spec = specOf(Dtype::Nvfp4);
    QCOMPARE(spec.groupSize, 16LL);
    spec.doubleQuant = DoubleQuant{};
    QVERIFY(refuses(spec.validate(), "double_quant", "nvfp4"));
    spec = specOf(Dtype::Fp8E5m2);
    QCOMPARE(spec.bits, 8);
    spec.doubleQuant = DoubleQuant{};
    QVERIFY(spec.validate());
    spec.bits = 4;
    QVERIFY(refuses(spec.validate(), "bits", "8 for dtype fp8_e5m2"));
    spec = {};
    spec.doubleQuant = DoubleQuant{Dtype::Mxfp4, 4, Scheme::Asym, 256};
    QVERIFY(refuses(spec.validate(), "double_quant_dtype", "mxfp4"));
    spec = {};
    spec.halfRange = true;
    QVERIFY(refuses(spec.validate(), "half_range", "asym"));
    spec.scheme = Scheme::Sym;
    QVERIFY(spec.validate());
    spec.fullRange = true;
    QVERIFY(refuses(spec.validate(), "full_range", "half_range"));
    spec.fullRange = false;
    spec.bits = 1;
    QVERIFY(refuses(spec.validate(), "half_range", "2 to 8"));
    spec = {};
    spec.dtype = Dtype::Codebook;
    QVERIFY(refuses(spec.validate(), "codebook", "none"));
    spec = {};
    spec.codebook = someCodebook(4);
    QVERIFY(refuses(spec.validate(), "codebook", "steps"));
  }

  void codebooksAreReadAndRefused() {
    const auto book =
        codebookFromText(R"({"name":"mine","levels":[-1,0,0.25,2],"codes":[3,0,1,2]})", "f.json");
    QVERIFY(book);
    QCOMPARE(book->name, std::string("mine"));
    QCOMPARE(book->bits(), 2);
    QCOMPARE(book->book->thresholds, (std::vector<float>{-0.5f, 0.125f, 1.125f}));
    QCOMPARE(book->book->codes, (std::vector<int>{3, 0, 1, 2}));
    for (const char* text :
         {R"({"name":"x"})", R"({"name":"x","levels":[1]})", R"({"name":"x","levels":[0,1,1]})",
          R"({"name":"x","levels":[1,0]})", R"({"name":"x","levels":[0,1e39]})",
          R"({"name":"x","levels":[0,"inf"]})", R"({"levels":[0,1]})", R"([0,1])",
          R"({"name":"x","levels":[0,1],"codes":[1]})",
          R"({"name":"x","levels":[0,1],"codes":[1,1]})",
          R"({"name":"x","levels":[0,1],"codes":[0.5,1]})",
          R"({"name":"x","levels":[0,1],"codes":[0,200]})", R"({"name":"x","levels":[0,1],"k":1})",
          R"({"name":"x","levels":[1,1.00000000001]})", R"({"name":3,"levels":[0,1]})", "{"}) {
      const auto refused = codebookFromText(text, "f.json");
      QVERIFY2(!refused, text);
      QVERIFY2(refused.error().message.find("f.json") != std::string::npos,
               refused.error().message.c_str());
    }
    QVERIFY(!makeNamedCodebook("n", std::vector<double>(257)));
    QVERIFY(!makeNamedCodebook("n", {0, NAN}));
    QVERIFY(!makeNamedCodebook("n", {}));
  }

  void jsonKeepsEveryFormat() {
    std::vector<QuantSpec> specs = newFormats();
    specs.push_back(
        QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("t", {-0.1, 1.0 / 3, 0.7})));
    specs.back().clip.kind = ClipPolicy::Kind::Optimal;
    for (const QuantSpec& spec : specs) {
      const std::string text = toJson(spec).text();
      const auto read = specFromJson(*parseJson(text, "x"), "x");
      QVERIFY2(read, text.c_str());
      QCOMPARE(*read, spec);
      QVERIFY(*read != QuantSpec{});
    }
    // What a format prescribes need not be said, and may not be contradicted.
    const auto mx = specFromJson(*parseJson(R"({"dtype":"nvfp4"})", "x"), "x");
    QVERIFY(mx);
    QCOMPARE(mx->groupSize, 16LL);
    QVERIFY(!specFromJson(*parseJson(R"({"dtype":"nvfp4","group_size":32})", "x"), "x"));
    QCOMPARE(specFromJson(*parseJson(R"({"dtype":"fp8_e4m3fn"})", "x"), "x")->bits, 8);
  }

  void peopleAndCommandLinesAreTold() {
    QCOMPARE(describe(specOf(Dtype::Mxfp4)), std::string("mxfp4 g32"));
    QuantSpec own = QuantSpec{}.withDtype(Dtype::Codebook, someCodebook(4));
    QCOMPARE(describe(own), std::string("codebook steps g32"));
    own.codebook.source = "my levels.json";
    QCOMPARE(
        commandLineOptions(own),
        std::string("--dtype codebook --codebook 'my levels.json' --group-size 32 --clip none"));
    QuantSpec half;
    half.scheme = Scheme::Sym;
    half.halfRange = true;
    half.clip.kind = ClipPolicy::Kind::Optimal;
    QCOMPARE(describe(half), std::string("int4 g32 sym half range, clip optimal"));
    QVERIFY(commandLineOptions(half).find("--half-range") != std::string::npos);
    QCOMPARE(ClipPolicy::parse("optimal")->kind, ClipPolicy::Kind::Optimal);
    QVERIFY(!half.clip.searches());
  }
};

QTEST_GUILESS_MAIN(CodecsTest)
#include "codecs_test.moc"
