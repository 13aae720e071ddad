#include "ui/main_window/brushing.h"

#include "ui/plots/brush_plot.h"

namespace quantoscope::ui {

Brushing::Brushing(Session* session, const std::vector<Plot*>& plots, QObject* parent)
    : QObject(parent) {
  for (Plot* plot : plots) {
    auto* brushed = qobject_cast<BrushPlot*>(plot);
    if (brushed == nullptr) continue;
    connect(brushed, &BrushPlot::selectionChosen, session,
            [session](const Selection& selection) { session->setSelection(selection); });
    connect(brushed, &BrushPlot::selectionCleared, session,
            [session] { session->setSelection({}); });
    const auto show = [session, brushed] {
      brushed->setSelected(session->selection(), session->selected());
    };
    connect(session, &Session::selectionChanged, brushed, show);
    // Another spec or tensor: what was found is not about it.
    connect(session, &Session::specChanged, brushed, show);
    connect(session, &Session::tensorChanged, brushed, show);
    connect(session, &Session::detailChanged, brushed, show);
  }
}

}  // namespace quantoscope::ui
