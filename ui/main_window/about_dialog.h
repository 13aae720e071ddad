// What the program is made of.
#pragma once

#include <vector>

#include <QString>

QT_BEGIN_NAMESPACE
class QWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

struct Library {
  QString name;
  QString version;  ///< the one in use where the library tells it, else that of the build
  QString licence;  ///< by its SPDX identifier
};

/// Every library that one of the programs links by itself.
std::vector<Library> libraries();

/// Opens a dialog with the versions and licences of the program and its libraries; returns at once.
void showAbout(QWidget* parent);

}  // namespace quantoscope::ui
