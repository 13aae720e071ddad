// Light and dark colours of our own.
#pragma once

#include <QPalette>

#include "ui/session/settings.h"

namespace quantoscope::ui {

/// Our palettes for the Fusion style.
QPalette lightPalette();
QPalette darkPalette();

/// Light or dark: the Fusion style with our palette, for the whole application. System: style and
/// palette as the platform has them, followed live.
void applyAppearance(Appearance appearance);

}  // namespace quantoscope::ui
