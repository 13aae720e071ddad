#include "ui/plots/plot_accessibility.h"

#include <QtGui/QAccessible>
#include <QtWidgets/QAccessibleWidget>

#include "ui/plots/clip_curve_plot.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

namespace {

class PlotAccessible : public QAccessibleWidget {
 public:
  explicit PlotAccessible(Plot* plot) : QAccessibleWidget(plot, QAccessible::Chart) {}

  QString text(QAccessible::Text kind) const override {
    const auto* plot = qobject_cast<const Plot*>(widget());
    switch (kind) {
      case QAccessible::Name:
        return plot->title();
      case QAccessible::Description:
        return plot->summary();
      case QAccessible::Value:
        return plot->hoverText();
      default:
        return QAccessibleWidget::text(kind);
    }
  }

  // The canvas and the veil over it are how a plot draws itself, not things to navigate to.
  int childCount() const override { return 0; }
  QAccessibleInterface* child(int) const override { return nullptr; }
  int indexOfChild(const QAccessibleInterface*) const override { return -1; }
};

class ClipCurveAccessible : public PlotAccessible, public QAccessibleValueInterface {
 public:
  explicit ClipCurveAccessible(ClipCurvePlot* plot) : PlotAccessible(plot), plot_(plot) {}

  void* interface_cast(QAccessible::InterfaceType type) override {
    if (type == QAccessible::ValueInterface) return static_cast<QAccessibleValueInterface*>(this);
    return PlotAccessible::interface_cast(type);
  }

  QVariant currentValue() const override { return plot_->currentRatio(); }
  void setCurrentValue(const QVariant& value) override { plot_->chooseRatio(value.toDouble()); }
  QVariant maximumValue() const override { return 1.0; }
  QVariant minimumValue() const override { return plot_->lowestRatio(); }
  QVariant minimumStepSize() const override { return 0.005; }

 private:
  ClipCurvePlot* plot_;
};

QAccessibleInterface* makeInterface(const QString&, QObject* object) {
  if (auto* curve = qobject_cast<ClipCurvePlot*>(object)) return new ClipCurveAccessible(curve);
  if (auto* plot = qobject_cast<Plot*>(object)) return new PlotAccessible(plot);
  return nullptr;
}

}  // namespace

void installPlotAccessibility() {
  static const bool installed = [] {
    QAccessible::installFactory(makeInterface);
    return true;
  }();
  Q_UNUSED(installed);
}

}  // namespace quantoscope::ui
