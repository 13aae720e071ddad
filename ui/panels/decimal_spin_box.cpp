#include "ui/panels/decimal_spin_box.h"

#include <QLocale>

namespace quantoscope::ui {

namespace {

QString withSignOf(const QLocale& locale, QString text) {
  const QString sign = locale.decimalPoint();
  return text.replace(QLatin1Char('.'), sign).replace(QLatin1Char(','), sign);
}

}  // namespace

double DecimalSpinBox::valueFromText(const QString& text) const {
  return QDoubleSpinBox::valueFromText(withSignOf(locale(), text));
}

QValidator::State DecimalSpinBox::validate(QString& text, int& place) const {
  text = withSignOf(locale(), text);
  return QDoubleSpinBox::validate(text, place);
}

}  // namespace quantoscope::ui
