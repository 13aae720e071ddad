// What quantization did to a tensor, in numbers.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/kernels/kernels.h"
#include "core/tensor/health.h"

namespace quantoscope {

/// What every metric is computed from: sums over weights w, dequantized values y and
/// e = float32(w - y), all in float64 and in a fixed order.
struct ErrorTotals {
  std::uint64_t count = 0;
  double squaredError = 0;   ///< e^2
  double error = 0;          ///< y - w
  double squaredWeight = 0;  ///< w^2
  double cross = 0;          ///< w * e
  float maxAbsError = 0;

  /// w * y and y^2, from the sums above with y = w - e.
  double product() const { return squaredWeight - cross; }
  double squaredValue() const { return squaredWeight - 2 * cross + squaredError; }
};

/// The totals of a tensor (see kernels::ErrorLanes, then blocks in order).
struct ErrorSums : ErrorTotals {
  Position maxAbsErrorAt;  ///< the first in row-major order

  /// Adds the next block, whose first row is `firstRow` of the tensor.
  void add(const kernels::ErrorLanes& block, const kernels::ErrorPeak& peak, std::size_t firstRow,
           std::uint64_t elements);
  /// Adds the sums of the blocks that follow. Sums of one block each, appended in order, have the
  /// bits that `add` gives.
  void append(const ErrorSums& next);
};

/// Metrics of one tensor, or a part of one, under one specification; a row of kMetrics each.
struct ErrorMetrics {
  double mse = 0;            ///< mean of e^2, in squared weight units
  double rmse = 0;           ///< square root of mse, in weight units
  double sqnrDb = 0;         ///< 10 log10(sum w^2 / sum e^2); +inf where the error is 0
  double maxAbsError = 0;    ///< in weight units
  Position maxAbsErrorAt;    ///< the first of the largest
  double meanError = 0;      ///< mean of y - w (the bias), in weight units
  double cosine = 0;         ///< of the angle between w and y; NaN where a norm is 0
  double relativeError = 0;  ///< |e| / |w| by Frobenius norm; NaN where both are 0
  double nmse = 0;           ///< sum e^2 / sum w^2: relativeError squared; NaN where both are 0

  static ErrorMetrics from(const ErrorSums& sums) { return from(sums, sums.maxAbsErrorAt); }
  /// `largest` is the place of the largest error.
  static ErrorMetrics from(const ErrorTotals& totals, Position largest);
  /// Every number NaN: metrics that are read from a file are known as far as it tells them.
  static ErrorMetrics unknown();
};

/// What a metric's numbers are measured in, which decides how they are shown.
enum class MetricUnit {
  None,
  Decibel,
  Percent,  ///< held as a ratio, shown times 100
  Weight,   ///< that of the weights
  SquaredWeight
};

/// The question that a metric answers. People are shown metrics of one aspect together.
enum class MetricAspect { Size, Extreme, Bias, Direction };

enum class BetterWhen { Lower, Higher, NearZero };

/// Which tables list a metric without being asked. Complete records (JSON, native files, plans)
/// always hold all of them.
enum class MetricListing {
  First,     ///< in every table, before all others; one metric only
  Always,    ///< in every table
  Spacious,  ///< in tables with few other columns
  Chosen     ///< where the user chooses the column
};

/// One metric: all there is to know for reading, writing and showing it. Texts are UTF-8.
struct MetricRow {
  double ErrorMetrics::*value;
  Position ErrorMetrics::*place = nullptr;  ///< where the value is found; null: nowhere alone

  const char* key;      ///< in files: "sqnr_db"
  const char* label;    ///< "Largest |error|"
  const char* title;    ///< of a column, without the unit: "Max |error|"
  const char* heading;  ///< of a column in a terminal, with the unit: "SQNR dB"
  const char* meaning;  ///< a sentence
  const char* formula;  ///< w: weights, y: what they are decoded to

  MetricUnit unit = MetricUnit::None;
  MetricAspect aspect = MetricAspect::Size;
  BetterWhen better = BetterWhen::Lower;
  MetricListing listing = MetricListing::Chosen;
  int digits = 4;         ///< significant ones, where numbers are to be taken in at a glance
  int preciseDigits = 6;  ///< where they are read one by one

  const char* filterField;    ///< "sqnr", as in sqnr:<20
  const char* filterExample;  ///< "<20"

  double of(const ErrorMetrics& metrics) const { return metrics.*value; }
  /// The number that people see: a ratio in percent is 100 times the ratio.
  double shown(double number) const { return unit == MetricUnit::Percent ? number * 100 : number; }
};

/// All metrics, in the order that they have in files; new ones are added at the end.
inline constexpr std::array kMetrics = {
    MetricRow{.value = &ErrorMetrics::mse,
              .key = "mse",
              .label = "MSE",
              .title = "MSE",
              .heading = "mse",
              .meaning = "Mean squared error over all weights.",
              .formula = "mean((w − y)²), y: the decoded weight w",
              .unit = MetricUnit::SquaredWeight,
              .listing = MetricListing::Always,
              .filterField = "mse",
              .filterExample = ">1e-6"},
    MetricRow{.value = &ErrorMetrics::rmse,
              .key = "rmse",
              .label = "RMSE",
              .title = "RMSE",
              .heading = "rmse",
              .meaning = "Root mean squared error: the typical error of a weight.",
              .formula = "√MSE",
              .unit = MetricUnit::Weight,
              .filterField = "rmse",
              .filterExample = ">1e-3"},
    MetricRow{.value = &ErrorMetrics::sqnrDb,
              .key = "sqnr_db",
              .label = "SQNR",
              .title = "SQNR",
              .heading = "SQNR dB",
              .meaning = "Signal to quantization noise ratio; 6 dB more halves the typical error.",
              .formula = "10·log₁₀(Σw² / Σ(w − y)²)",
              .unit = MetricUnit::Decibel,
              .better = BetterWhen::Higher,
              .listing = MetricListing::First,
              .filterField = "sqnr",
              .filterExample = "<20"},
    MetricRow{.value = &ErrorMetrics::maxAbsError,
              .place = &ErrorMetrics::maxAbsErrorAt,
              .key = "max_abs_error",
              .label = "Largest |error|",
              .title = "Max |error|",
              .heading = "max |error|",
              .meaning = "Largest error of a single weight.",
              .formula = "max |w − y|",
              .unit = MetricUnit::Weight,
              .aspect = MetricAspect::Extreme,
              .listing = MetricListing::Spacious,
              .filterField = "maxerror",
              .filterExample = ">0.1"},
    MetricRow{.value = &ErrorMetrics::meanError,
              .key = "mean_error",
              .label = "Mean error",
              .title = "Mean error",
              .heading = "mean error",
              .meaning = "Bias: whether decoded weights are too large (+) or too small (−) on "
                         "average.",
              .formula = "mean(y − w)",
              .unit = MetricUnit::Weight,
              .aspect = MetricAspect::Bias,
              .better = BetterWhen::NearZero,
              .filterField = "meanerror",
              .filterExample = "<0"},
    MetricRow{.value = &ErrorMetrics::cosine,
              .key = "cosine",
              .label = "Cosine",
              .title = "Cosine",
              .heading = "cosine",
              .meaning = "Cosine of the angle between original and decoded weights; 1: same "
                         "direction.",
              .formula = "w·y / (‖w‖ ‖y‖)",
              .aspect = MetricAspect::Direction,
              .better = BetterWhen::Higher,
              .listing = MetricListing::Spacious,
              .digits = 7,
              .preciseDigits = 8,
              .filterField = "cosine",
              .filterExample = "<0.99"},
    MetricRow{.value = &ErrorMetrics::relativeError,
              .key = "relative_error",
              .label = "Relative error",
              .title = "Relative error",
              .heading = "relative error %",
              .meaning = "Size of the error relative to the size of the weights.",
              .formula = "100·‖w − y‖ / ‖w‖",
              .unit = MetricUnit::Percent,
              .preciseDigits = 4,
              .filterField = "relativeerror",
              .filterExample = ">10"},
    MetricRow{.value = &ErrorMetrics::nmse,
              .key = "nmse",
              .label = "NMSE",
              .title = "NMSE",
              .heading = "nmse",
              .meaning = "Normalized mean squared error: the squared error relative to the squared "
                         "weights, comparable across tensors of any scale.",
              .formula = "Σ(w − y)² / Σw²",
              .listing = MetricListing::Spacious,
              .filterField = "nmse",
              .filterExample = "<0.01"},
};

/// The row with a key; one that is not there does not compile.
consteval const MetricRow& metricOf(std::string_view key) {
  for (const MetricRow& row : kMetrics) {
    if (key == row.key) return row;
  }
  throw "no such metric";
}

/// "dB", "weight²"; empty where there is none.
const char* textOf(MetricUnit unit);
/// Whether numbers are shown with it: the weights' own unit is understood.
bool saysUnit(MetricUnit unit);

/// All metrics as people read them: one aspect after the other.
std::vector<const MetricRow*> metricsByAspect();
/// Those that a table of few columns lists, or one with room for more.
enum class TableRoom { Narrow, Wide };
std::vector<const MetricRow*> metricsOfTable(TableRoom room);

/// 10 log10(signal / noise) of two sums of squares: +inf where the noise is 0.
double decibels(double signal, double noise);

}  // namespace quantoscope
