// Plots that show the same stretch of what they share.
#pragma once

#include <vector>

#include <QtCore/QObject>

namespace quantoscope::ui {

class Plot;

/// While on: where the user zooms or pans one plot, those whose horizontal axis measures the same
/// (see Plot::axisKey) show the same range, as far as they have it. The plots must outlive the
/// links.
class PlotLinks : public QObject {
  Q_OBJECT

 public:
  PlotLinks(std::vector<Plot*> plots, QObject* parent = nullptr);

  void setOn(bool on) { on_ = on; }
  bool isOn() const { return on_; }

 private:
  void follow(const Plot& leader, double lower, double upper);

  std::vector<Plot*> plots_;
  bool on_ = true;
  bool following_ = false;
};

}  // namespace quantoscope::ui
