// Light, dark and high-contrast colours of our own.
#pragma once

#include <QPalette>

#include "ui/session/settings.h"

namespace quantoscope::ui {

/// Our palettes for the Fusion style.
QPalette lightPalette();
QPalette darkPalette();
/// White on black with a bright accent: text and ground differ by 21:1.
QPalette highContrastPalette();

/// Light, dark or high contrast: the Fusion style with our palette, for the whole application.
/// System: style and palette as the platform has them, followed live.
void applyAppearance(Appearance appearance);

}  // namespace quantoscope::ui
