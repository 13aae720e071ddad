// Selected weights in words.
#pragma once

#include <QString>

#include "core/engine/selected_weights.h"

namespace quantoscope::ui {

/// How the weights were chosen: "error −0.012 to −0.01", "|error| 0.5 to 0.6 steps", "weight 0.1 to
/// 0.2", "rows 3–5, channels 0–127", "code 7".
QString selectionName(const Selection& selection);

/// "1,234 of 65,536 weights (1.9 %), error 0.01 to 0.02: 31 % of the squared error, ..."
QString selectionSentence(const SelectedWeights& selected);

/// Name and value of each number, a line each, tab-separated, in the C locale with full precision.
QString selectionTable(const SelectedWeights& selected);

}  // namespace quantoscope::ui
