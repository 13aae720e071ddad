#include "ui/plots/axis_tickers.h"

#include <algorithm>
#include <cmath>

#include <qcustomplot.h>

#include "ui/plots/series.h"

namespace quantoscope::ui {

namespace {

constexpr int kTicks = 5;

class CountTicker final : public QCPAxisTicker {
 public:
  CountTicker() { setTickCount(kTicks); }

 protected:
  double getTickStep(const QCPRange& range) override {
    const double step = QCPAxisTicker::getTickStep(range);
    return step < 10 ? std::max(1.0, std::ceil(step)) : step;  // not 2.5
  }
  int getSubTickCount(double) override { return 0; }
  QString getTickLabel(double tick, const QLocale& locale, QChar, int) override {
    return shortCountText(tick, locale);
  }
};

class LogCountTicker final : public QCPAxisTickerLog {
 public:
  LogCountTicker() { setTickCount(kTicks); }

 protected:
  QString getTickLabel(double tick, const QLocale& locale, QChar, int) override {
    return tick < 1 ? QString() : shortCountText(tick, locale);
  }
};

class ValueTicker : public QCPAxisTicker {
 public:
  explicit ValueTicker(double unit) : unit_(unit) { setTickCount(kTicks); }

 protected:
  int getSubTickCount(double) override { return 0; }
  QString getTickLabel(double tick, const QLocale& locale, QChar, int) override {
    return valueText(tick / unit_, locale, 5);
  }

 private:
  double unit_;
};

class LogValueTicker final : public ValueTicker {
 public:
  using ValueTicker::ValueTicker;

 protected:
  QVector<double> createTickVector(double, const QCPRange& range) override {
    QVector<double> ticks;
    const int first = static_cast<int>(std::floor(std::log10(range.lower)));
    const int last = static_cast<int>(std::floor(std::log10(range.upper)));
    for (int exponent = first; exponent <= last; ++exponent) {
      for (const double digit : {1.0, 2.0, 5.0}) ticks.append(digit * std::pow(10.0, exponent));
    }
    return ticks;
  }
};

}  // namespace

QSharedPointer<QCPAxisTicker> countTicker() {
  return QSharedPointer<CountTicker>::create();
}

QSharedPointer<QCPAxisTicker> logCountTicker() {
  return QSharedPointer<LogCountTicker>::create();
}

QSharedPointer<QCPAxisTicker> valueTicker() {
  return scaledValueTicker(1);
}

QSharedPointer<QCPAxisTicker> scaledValueTicker(double unit) {
  return QSharedPointer<ValueTicker>::create(unit);
}

QSharedPointer<QCPAxisTicker> scaledLogTicker(double unit) {
  return QSharedPointer<LogValueTicker>::create(unit);
}

void fitTicks(QCustomPlot& canvas, const QSize& size) {
  constexpr int kFewest = 2;
  constexpr int kLetters = 12;  // of a label and the room beside it
  constexpr int kLines = 2;     // that a label takes of an upright axis
  for (QCPAxis* axis : canvas.axisRect()->axes()) {
    const QFontMetrics metrics(axis->tickLabelFont());
    // What is left beside, or below and above, the plotted area.
    const bool upright = axis->orientation() == Qt::Vertical;
    const int room = upright ? size.height() - 5 * metrics.height()
                             : size.width() - kLetters * metrics.averageCharWidth();
    const int label = upright ? kLines * metrics.height() : kLetters * metrics.averageCharWidth();
    axis->ticker()->setTickCount(std::clamp(room / std::max(label, 1), kFewest, kTicks));
  }
}

}  // namespace quantoscope::ui
