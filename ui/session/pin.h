// A configuration that was kept to be compared with others.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <QString>

#include "core/base/json.h"
#include "core/engine/analysis.h"

namespace quantoscope::ui {

/// What a pinned configuration leads to; equal to what an analysis of it says. Immutable.
struct PinMeasure {
  ErrorMetrics metrics;  ///< NaN where a session of an older version does not tell one
  double bitsPerWeight = 0;
  std::uint64_t bytes = 0;
  std::optional<double> clipRatio;         ///< where one serves the whole tensor
  Histogram errors;                        ///< of y - w
  std::shared_ptr<const ClipCurve> curve;  ///< null: not known

  /// Whether an analysis tells a metric that is not known here.
  bool lacksMetricOf(const AnalysisResult& result) const;

  /// Nothing for a preview, and for a tensor that is not finite.
  static std::optional<PinMeasure> from(const AnalysisResult& result,
                                        std::shared_ptr<const ClipCurve> curve);
};

using SharedPinMeasure = std::shared_ptr<const PinMeasure>;

/// A tensor of a file under a specification, with a name and a colour. A value type.
struct Pin {
  static constexpr int kColors = 8;

  int id = 0;  ///< unique in a running program
  QString name;
  int color = 0;      ///< 0..kColors - 1: an index into the palette for pins
  bool shown = true;  ///< whether plots draw it
  QString file;       ///< absolute path
  QString tensor;
  QuantSpec spec;
  SharedPinMeasure measure;  ///< null: not measured yet
  QString problem;           ///< why it cannot be measured; empty where it can

  /// Whether both are of one tensor.
  bool sameTensor(const Pin& other) const { return file == other.file && tensor == other.tensor; }
};

/// Without the id and the problem; `file` is written as given.
Json toJson(const Pin& pin, const QString& file);
/// Reads such an object; the id stays 0 and `file` is what was written. `name` begins the message
/// of an error, which tells the key and what is allowed.
Result<Pin> pinFromJson(const Json& json, const std::string& name);

}  // namespace quantoscope::ui
