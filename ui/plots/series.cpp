#include "ui/plots/series.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>

namespace quantoscope::ui {

namespace {

constexpr double kNotWorthDb = 0.1;
constexpr double kSameRatio = 1e-9;  // grids are sums of doubles: a ratio in two grids may differ

QString trimmedNumber(double value, const QLocale& locale, int decimals) {
  QLocale plain = locale;
  plain.setNumberOptions(plain.numberOptions() & ~QLocale::IncludeTrailingZeroesAfterDot);
  QString text = plain.toString(value, 'f', std::max(0, decimals));
  if (decimals <= 0) return text;
  while (text.endsWith(plain.zeroDigit())) text.chop(plain.zeroDigit().size());
  if (text.endsWith(plain.decimalPoint())) text.chop(plain.decimalPoint().size());
  return text;
}

QString superscript(int number) {
  static constexpr std::array<char16_t, 10> kDigits = {u'⁰', u'¹', u'²', u'³', u'⁴',
                                                       u'⁵', u'⁶', u'⁷', u'⁸', u'⁹'};
  QString text = number < 0 ? QStringLiteral("⁻") : QString();
  for (const QChar digit : QString::number(std::abs(number))) {
    text += QChar(kDigits[static_cast<std::size_t>(digit.digitValue())]);
  }
  return text;
}

/// The decimal exponent of `value` once it is rounded to `digits` significant digits.
int exponentOf(double value, int digits) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%.*e", digits - 1, value);
  const std::string_view view(text.data());
  return std::atoi(text.data() + view.find('e') + 1);
}

QString notFiniteText(double value) {
  if (std::isnan(value)) return QStringLiteral("NaN");
  return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
}

bool inWindow(double ratio, const RatioGrid& window) {
  const auto [low, high] = std::minmax(window.from, window.to);
  return ratio >= low - kSameRatio && ratio <= high + kSameRatio;
}

/// Bins [first, end), at least one.
struct VisibleBins {
  std::size_t first = 0;
  std::size_t end = 0;
};

/// The bins between `edges` that share more than a border with [lower, upper].
std::optional<VisibleBins> binsIn(const std::vector<double>& edges, double lower, double upper) {
  if (edges.empty() || edges.back() <= lower || edges.front() >= upper) return std::nullopt;
  const auto first = std::upper_bound(edges.begin(), edges.end(), lower) - edges.begin();
  const auto end = std::lower_bound(edges.begin(), edges.end(), upper) - edges.begin();
  return VisibleBins{static_cast<std::size_t>(std::max<std::ptrdiff_t>(first - 1, 0)),
                     std::min(static_cast<std::size_t>(end), edges.size() - 1)};
}

/// The index of the smallest error among all ratios of a curve.
std::size_t smallestOf(const ClipCurve& curve) {
  return static_cast<std::size_t>(std::min_element(curve.mse.begin(), curve.mse.end()) -
                                  curve.mse.begin());
}

double axisPlace(double mse, double lower, double upper, bool logarithmic) {
  return logarithmic ? std::log(mse / lower) / std::log(upper / lower)
                     : (mse - lower) / (upper - lower);
}

std::vector<GainTick> ticksAt(double step, double unclippedMse, double lower, double upper) {
  std::vector<GainTick> ticks;
  const auto first = static_cast<long long>(std::ceil(gainDb(unclippedMse, upper) / step - 1e-9));
  const auto last = static_cast<long long>(std::floor(gainDb(unclippedMse, lower) / step + 1e-9));
  for (long long i = first; i <= last; ++i) {
    const double gain = static_cast<double>(i) * step;
    ticks.push_back({unclippedMse * std::pow(10.0, -gain / 10), gain});
  }
  return ticks;
}

}  // namespace

std::vector<double> drawnEdges(const Histogram& histogram) {
  if (histogram.counts.empty()) return {};
  if (histogram.hi > histogram.lo) return histogram.edges();
  const double half = histogram.lo == 0 ? 0.5 : std::abs(histogram.lo) * 0.05;
  return {histogram.lo - half, histogram.lo + half};
}

StepSeries stepSeries(const Histogram& histogram, bool logCounts, double lower, double upper,
                      std::size_t most) {
  const std::vector<double> edges = drawnEdges(histogram);
  const std::optional<VisibleBins> view = binsIn(edges, lower, upper);
  if (!view) return {};
  const std::size_t run = (view->end - view->first + most - 1) / most;
  const double foot = logCounts ? kLogFloor : 0;
  StepSeries series;
  std::size_t end = view->end;
  // Runs begin at multiples of their length wherever the view begins: panning does not change them.
  for (std::size_t bin = view->first / run * run; bin < view->end; bin = end) {
    end = std::min(bin + run, histogram.counts.size());
    const auto begin = histogram.counts.begin();
    const std::uint64_t highest = *std::max_element(begin + static_cast<std::ptrdiff_t>(bin),
                                                    begin + static_cast<std::ptrdiff_t>(end));
    series.x.push_back(edges[bin]);
    series.y.push_back(std::max(static_cast<double>(highest), foot));
  }
  series.x.push_back(edges[end]);
  series.y.push_back(foot);
  return series;
}

std::uint64_t largestCount(const Histogram& histogram, double lower, double upper) {
  const std::optional<VisibleBins> view = binsIn(drawnEdges(histogram), lower, upper);
  if (!view) return 0;
  const auto begin = histogram.counts.begin();
  return *std::max_element(begin + static_cast<std::ptrdiff_t>(view->first),
                           begin + static_cast<std::ptrdiff_t>(view->end));
}

std::optional<std::size_t> binAt(const Histogram& histogram, double x) {
  const std::vector<double> edges = drawnEdges(histogram);
  if (edges.empty() || !(x >= edges.front() && x <= edges.back())) return std::nullopt;
  const auto after = std::upper_bound(edges.begin(), edges.end(), x) - edges.begin();
  return std::min(static_cast<std::size_t>(after - 1), histogram.counts.size() - 1);
}

std::optional<double> halfStep(const AnalysisResult& result) {
  if (!result.group || result.spec.isFloat()) return std::nullopt;
  const double half = std::abs(static_cast<double>(result.group->scale)) / 2;
  if (!std::isfinite(half) || half == 0) return std::nullopt;
  return half;
}

double levelOpacity(double spacing) {
  constexpr double kFaint = 0.15;
  constexpr double kDense = 2;   // pixels
  constexpr double kClear = 12;  // pixels
  const double share = std::clamp((spacing - kDense) / (kClear - kDense), 0.0, 1.0);
  return kFaint + (1 - kFaint) * share;
}

double gainDb(double unclippedMse, double mse) {
  if (unclippedMse == mse) return 0;
  return 10 * std::log10(unclippedMse / mse);
}

std::optional<ClipOptimum> optimumIn(const ClipCurve& curve, const RatioGrid& window) {
  std::optional<ClipOptimum> best;
  double smallest = std::numeric_limits<double>::infinity();
  int inside = 0;
  for (std::size_t i = 0; i < curve.ratios.size(); ++i) {
    if (!inWindow(curve.ratios[i], window)) continue;
    ++inside;
    smallest = std::min(smallest, curve.ratios[i]);
    if (best && !(curve.mse[i] < best->mse)) continue;
    best = ClipOptimum{i, curve.ratios[i], curve.mse[i], 0, false, false};
  }
  if (!best) return best;
  best->gainDb = gainDb(curve.unclippedMse, best->mse);
  best->atOne = best->ratio >= 1 - kSameRatio;
  best->atLowerEdge = inside > 1 && best->ratio <= smallest && !best->atOne;
  return best;
}

QString clipVerdict(const ClipCurve& curve, const RatioGrid& window, const QLocale& locale) {
  const std::optional<ClipOptimum> optimum = optimumIn(curve, window);
  if (!optimum) return QStringLiteral("No ratio of the search window was tried");
  if (curve.unclippedMse == 0) return QStringLiteral("No error without clipping: nothing to gain");

  const std::size_t overall = smallestOf(curve);
  const double beyond = gainDb(curve.unclippedMse, curve.mse[overall]);
  if (curve.ratios[overall] < optimum->ratio && !inWindow(curve.ratios[overall], window) &&
      beyond - optimum->gainDb >= kNotWorthDb) {
    return QStringLiteral("Better below the window: %1 gains %2 dB, %3 gains %4 dB")
        .arg(ratioText(curve.ratios[overall], locale), locale.toString(beyond, 'f', 2),
             ratioText(optimum->ratio, locale), locale.toString(optimum->gainDb, 'f', 2));
  }
  if (optimum->atOne) return QStringLiteral("Clipping does not help: the best ratio is 1");
  const QString gain = locale.toString(optimum->gainDb, 'f', 2);
  if (optimum->gainDb < kNotWorthDb) {
    return QStringLiteral("Clipping gains %1 dB: not worth it").arg(gain);
  }
  if (optimum->atLowerEdge) {
    return QStringLiteral("The optimum lies at the edge of the window: %1 gains %2 dB")
        .arg(ratioText(optimum->ratio, locale), gain);
  }
  return QStringLiteral("Clipping to %1 gains %2 dB").arg(ratioText(optimum->ratio, locale), gain);
}

QString spreadVerdict(const ClipSpread& spread, const QLocale& locale) {
  const bool rows = spread.kind == ClipPolicy::Kind::SearchRows;
  const double gain = gainDb(spread.unclippedMse, spread.mse);
  const QString gained = locale.toString(gain, 'f', 2);
  if (gain < kNotWorthDb) {
    return (rows ? QStringLiteral("Each row's own ratio gains %1 dB: not worth it")
                 : QStringLiteral("Each group's own ratio gains %1 dB: not worth it"))
        .arg(gained);
  }
  QString text =
      (rows ? QStringLiteral("Each row's own ratio gains %1 dB, %2 more than one for all")
            : QStringLiteral("Each group's own ratio gains %1 dB, %2 more than one for "
                             "all"))
          .arg(gained, locale.toString(gainDb(spread.wholeMse, spread.mse), 'f', 2));
  const double edge = static_cast<double>(spread.atEdge()) / static_cast<double>(spread.total());
  if (edge > 0) {
    text += (rows ? QStringLiteral("; %1 of the rows lie at the window's edge")
                  : QStringLiteral("; %1 of the groups lie at the window's edge"))
                .arg(percentText(edge, locale));
  }
  return text;
}

std::vector<GainTick> gainTicks(double unclippedMse, double lower, double upper, int most,
                                bool logarithmic) {
  const bool usable = unclippedMse > 0 && std::isfinite(unclippedMse) && lower > 0 &&
                      upper > lower && std::isfinite(upper) && most > 0;
  if (!usable) return {};
  static constexpr std::array<double, 14> kSteps = {0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1,
                                                    2,    5,    10,   20,  50,  100, 200};
  for (const double step : kSteps) {
    const double range = gainDb(unclippedMse, lower) - gainDb(unclippedMse, upper);
    if (range / step > 1000) continue;
    std::vector<GainTick> ticks = ticksAt(step, unclippedMse, lower, upper);
    const auto tooClose = [&](const GainTick& a, const GainTick& b) {
      return axisPlace(a.mse, lower, upper, logarithmic) -
                 axisPlace(b.mse, lower, upper, logarithmic) <
             1.0 / most;
    };
    if (std::adjacent_find(ticks.begin(), ticks.end(), tooClose) == ticks.end()) return ticks;
  }
  return {};
}

double snappedRatio(double ratio, double lowest) {
  const double highestStep = std::floor((1 - lowest) * 200 + kSameRatio);
  const double step = std::clamp(std::round((1 - ratio) * 200), 0.0, std::max(0.0, highestStep));
  return 1 - step / 200;
}

double steppedRatio(double ratio, int steps, double lowest) {
  const double place = (1 - ratio) * 200;
  const double from = steps > 0 ? std::ceil(place - 1e-6) : std::floor(place + 1e-6);
  return snappedRatio(1 - (from - steps) / 200, lowest);
}

QString windowText(const RatioGrid& window, const QLocale& locale) {
  const auto text = [&locale](double ratio) {
    const QString trimmed = trimmedNumber(ratio, locale, 4);
    return trimmed.contains(locale.decimalPoint()) ? trimmed : locale.toString(ratio, 'f', 1);
  };
  return (window == RatioGrid{} ? QStringLiteral("reference window %1–%2")
                                : QStringLiteral("search window %1–%2"))
      .arg(text(window.from), text(window.to));
}

QString binText(const QString& quantity, const Histogram& histogram, std::size_t bin,
                const QLocale& locale) {
  const QString start = quantity + QLatin1Char(' ');
  if (!(histogram.hi > histogram.lo)) return start + valueText(histogram.lo, locale, 6);
  const double width = histogram.binWidth();
  const double from = histogram.lo + width * static_cast<double>(bin);
  // As many digits as tell neighbouring borders apart, and one more.
  const double largest = std::max(std::abs(histogram.lo), std::abs(histogram.hi));
  const int digits = std::clamp(static_cast<int>(std::ceil(std::log10(largest / width))) + 1, 3, 9);
  return start + QStringLiteral("%1 to %2")
                     .arg(valueText(from, locale, digits), valueText(from + width, locale, digits));
}

QString binCountText(const Histogram& histogram, std::size_t bin, const QLocale& locale) {
  const std::uint64_t total = histogram.total();
  const double share =
      total == 0 ? 0 : static_cast<double>(histogram.counts[bin]) / static_cast<double>(total);
  return QStringLiteral("%1 of %2 (%3)")
      .arg(countText(histogram.counts[bin], locale), countText(total, locale),
           percentText(share, locale));
}

QString groupAxisKey(const GroupLayout& layout) {
  return QStringLiteral("groups of %1").arg(layout.groupSize);
}

QString groupText(const AnalysisResult& result, const QLocale& locale) {
  if (!result.group) return {};
  const GroupDetail& group = *result.group;
  return QStringLiteral("row %1, group %2%3")
      .arg(countText(group.index.row, locale), countText(group.index.group, locale),
           group.typical ? QStringLiteral(" (typical)") : QString());
}

QString countText(std::uint64_t count, const QLocale& locale) {
  return locale.toString(static_cast<qulonglong>(count));
}

QString shortCountText(double count, const QLocale& locale) {
  struct Unit {
    double size;
    const char16_t* suffix;
  };
  static constexpr std::array<Unit, 3> kUnits = {{{1e9, u" G"}, {1e6, u" M"}, {1e3, u" k"}}};
  if (count >= 1e4) {
    for (const Unit& unit : kUnits) {
      if (count >= unit.size) {
        return trimmedNumber(count / unit.size, locale, 2) + QString::fromUtf16(unit.suffix);
      }
    }
  }
  return trimmedNumber(count, locale, 2);
}

QString percentText(double share, const QLocale& locale) {
  const double percent = share * 100;
  if (percent == 0 || !std::isfinite(percent)) {
    return (percent == 0 ? locale.toString(0) : notFiniteText(percent)) + QStringLiteral(" %");
  }
  return valueText(percent, locale, 3) + QStringLiteral(" %");
}

QString valueText(double value, const QLocale& locale, int digits) {
  if (!std::isfinite(value)) return notFiniteText(value);
  if (value == 0) return locale.toString(0);
  const int exponent = exponentOf(value, digits);
  const QString sign = value < 0 ? QStringLiteral("−") : QString();
  if (exponent >= -4 && exponent < std::max(digits, 6)) {
    return sign + trimmedNumber(std::abs(value), locale, digits - 1 - exponent);
  }
  return sign + trimmedNumber(std::abs(value) / std::pow(10.0, exponent), locale, digits - 1) +
         QStringLiteral("×") + powerText(exponent);
}

QString powerText(int exponent) {
  return QStringLiteral("10") + superscript(exponent);
}

QString gainTickText(double gainDb, const QLocale& locale) {
  const QString size = trimmedNumber(std::abs(gainDb), locale, 2);
  if (gainDb == 0) return size;
  return (gainDb < 0 ? QStringLiteral("−") : QStringLiteral("+")) + size;
}

QString ratioText(double ratio, const QLocale& locale) {
  const bool onThousandth = std::abs(ratio * 1000 - std::round(ratio * 1000)) < 0.05;
  return locale.toString(ratio, 'f', onThousandth ? 3 : 4);
}

QString decibelText(double decibels, const QLocale& locale) {
  if (!std::isfinite(decibels)) return notFiniteText(decibels) + QStringLiteral(" dB");
  const QString size = locale.toString(std::abs(decibels), 'f', 2);
  const bool zero = locale.toString(0.0, 'f', 2) == size;
  return (zero           ? QString()
          : decibels < 0 ? QStringLiteral("−")
                         : QStringLiteral("+")) +
         size + QStringLiteral(" dB");
}

}  // namespace quantoscope::ui
