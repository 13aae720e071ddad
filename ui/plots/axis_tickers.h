// Tick labels in the user's locale, short enough for small plots.
#pragma once

#include <QtCore/QSharedPointer>
#include <QtCore/QSize>

class QCPAxisTicker;
class QCustomPlot;

namespace quantoscope::ui {

/// Whole numbers: "0", "500", "12 k".
QSharedPointer<QCPAxisTicker> countTicker();
/// Powers of ten from 1 up, written likewise.
QSharedPointer<QCPAxisTicker> logCountTicker();
/// Values as valueText writes them.
QSharedPointer<QCPAxisTicker> valueTicker();
/// The same divided by `unit`, which the axis label then has to tell.
QSharedPointer<QCPAxisTicker> scaledValueTicker(double unit);
/// The same for a logarithmic axis of a few decades: 1, 2 and 5 times the powers of ten.
QSharedPointer<QCPAxisTicker> scaledLogTicker(double unit);

/// As many ticks on each axis as have room beside each other in a canvas of this size.
void fitTicks(QCustomPlot& canvas, const QSize& size);

}  // namespace quantoscope::ui
