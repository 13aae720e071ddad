// What plots tell assistive tools.
#pragma once

namespace quantoscope::ui {

/// Makes every Plot known as a chart with its title as name, its summary as description and what
/// the cursor is on as value; a clip curve also as an adjustable value. Later calls do nothing.
void installPlotAccessibility();

}  // namespace quantoscope::ui
