// Icons of actions in the colours of the palette.
#pragma once

#include <QIcon>

namespace quantoscope::ui {

/// The drawing icons/actions/NAME.svg as an outline in the palette's colour for text, faint where
/// disabled, drawn anew for every size, screen and palette; null where there is no such drawing.
QIcon actionIcon(const QString& name);

}  // namespace quantoscope::ui
