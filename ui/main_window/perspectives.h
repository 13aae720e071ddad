// The arrangements of the window's docks: one row each.
#pragma once

#include <Qt>
#include <QtGlobal>

namespace quantoscope::ui {

/// All docks; settings, clip curve and the model's tensors; the comparison. No order is meant.
enum class Perspective { Inspect, Tune, Compare };

struct PerspectiveRow {
  Perspective perspective;
  const char* name;   ///< on the command line
  const char* title;  ///< in the menu; translated by MainWindow
  Qt::Key key;        ///< with Ctrl: shows it
  int saved;          ///< its number in the settings, which are kept from version to version
};

/// In the order of the menu.
inline constexpr PerspectiveRow kPerspectives[] = {
    {Perspective::Inspect, "inspect", QT_TRANSLATE_NOOP("quantoscope::ui::MainWindow", "&Inspect"),
     Qt::Key_1, 0},
    {Perspective::Tune, "tune", QT_TRANSLATE_NOOP("quantoscope::ui::MainWindow", "&Tune"),
     Qt::Key_2, 1},
    {Perspective::Compare, "compare", QT_TRANSLATE_NOOP("quantoscope::ui::MainWindow", "C&ompare"),
     Qt::Key_3, 2},
};

}  // namespace quantoscope::ui
