// A plot with its headline and controls.
#pragma once

#include <QFrame>

QT_BEGIN_NAMESPACE
class QHBoxLayout;
QT_END_NAMESPACE

namespace quantoscope::ui {

class Plot;

/// Title on the left, cut where there is no room for it, the plot's controls on the right, the plot
/// below.
class PlotFrame : public QFrame {
  Q_OBJECT

 public:
  /// Takes ownership of the plot.
  explicit PlotFrame(Plot* plot, QWidget* parent = nullptr);

  Plot* plot() const { return plot_; }
  /// Adds another control at the right end of the headline.
  void addControl(QWidget* control);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  Plot* plot_;
  QHBoxLayout* headline_;
};

}  // namespace quantoscope::ui
