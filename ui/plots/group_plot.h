// The weights of one group beside what they decode to.
#pragma once

#include "ui/plots/sequence_plot.h"

namespace quantoscope::ui {

/// Every weight of the result's group as a dot, over its place in the group, with a line to the
/// value that it decodes to: the error. The group's levels are thin lines. Its items are the
/// weights; selected ones are framed.
class GroupPlot : public SequencePlot {
  Q_OBJECT

 public:
  explicit GroupPlot(QWidget* parent = nullptr);

  /// Null, or without a group: the empty state. The zoom is kept while the group stays the same.
  void setResult(SharedResult result) override;

  /// One row a weight: row, column, weight, code, decoded, error, scale, zero_point, and where
  /// something is selected, whether it is.
  Table table() const override;
  QString summary() const override;
  QSize minimumSizeHint() const override { return {150, 100}; }

 protected:
  void applyTheme() override {}
  bool hasData() const override;
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override;
  void fitVertically(double lower, double upper) override;
  std::size_t valueColumn() const override { return 2; }
  std::size_t itemCount() const override;
  double placeAt(double x) const override;
  double middleOf(std::size_t place) const override;
  QStringList linesOf(std::size_t place) const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;

 private:
  const GroupDetail& group() const { return *result_->group; }
  double errorOf(std::size_t place) const;
  bool isSelected(std::size_t place) const;
  void drawLevels(QPainter& painter, const Frame& frame) const;
  void drawWeights(QPainter& painter, const Frame& frame) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedResult result_;
};

}  // namespace quantoscope::ui
