// The clip curve with what it is to show.
#pragma once

#include "core/quant/quant_spec.h"
#include "ui/panels/plot_frame.h"

QT_BEGIN_NAMESPACE
class QComboBox;
QT_END_NAMESPACE

namespace quantoscope::ui {

class ClipCurvePlot;

/// The clip curve, with choosers for what has a ratio of its own, for the window that is searched
/// and for the unit of the error.
class ClipCurveFrame : public PlotFrame {
  Q_OBJECT

 public:
  explicit ClipCurveFrame(ClipCurvePlot* plot, QWidget* parent = nullptr);

  /// SearchTensor, SearchRows or SearchGroups.
  ClipPolicy::Kind search() const;
  /// The reference's, or the extended one that the curve spans.
  RatioGrid window() const;

 Q_SIGNALS:
  void searchChanged();
  void windowChanged();

 private:
  QComboBox* search_;
  QComboBox* window_;
};

}  // namespace quantoscope::ui
