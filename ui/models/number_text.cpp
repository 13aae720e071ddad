#include "ui/models/number_text.h"

#include <cmath>

#include <QLocale>

namespace quantoscope::ui {

QString numberText(double value, int digits) {
  if (std::isnan(value)) return QStringLiteral("–");
  if (std::isinf(value)) return value > 0 ? QStringLiteral("∞") : QStringLiteral("−∞");
  return QLocale().toString(value, 'g', digits);
}

QString countText(std::uint64_t count) {
  return QLocale().toString(static_cast<qulonglong>(count));
}

QString bytesText(double bytes) {
  return QLocale().formattedDataSize(static_cast<qint64>(bytes), bytes < 1000 ? 0 : 1,
                                     QLocale::DataSizeSIFormat);
}

}  // namespace quantoscope::ui
