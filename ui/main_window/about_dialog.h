// What the program is made of.
#pragma once

#include <vector>

#include <QtGlobal>

#include "core/io/libraries.h"

QT_BEGIN_NAMESPACE
class QWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Every library that one of the programs links by itself, Qt first.
std::vector<Library> libraries();

/// Opens a dialog with the versions and licences of the program and its libraries; returns at once.
void showAbout(QWidget* parent);

}  // namespace quantoscope::ui
