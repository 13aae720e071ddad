// Pure functions from results to what plots draw and say. Nothing here needs a widget.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include <QtCore/QLocale>
#include <QtCore/QString>

#include "core/engine/analysis.h"
#include "core/metrics/histogram.h"
#include "core/quant/clip_search.h"
#include "ui/session/clip_spread.h"

namespace quantoscope::ui {

/// A count of 0 on a logarithmic axis: visibly less than 1, yet on the axis.
inline constexpr double kLogFloor = 0.5;

/// The points of a step graph in which each point's height holds to the next point.
struct StepSeries {
  std::vector<double> x;
  std::vector<double> y;
};

/// The borders of the bins for drawing: those of the histogram, or a narrow bar about the value
/// where all values are the same and the bin has no width. Empty for an empty histogram.
std::vector<double> drawnEdges(const Histogram& histogram);

/// The steps of the bins that meet [lower, upper]: one point a border, with the bin's count from
/// its left border on and the foot at the very right. The foot is 0, or kLogFloor with `logCounts`,
/// which then also stands for counts of 0. Where there are more than `most` bins in view, runs of
/// them become one step as high as the highest, so that no outlier is lost.
StepSeries stepSeries(const Histogram& histogram, bool logCounts, double lower, double upper,
                      std::size_t most);

/// The largest count among the bins that meet [lower, upper]; 0 where none does.
std::uint64_t largestCount(const Histogram& histogram, double lower, double upper);

/// The bin drawn at x, if any.
std::optional<std::size_t> binAt(const Histogram& histogram, double x);

/// Half a quantization step of the result's group, the bound of rounding where nothing is clipped;
/// nothing for formats with unequal steps.
std::optional<double> halfStep(const AnalysisResult& result);

/// How opaque level lines are drawn, from 1 for lines `spacing` pixels apart that can be told apart
/// down to 0.15.
double levelOpacity(double spacing);

/// The best ratio among those of a curve that lie in a search window.
struct ClipOptimum {
  std::size_t index = 0;  ///< into the curve
  double ratio = 1;
  double mse = 0;
  double gainDb = 0;         ///< over no clipping; 0 where both errors are 0
  bool atLowerEdge = false;  ///< the smallest ratio of the window: a smaller one may be better
  bool atOne = false;        ///< not to clip is best
};
/// The first smallest; nothing where no ratio of the curve lies in the window.
std::optional<ClipOptimum> optimumIn(const ClipCurve& curve, const RatioGrid& window);

/// 10 log10(unclipped / mse): what clipping gains; 0 where both are 0, infinite where one is.
double gainDb(double unclippedMse, double mse);

/// One sentence about what clipping gains: "Clipping to 0.9 gains 1.23 dB", "Clipping gains 0.06
/// dB: not worth it", or what an optimum at the window's edge means.
QString clipVerdict(const ClipCurve& curve, const RatioGrid& window, const QLocale& locale);

/// The same about a ratio of its own for each row or group: "Each row's own ratio gains 0.31 dB,
/// 0.12 dB more than one for all; 4 % of the rows at the window's edge".
QString spreadVerdict(const ClipSpread& spread, const QLocale& locale);

/// A place on an MSE axis and the gain that it means.
struct GainTick {
  double mse = 0;
  double gainDb = 0;
};
/// Gains that are multiples of a round step and whose MSE lies in [lower, upper], by rising gain.
/// The step is the smallest that keeps neighbours 1/most of an axis from `lower` to `upper` apart.
std::vector<GainTick> gainTicks(double unclippedMse, double lower, double upper, int most,
                                bool logarithmic);

/// The nearest ratio of the default grid continued to `lowest` (the very doubles 1 - i/200).
double snappedRatio(double ratio, double lowest);

/// The ratio `steps` grid steps away: positive to larger ratios. A ratio between two of the grid
/// first goes to the nearer one in that direction. Within [lowest, 1].
double steppedRatio(double ratio, int steps, double lowest);

/// "reference window 1.0–0.805", or "search window ..." for any other than the default grid.
QString windowText(const RatioGrid& window, const QLocale& locale);

/// How one bin reads: "Error −0.0012 to −0.0011", or with one value where it has no width.
QString binText(const QString& quantity, const Histogram& histogram, std::size_t bin,
                const QLocale& locale);
/// "1,234 of 65,536 (1.88 %)".
QString binCountText(const Histogram& histogram, std::size_t bin, const QLocale& locale);

/// What an axis of groups measures, see Plot::axisKey: groups of another size stand elsewhere.
QString groupAxisKey(const GroupLayout& layout);

/// The group whose details a result shows: "row 3, group 0 (typical)"; empty without one.
QString groupText(const AnalysisResult& result, const QLocale& locale);

/// "12,345" as a locale writes it.
QString countText(std::uint64_t count, const QLocale& locale);
/// A short count for an axis: "800", "12 k", "3.5 M".
QString shortCountText(double count, const QLocale& locale);
/// A share for people: "0 %", "0.0012 %", "54.3 %"; three significant digits.
QString percentText(double share, const QLocale& locale);
/// A value with up to `digits` significant digits: "0.0123", "4.56×10⁻⁹".
QString valueText(double value, const QLocale& locale, int digits = 4);
/// A power of ten: "10⁻⁶".
QString powerText(int exponent);
/// A gain on an axis: "0", "+0.5", "−3".
QString gainTickText(double gainDb, const QLocale& locale);
/// A ratio with three decimals, or four where it needs them: "1.000", "0.905".
QString ratioText(double ratio, const QLocale& locale);
/// Decibels with a sign: "+1.23 dB", "-0.06 dB".
QString decibelText(double decibels, const QLocale& locale);

}  // namespace quantoscope::ui
