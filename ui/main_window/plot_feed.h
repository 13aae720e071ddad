// Hands answers to the plots.
#pragma once

#include <vector>

#include <QObject>

#include "ui/plots/pin_overlay.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

class Plot;

/// Hands the session's answers to plots, each as its row says (see plot_rows.h), and tells them
/// when what they show is out of date. Lives on the GUI thread.
class PlotFeed : public QObject {
  Q_OBJECT

 public:
  /// All must outlive the feed.
  PlotFeed(Session* session, std::vector<Plot*> plots, QObject* parent);

  /// Overlays pins on the plots that support it.
  void setPins(const std::vector<PinOverlay>& pins);
  /// Marks what is out of date; to be called when a plot begins to show something else.
  void showStale();

 private:
  void showResult();
  void showNewResult();
  void showDetail();

  Session* session_;
  std::vector<Plot*> plots_;
  SharedResult shown_;
};

}  // namespace quantoscope::ui
