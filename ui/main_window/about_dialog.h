// What the program is made of.
#pragma once

#include <QtGlobal>

QT_BEGIN_NAMESPACE
class QWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Opens a dialog with the versions and licences of the program and its libraries; returns at once.
void showAbout(QWidget* parent);

}  // namespace quantoscope::ui
