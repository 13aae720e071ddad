#include "ui/models/metric_text.h"

#include <cmath>

#include <QCoreApplication>
#include <QLocale>

#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

struct MetricTexts {
  Q_DECLARE_TR_FUNCTIONS(ErrorMetrics)
};

QString withUnit(const MetricRow& metric, const QString& pattern) {
  const QString title = MetricTexts::tr(metric.title);
  return saysUnit(metric.unit) ? pattern.arg(title, unitOf(metric)) : title;
}

QString preferenceOf(const MetricRow& metric) {
  switch (metric.better) {
    case BetterWhen::Lower:
      return MetricTexts::tr("lower is better");
    case BetterWhen::Higher:
      return MetricTexts::tr("higher is better");
    case BetterWhen::NearZero:
      return MetricTexts::tr("best near 0");
  }
  return {};
}

}  // namespace

QString labelOf(const MetricRow& metric) {
  return MetricTexts::tr(metric.label);
}

QString titleOf(const MetricRow& metric) {
  return withUnit(metric, QStringLiteral("%1, %2"));
}

QString axisLabelOf(const MetricRow& metric) {
  return withUnit(metric, QStringLiteral("%1 (%2)"));
}

QString unitOf(const MetricRow& metric) {
  return metric.unit == MetricUnit::None ? QString() : MetricTexts::tr(textOf(metric.unit));
}

QString tipOf(const MetricRow& metric) {
  return MetricTexts::tr(metric.meaning) + QLatin1Char('\n') + MetricTexts::tr(metric.formula);
}

QString columnTipOf(const MetricRow& metric) {
  return tipOf(metric) + QLatin1Char('\n') +
         MetricTexts::tr("With the tensor's present settings; %1").arg(preferenceOf(metric));
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
