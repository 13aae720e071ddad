// The optimal scale of a group against searches that need no cleverness: every breakpoint by
// itself, fine grids, and all scales that a format has.
#include "core/quant/optimal_scale.h"

#include <cmath>
#include <limits>
#include <random>

#include <QtTest>

#include "core/base/half.h"
#include "core/kernels/kernels.h"
#include "core/kernels/scale_formats.h"
#include "core/quant/clip_search.h"
#include "core/quant/double_quant.h"
#include "core/quant/scale_sweep.h"
#include "tests/support/quantizing.h"
#include "tests/support/test_data.h"

using namespace quantoscope;
using namespace quantoscope::test;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

/// One table of levels a group may be rounded to, and the sign that its scale may have.
struct Table {
  std::vector<double> levels;
  std::vector<double> thresholds;
  float zeroPoint = 0;
  double sign = 1;
};

std::vector<double> integersFrom(int low, int high) {
  std::vector<double> levels;
  for (int q = low; q <= high; ++q) levels.push_back(q);
  return levels;
}

/// What `spec` allows, written down from its definition.
std::vector<Table> tablesOf(const QuantSpec& spec) {
  std::vector<Table> tables;
  const int steps = 1 << spec.bits;
  if (spec.isFloat()) {
    const Codebook& book = *codecOf(spec).codebook;
    tables.push_back({{book.levels.begin(), book.levels.end()}, {}, 0, 1});
    tables.push_back({tables[0].levels, {}, 0, -1});
  } else if (spec.scheme == Scheme::Asym) {
    for (int zero = 0; zero < steps; ++zero) {
      tables.push_back({integersFrom(-zero, steps - 1 - zero), {}, static_cast<float>(zero), 1});
    }
  } else {
    const auto levels =
        spec.bits == 1 ? integersFrom(0, 1) : integersFrom(-steps / 2, steps / 2 - 1);
    tables.push_back({levels, {}, 0, 1});
    if (spec.fullRange || spec.halfRange) tables.push_back({levels, {}, 0, -1});
  }
  for (Table& table : tables) {
    for (std::size_t i = 0; i + 1 < table.levels.size(); ++i) {
      table.thresholds.push_back((table.levels[i] + table.levels[i + 1]) / 2);
    }
  }
  return tables;
}

double nearestLevel(const Table& table, double t) {
  std::size_t i = 0;
  while (i < table.thresholds.size() && t > table.thresholds[i]) ++i;
  return table.levels[i];
}

double errorWith(const Table& table, const std::vector<float>& x, const std::vector<float>& h,
                 double scale) {
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = x[i] - scale * nearestLevel(table, x[i] / scale);
    error += (h.empty() ? 1.0 : h[i]) * e * e;
  }
  return error;
}

/// The least error over all real scales: in each interval between neighbouring breakpoints the best
/// scale for the levels there, kept inside the interval.
double exhaustiveError(const Table& table, const std::vector<float>& x,
                       const std::vector<float>& h) {
  std::vector<double> breakpoints;
  for (const float value : x) {
    for (const double threshold : table.thresholds) {
      const double scale = value / threshold;
      if (std::isfinite(scale) && scale * table.sign > 0) breakpoints.push_back(scale);
    }
  }
  double amax = 0;
  for (const float value : x) amax = std::max<double>(amax, std::fabs(value));
  breakpoints.push_back(table.sign * amax * 1e-9);
  breakpoints.push_back(table.sign * amax * 1e3);
  std::sort(breakpoints.begin(), breakpoints.end());
  double best = kInf;
  for (std::size_t k = 0; k + 1 < breakpoints.size(); ++k) {
    const double low = breakpoints[k];
    const double high = breakpoints[k + 1];
    const double middle = (low + high) / 2;
    double a = 0;
    double b = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double level = nearestLevel(table, x[i] / middle);
      const double weight = h.empty() ? 1.0 : h[i];
      a += weight * x[i] * level;
      b += weight * level * level;
    }
    const double optimum = b > 0 ? std::clamp(a / b, low, high) : middle;
    best = std::min(best, errorWith(table, x, h, optimum));
  }
  return best;
}

double exhaustiveError(const QuantSpec& spec, const std::vector<float>& x,
                       const std::vector<float>& h) {
  double best = kInf;
  for (const Table& table : tablesOf(spec)) best = std::min(best, exhaustiveError(table, x, h));
  return best;
}

double squaredNorm(const std::vector<float>& x, const std::vector<float>& h) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += (h.empty() ? 1.0 : h[i]) * static_cast<double>(x[i]) * x[i];
  }
  return sum;
}

/// The engine's own error with given parameters, in plain sums.
double engineError(const Codec& codec, const std::vector<float>& x, const std::vector<float>& h,
                   float scale, float zeroPoint) {
  static std::vector<float> y;
  y.resize(x.size());
  kernels::scalarKernels().quantizeDequantize(codec, {1, x.size(), x.size()}, x.data(), &scale,
                                              &zeroPoint, &scale, y.data());
  double error = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = x[i] - y[i];
    error += (h.empty() ? 1.0 : h[i]) * e * e;
  }
  return error;
}

/// Groups of many kinds, the same on every machine.
class Groups {
 public:
  explicit Groups(std::uint32_t seed) : engine_(seed) {}

  std::vector<float> next(std::size_t longest) {
    const std::size_t n = 1 + below(longest);
    const auto kind = below(11);
    const float size = std::ldexp(1.0f, static_cast<int>(below(9)) * 8 - 32);
    std::vector<float> x = normalValues(n, engine_(), 1.0f);
    for (float& value : x) {
      switch (kind) {
        case 0:
          break;
        case 1:
          value = value * value * value;  // heavy tails
          break;
        case 2:
          value = std::fabs(value);
          break;
        case 3:
          value = -std::fabs(value) - 0.3f;
          break;
        case 4:
          value = std::round(value * 4) / 4;  // many ties and zeros
          break;
        case 5:
          value = 0.75f;
          break;
        case 6:
          value = below(3) == 0 ? value : 0.0f;
          break;
        case 7:
          value = below(2) == 0 ? 1.0f : -1.0f;
          break;
        case 8:
          value = static_cast<float>(below(15)) - 7;  // already quantized
          break;
        case 9:
          value += 5;
          break;
        default:
          value = static_cast<float>(below(1000)) / 1000 - 0.5f;
      }
      value *= size;
    }
    if (kind == 0 && below(2) == 0) x[0] *= 30;
    return x;
  }

  /// None in one of two cases; some are 0.
  std::vector<float> importance(std::size_t n) {
    std::vector<float> h;
    if (below(2) == 0) return h;
    for (std::size_t i = 0; i < n; ++i) {
      h.push_back(below(5) == 0 ? 0.0f : static_cast<float>(below(1000)) / 100);
    }
    return h;
  }

  std::size_t below(std::size_t limit) { return engine_() % limit; }

 private:
  std::mt19937 engine_;
};

QuantSpec integers(int bits, Scheme scheme, bool full = false, bool half = false) {
  QuantSpec spec;
  spec.bits = bits;
  spec.scheme = scheme;
  spec.fullRange = full;
  spec.halfRange = half;
  return spec;
}

QuantSpec codebook(const std::vector<double>& levels) {
  return QuantSpec{}.withDtype(Dtype::Codebook, *makeNamedCodebook("own", levels));
}

std::vector<QuantSpec> formats() {
  std::vector<QuantSpec> specs;
  for (const int bits : {1, 2, 3, 4}) {
    specs.push_back(integers(bits, Scheme::Asym));
    specs.push_back(integers(bits, Scheme::Sym));
    if (bits == 1) continue;
    specs.push_back(integers(bits, Scheme::Sym, true));
    specs.push_back(integers(bits, Scheme::Sym, false, true));
  }
  for (const Dtype dtype : {Dtype::Nf4, Dtype::Fp4, Dtype::Fp4E2m1, Dtype::Fp4E2m1Ocp}) {
    specs.push_back(QuantSpec{}.withDtype(dtype));
  }
  specs.push_back(codebook({-1, 1}));
  specs.push_back(codebook({-3, -1, 0, 0.5, 2}));
  specs.push_back(codebook({0.25, 0.5, 1, 2}));
  specs.push_back(codebook({-2, -0.1, 4}));
  return specs;
}

QByteArray told(const QuantSpec& spec, const std::vector<float>& x, double found, double wanted) {
  QByteArray text = QByteArray::fromStdString(describe(spec)) + ": " +
                    QByteArray::number(found, 'g', 17) + " instead of " +
                    QByteArray::number(wanted, 'g', 17) + " for";
  for (const float value : x) text += " " + QByteArray::number(value, 'g', 9);
  return text;
}

/// Whether an error is no larger than another but for float32's last bits of the weights.
bool notBeaten(double found, double other, double squaredWeights) {
  return std::sqrt(found) <= std::sqrt(other) + 2e-7 * std::sqrt(squaredWeights);
}

}  // namespace

class OptimalScaleTest : public QObject {
  Q_OBJECT

 private:
  void compareWithEveryBreakpoint(const QuantSpec& spec, const std::vector<float>& x,
                                  const std::vector<float>& h) {
    const double xx = squaredNorm(x, h);
    const double wanted = std::min(xx, exhaustiveError(spec, x, h));
    const Codec codec = codecOf(spec);
    const auto real = ScaleSweep(codec).find(x, h);
    const double found = real.found ? real.squaredError : xx;
    QVERIFY2(std::fabs(found - wanted) <= 1e-12 * xx, told(spec, x, found, wanted));

    const OptimalScale optimal = optimalScale(codec, x, h);
    const double engine = engineError(codec, x, h, optimal.scale, optimal.zeroPoint);
    QVERIFY2(std::fabs(optimal.squaredError - engine) <= 1e-14 * engine,
             told(spec, x, optimal.squaredError, engine));
    QVERIFY2(notBeaten(engine, wanted, xx), told(spec, x, engine, wanted));
    QVERIFY2(notBeaten(wanted, engine, xx), told(spec, x, engine, wanted));
  }

 private slots:
  void itIsTheLeastOfEveryBreakpoint() {
    Groups groups(71);
    for (const QuantSpec& spec : formats()) {
      const std::size_t longest = spec.bits == 4 && spec.scheme == Scheme::Asym ? 12 : 32;
      for (int i = 0; i < 150; ++i) {
        const auto x = groups.next(longest);
        compareWithEveryBreakpoint(spec, x, groups.importance(x.size()));
        if (QTest::currentTestFailed()) return;
      }
    }
  }

  void eightBitsToo() {
    Groups groups(72);
    for (const QuantSpec& spec : {integers(8, Scheme::Sym), integers(8, Scheme::Sym, true),
                                  QuantSpec{}.withDtype(Dtype::Fp8E4m3fn)}) {
      for (int i = 0; i < 20; ++i) {
        const auto x = groups.next(8);
        compareWithEveryBreakpoint(spec, x, groups.importance(x.size()));
        if (QTest::currentTestFailed()) return;
      }
    }
    for (int i = 0; i < 12; ++i) {
      compareWithEveryBreakpoint(integers(8, Scheme::Asym), groups.next(3), {});
    }
  }

  void noScaleOfAFineGridIsBetter() {
    Groups groups(73);
    constexpr int kPoints = 20000;
    for (const QuantSpec& spec : formats()) {
      const Codec codec = codecOf(spec);
      for (int i = 0; i < 2; ++i) {
        const auto x = groups.next(24);
        const auto h = groups.importance(x.size());
        const double found = optimalScale(codec, x, h).squaredError;
        const double xx = squaredNorm(x, h);
        float amax = 0;
        for (const float value : x) amax = std::max(amax, std::fabs(value));
        if (amax == 0) continue;
        for (const Table& table : tablesOf(spec)) {
          if (tablesOf(spec).size() > 2 && groups.below(3) != 0) continue;  // some zero points
          const double reach = std::max(std::fabs(table.levels.front()), table.levels.back());
          for (int k = 1; k <= kPoints; ++k) {
            const auto scale = static_cast<float>(table.sign * 3 * amax / reach * k / kPoints);
            const double error = engineError(codec, x, h, scale, table.zeroPoint);
            QVERIFY2(notBeaten(found, error, xx), told(spec, x, found, error));
          }
        }
      }
    }
  }

  void longGroupsAreNeverWorseThanGrids() {  // the bounds must not cut off the optimum
    Groups groups(74);
    for (const QuantSpec& spec : formats()) {
      const Codec codec = codecOf(spec);
      for (const std::size_t n : {128, 700}) {
        auto x = normalValues(n, static_cast<std::uint32_t>(groups.below(1000)));
        if (groups.below(2) == 0) x[5] = 0.3f;
        const double found = optimalScale(codec, x).squaredError;
        for (const Table& table : tablesOf(spec)) {
          const double reach = std::max(std::fabs(table.levels.front()), table.levels.back());
          for (int k = 1; k <= 100; ++k) {
            const double scale = table.sign * 0.01 * std::pow(60.0, k / 100.0) / reach;
            QVERIFY(notBeaten(found, errorWith(table, x, {}, scale), squaredNorm(x, {})));
          }
        }
      }
    }
  }

  void blockFormatsFindTheBestScaleThereIs() {
    Groups groups(75);
    for (const Dtype dtype : {Dtype::Mxfp4, Dtype::Nvfp4}) {
      Codec codec = codecOf(QuantSpec{}.withDtype(dtype));
      for (int i = 0; i < 200; ++i) {
        const auto x = groups.next(32);
        const auto h = groups.importance(x.size());
        codec.tensorScale = std::ldexp(std::fabs(x[0]) + 1e-3f, -10);
        std::vector<float> scales;
        if (dtype == Dtype::Mxfp4) {
          for (int e = -127; e <= 127; ++e) scales.push_back(std::ldexp(1.0f, e));
        } else {
          for (int pattern = 1; pattern < 127; ++pattern) {
            const int digits = pattern < 8 ? pattern : 8 + pattern % 8;
            scales.push_back(std::ldexp(static_cast<float>(digits), std::max(pattern / 8, 1) - 10) *
                             codec.tensorScale);
          }
        }
        double best = kInf;
        for (const float scale : scales) best = std::min(best, engineError(codec, x, h, scale, 0));
        const OptimalScale found = optimalScale(codec, x, h);
        QVERIFY(found.squaredError <= best * (1 + 1e-14));
        QVERIFY(std::find(scales.begin(), scales.end(), found.scale) != scales.end());
      }
    }
  }

  void signedHalfScalesAreTheBestButForTheirStep() {
    Groups groups(79);
    const Codec codec = codecOf(QuantSpec{}.withDtype(Dtype::Iq4Nl));
    int negative = 0;
    for (int i = 0; i < 24; ++i) {
      const auto x = groups.next(32);
      const auto h = groups.importance(x.size());
      const OptimalScale found = optimalScale(codec, x, h);
      float amax = 0;
      for (const float value : x) amax = std::max(amax, std::fabs(value));
      if (amax >= 65520 * 127.0f) {  // no float16 number: refused later, by the scale
        QVERIFY(std::isinf(found.scale));
        continue;
      }
      const int bits = halfFromFloat(found.scale);
      QCOMPARE(floatFromHalf(static_cast<std::uint16_t>(bits)), found.scale);
      negative += found.scale < 0 ? 1 : 0;
      double best = kInf;
      for (int magnitude = 0; magnitude < 0x7c00; ++magnitude) {
        for (const int sign : {0, 0x8000}) {
          const float scale = floatFromHalf(static_cast<std::uint16_t>(magnitude | sign));
          best = std::min(best, engineError(codec, x, h, scale, 0));
        }
      }
      const float above = floatFromHalf(static_cast<std::uint16_t>((bits & 0x7fff) + 1));
      const double halfStep = (above - std::fabs(found.scale)) / 2;
      double slack = 0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        const std::size_t at = kernels::codebookIndex(*codec.codebook, x[k] / found.scale);
        const double level = codec.codebook->levels[at];
        slack += (h.empty() ? 1.0 : h[k]) * level * level * halfStep * halfStep;
      }
      QVERIFY(found.squaredError <= best + 1.1 * slack + 1e-12 * squaredNorm(x, h));
    }
    QVERIFY(negative > 0);
  }

  void importanceDrawsTheErrorAway() {
    const auto x = normalValues(64, 76);
    std::vector<float> h(64, 1.0f);
    for (std::size_t i = 0; i < 8; ++i) h[i] = 1000;
    const Codec codec = codecOf(integers(3, Scheme::Asym));
    const auto plain = optimalScale(codec, x);
    const auto weighted = optimalScale(codec, x, h);
    QVERIFY(engineError(codec, x, h, plain.scale, plain.zeroPoint) > 1.2 * weighted.squaredError);
    QVERIFY(engineError(codec, x, {}, weighted.scale, weighted.zeroPoint) > plain.squaredError);
    // Only relative importance matters, and a weight of importance 0 does not at all.
    std::vector<float> scaled = h;
    for (float& value : scaled) value *= 4;
    QCOMPARE(optimalScale(codec, x, scaled).scale, weighted.scale);
    auto spoiled = x;
    h[20] = 0;
    const float before = optimalScale(codec, x, h).scale;
    spoiled[20] = 100;
    QCOMPARE(optimalScale(codec, spoiled, h).scale, before);
  }

  void groupsWithoutAnythingToFitKeepTheUnclippedScale() {
    const std::vector<float> zeros(8, 0.0f);
    const auto asym = optimalScale(codecOf(integers(4, Scheme::Asym)), zeros);
    QCOMPARE(asym.scale, 2.0f / 15);
    QCOMPARE(asym.zeroPoint, 7.0f);
    QCOMPARE(asym.squaredError, 0.0);
    QCOMPARE(optimalScale(codecOf(integers(4, Scheme::Sym)), zeros).scale, 1.0f / 7);
    QCOMPARE(optimalScale(codecOf(QuantSpec{}.withDtype(Dtype::Nf4)), zeros).scale, 0.0f);
    const std::vector<float> ignored(2, 0.0f);
    QCOMPARE(
        optimalScale(codecOf(integers(4, Scheme::Sym)), std::vector<float>{7, -1}, ignored).scale,
        1.0f);
    // One bit, codes 0 and 1, cannot hold a negative weight.
    QCOMPARE(
        optimalScale(codecOf(integers(1, Scheme::Sym)), std::vector<float>{-2, -1}).squaredError,
        5.0);
  }

  void weightsOnAGridAreFoundExactly() {
    const float step = 0.0173f;
    std::vector<float> x;
    for (int q = -8; q < 8; ++q) x.push_back(static_cast<float>(q) * step);
    for (const QuantSpec& spec :
         {integers(4, Scheme::Asym), integers(4, Scheme::Sym), integers(4, Scheme::Sym, true)}) {
      const auto found = optimalScale(codecOf(spec), x);
      QCOMPARE(found.scale, step);
      QCOMPARE(found.squaredError, 0.0);
    }
    for (float& value : x) value = -value;  // the other way round only a negative scale fits
    QCOMPARE(optimalScale(codecOf(integers(4, Scheme::Sym, true)), x).scale, -step);
    QVERIFY(optimalScale(codecOf(integers(4, Scheme::Sym)), x).scale > 0);
  }

  void theClipPolicyTakesTheOptimumOfEveryGroup() {
    const WeightTensor tensor = normalTensor(30, 70, 77);
    std::vector<float> scratch;
    const MatrixView w = tensor.block(0, 30, scratch);
    const auto h = normalValues(70, 78);
    std::vector<float> importance;
    for (const float value : h) importance.push_back(value * value);
    for (QuantSpec spec : {integers(4, Scheme::Asym), integers(3, Scheme::Sym, true),
                           QuantSpec{}.withDtype(Dtype::Nvfp4)}) {
      spec.clip.kind = ClipPolicy::Kind::Optimal;
      const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(3), {}, importance);
      QVERIFY(choice);
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
      const Codec codec = coded(tensor, spec).codec;
      const GroupLayout& layout = parameters->layout;
      QCOMPARE(choice->ratios.values.size(), layout.groups());
      for (std::size_t g = 0; g < layout.groups(); ++g) {
        const std::size_t begin = layout.begin(g % layout.groupsPerRow());
        const std::size_t length = layout.length(g % layout.groupsPerRow());
        const auto alone =
            optimalScale(codec, w.row(g / layout.groupsPerRow()).subspan(begin, length),
                         std::span(importance).subspan(begin, length));
        QCOMPARE(parameters->scale[g], alone.scale);
        if (codec.hasZeroPoint()) QCOMPARE(parameters->zeroPoint[g], alone.zeroPoint);
        QVERIFY(choice->ratios.values[g] > 0.3 && choice->ratios.values[g] < 2.5);
      }
      const auto stored = quantizedAt(tensor, spec, choice->ratios, Executor(2));
      QCOMPARE(stored->parameters.scale, parameters->scale);
    }
  }

  void itBeatsTheSearchOfEveryGroup() {
    const WeightTensor tensor = normalTensor(40, 128, 79);
    const auto mse = [&](QuantSpec spec, ClipPolicy::Kind kind) {
      spec.clip.kind = kind;
      const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(2));
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
      return ErrorMetrics::from(*errorSumsOf(tensor, coded(tensor, spec), *parameters, Executor(1)))
          .mse;
    };
    for (const QuantSpec& spec : formats()) {
      QVERIFY(mse(spec, ClipPolicy::Kind::Optimal) < mse(spec, ClipPolicy::Kind::SearchGroups));
    }
  }

  void doubleQuantizationFollowsTheChoice() {
    const WeightTensor tensor = normalTensor(20, 64, 80);
    QuantSpec spec = integers(4, Scheme::Asym);
    spec.clip.kind = ClipPolicy::Kind::Optimal;
    const auto plain = groupParametersOf(tensor, coded(tensor, spec), {}, Executor(1));
    spec.doubleQuant = DoubleQuant{};
    const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(1));
    const auto twice = groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
    QCOMPARE(twice->scale, plain->scale);
    QCOMPARE(twice->decodeScale, doubleQuantized(plain->scale, *spec.doubleQuant));
  }

  void searchesMinimiseTheWeightedErrorWhereThereIsImportance() {
    const WeightTensor tensor = normalTensor(12, 96, 81);
    std::vector<float> importance(96, 0.01f);
    for (std::size_t c = 0; c < 96; c += 7) importance[c] = 5;
    double last = kInf;
    for (const auto kind : {ClipPolicy::Kind::SearchTensor, ClipPolicy::Kind::SearchRows,
                            ClipPolicy::Kind::SearchGroups, ClipPolicy::Kind::Optimal}) {
      QuantSpec spec = integers(3, Scheme::Asym);
      spec.clip.kind = kind;
      const auto choice = chooseClip(tensor, coded(tensor, spec), Executor(2), {}, importance);
      QVERIFY(choice);
      const auto parameters =
          groupParametersOf(tensor, coded(tensor, spec), choice->ratios, Executor(1));
      const Matrix y = *dequantized(tensor, coded(tensor, spec), *parameters, Executor(1));
      std::vector<float> scratch;
      const double error = kernels::weightedSquaredError(
          {12, 96, 32}, tensor.block(0, 12, scratch).data, y.values.data(), importance.data());
      QVERIFY(error < last);
      last = error;
      if (kind == ClipPolicy::Kind::SearchTensor) {
        double sum = 0;
        for (const float weight : importance) sum += weight;
        const ClipCurve& curve = choice->curve;
        QVERIFY(std::fabs(curve.weightedMse[curve.best] - error / (12 * sum)) < 1e-12 * error);
        for (const double other : curve.weightedMse) {
          QVERIFY(other >= curve.weightedMse[curve.best]);
        }
        const auto unweighted = chooseClip(tensor, coded(tensor, spec), Executor(2));
        QCOMPARE(curve.mse, unweighted->curve.mse);
      }
    }
    const std::vector<float> equal(96, 2.0f);
    QuantSpec spec = integers(4, Scheme::Sym);
    spec.clip.kind = ClipPolicy::Kind::SearchGroups;
    QCOMPARE(chooseClip(tensor, coded(tensor, spec), Executor(1), {}, equal)->ratios.values,
             chooseClip(tensor, coded(tensor, spec), Executor(1))->ratios.values);
  }

  void importanceThatDoesNotFitIsRefused() {
    const WeightTensor tensor = normalTensor(2, 8, 82);
    std::vector<float> importance(8, 1.0f);
    const auto refused = [&](const char* what) {
      const auto choice =
          chooseClip(tensor, coded(tensor, integers(4, Scheme::Sym)), Executor(1), {}, importance);
      return !choice && choice.error().code == ErrorCode::DoesNotFit &&
             choice.error().message.find(what) != std::string::npos;
    };
    importance[3] = -1;
    QVERIFY(refused("-1 of channel 3"));
    importance[3] = NAN;
    QVERIFY(refused("nan of channel 3"));
    importance.assign(8, 0.0f);
    QVERIFY(refused("0 everywhere"));
    importance.resize(7);
    QVERIFY(refused("7 channels"));
  }

  void theEndsOfTheRangeAreSurvived() {
    for (const QuantSpec& spec : formats()) {
      for (const float size : {1e-44f, 1e-39f, 3e-37f, 1e37f, 3e38f}) {
        const std::vector<float> x = {size, -size / 3, size / 7, 0};
        const auto found = optimalScale(codecOf(spec), x);
        QVERIFY(std::isfinite(found.scale) || size > 1e38f);
        const auto again = optimalScale(codecOf(spec), x);
        QVERIFY(found.scale == again.scale || std::isnan(found.scale));
      }
    }
  }
};

QTEST_GUILESS_MAIN(OptimalScaleTest)
#include "optimal_scale_test.moc"
