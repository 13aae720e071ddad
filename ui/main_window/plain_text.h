// No widget guesses whether a text is markup.
#pragma once

#include <QObject>

namespace quantoscope::ui {

/// Makes every label of the program that leaves it to Qt to guess its format show plain text: tips,
/// message boxes and file dialogs of Qt among them, which name files. Labels that want markup say
/// so. Once for the whole program; further calls do nothing. GUI thread.
void showPlainTextOnly();

}  // namespace quantoscope::ui
