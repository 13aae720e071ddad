// Asking for files without blocking the window.
#pragma once

#include <functional>

#include <QString>
#include <QStringList>

#include "ui/session/settings.h"

QT_BEGIN_NAMESPACE
class QWidget;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Asks for files to open, beginning in the last directory; calls `then` with the choice.
void askForFiles(QWidget* parent, Settings& settings, const QString& title,
                 const QStringList& filters, std::function<void(const QStringList&)> then);

/// What askForSavePath offers.
struct SaveQuestion {
  QString title;
  QString suggestedName;
  QStringList filters;  ///< the first decides the suffix where the user gives none
  QString suffix;       ///< "json"
};

/// Asks where to save, beginning in the last directory; asks before a file is replaced; calls
/// `then` with the choice.
void askForSavePath(QWidget* parent, Settings& settings, const SaveQuestion& question,
                    std::function<void(const QString&)> then);

}  // namespace quantoscope::ui
