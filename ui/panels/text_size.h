// How large the text of the program is.
#pragma once

#include <functional>

#include <QtGlobal>

QT_BEGIN_NAMESPACE
class QWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// The system's font at this share of its size, for the whole program at once; 100 is the system's.
void applyTextSize(int percent);

/// Calls `arrange` now and whenever the widget's font changes: for what is measured in letters.
void followFont(QWidget* widget, std::function<void()> arrange);

}  // namespace quantoscope::ui
