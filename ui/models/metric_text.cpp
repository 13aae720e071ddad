#include "ui/models/metric_text.h"

#include <cmath>

#include <QCoreApplication>
#include <QLocale>

#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

QString translated(const char* text) {
  return QCoreApplication::translate("ErrorMetrics", text);
}

QString withUnit(const MetricRow& metric, const QString& pattern) {
  const QString title = translated(metric.title);
  return saysUnit(metric.unit) ? pattern.arg(title, unitOf(metric)) : title;
}

QString preferenceOf(const MetricRow& metric) {
  switch (metric.better) {
    case BetterWhen::Lower:
      return translated("lower is better");
    case BetterWhen::Higher:
      return translated("higher is better");
    case BetterWhen::NearZero:
      return translated("best near 0");
  }
  return {};
}

}  // namespace

QString labelOf(const MetricRow& metric) {
  return translated(metric.label);
}

QString titleOf(const MetricRow& metric) {
  return withUnit(metric, QStringLiteral("%1, %2"));
}

QString axisLabelOf(const MetricRow& metric) {
  return withUnit(metric, QStringLiteral("%1 (%2)"));
}

QString unitOf(const MetricRow& metric) {
  return metric.unit == MetricUnit::None ? QString() : translated(textOf(metric.unit));
}

QString tipOf(const MetricRow& metric) {
  return translated(metric.meaning) + QLatin1Char('\n') + translated(metric.formula);
}

QString columnTipOf(const MetricRow& metric) {
  return tipOf(metric) + QLatin1Char('\n') +
         translated("With the tensor's present settings; %1").arg(preferenceOf(metric));
}

/// Decibels are compared by their difference, so they keep the same decimals; all others the same
/// number of significant digits.
QString cellText(const MetricRow& metric, double shown) {
  if (metric.unit == MetricUnit::Decibel && std::isfinite(shown)) {
    return QLocale().toString(shown, 'f', 2);
  }
  return numberText(shown, metric.digits);
}

}  // namespace quantoscope::ui
