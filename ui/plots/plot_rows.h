// The plots, a row each: what the window, its docks and menus, exports and commands read.
//
// To add a plot: its pair of files, and its row in plot_rows.cpp. One with a dock of its own is
// then shown, arranged, exported, and found by the locator.
#pragma once

#include <cstdint>
#include <span>

#include <QtCore/QMetaObject>
#include <QtCore/QString>

namespace quantoscope::ui {

class Plot;

/// What a plot is filled with, and so when it is out of date.
enum class PlotBasis : std::uint8_t {
  Result,  ///< the quick answer, completed by the longer one
  Detail,  ///< the longer answer
  Curve,   ///< the clip curve
  Panel,   ///< what the panel around it hands over
};

/// Which command prints what a plot shows.
enum class PlotCommand : std::uint8_t { Inspect, InspectDetail, Search };

struct PlotRow {
  const QMetaObject* type;  ///< the plot's class
  const char* name;         ///< in menus, with a mnemonic; of its dock, without: see title()
  const char* fileEnd;      ///< of the names of exported files: "clip-curve"
  const char* dock;         ///< the object name of a dock of its own; null where it has none
  PlotBasis basis;
  PlotCommand command;
  Plot* (*make)();

  QString menuText() const;  ///< "Error &Map"
  QString title() const;     ///< "Error Map"
};

/// All rows, in the order that users see.
std::span<const PlotRow> plotRows();
/// The row of a plot's class.
const PlotRow& rowOf(const Plot& plot);

}  // namespace quantoscope::ui
