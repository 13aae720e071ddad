// The error along one side of a tensor.
#pragma once

#include <vector>

#include "core/engine/detail.h"
#include "ui/plots/pin_overlay.h"
#include "ui/plots/sequence_plot.h"

QT_BEGIN_NAMESPACE
class QAction;
QT_END_NAMESPACE
class QCPGraph;

namespace quantoscope::ui {

/// The RMS error of each row, of the groups at each place of a row, or of each input channel; in
/// order, or sorted with the worst first. Where there are more members than points, the line shows
/// a point's worst member and the fill their common RMS. Outlier input channels are named. Pins are
/// lines of their common RMS, member by member in the same order; where groups have another size,
/// their places are others, and such a pin is left out.
class ProfilePlot : public SequencePlot {
  Q_OBJECT

 public:
  enum class Side { Rows, GroupPositions, InputChannels };

  explicit ProfilePlot(QWidget* parent = nullptr);

  /// Null: the empty state.
  void setDetail(SharedDetail detail) override;
  void setPins(std::vector<PinOverlay> pins) override;
  std::vector<QWidget*> makeControls(QWidget* parent) override;
  void setSide(Side side);
  Side side() const { return side_; }
  void setSorted(bool on);
  bool isSorted() const { return sorted_; }

  /// One row a point: first, last (members, inclusive), rms_error, worst, worst_rms_error, and
  /// where something is selected, how many of the point's weights.
  Table table() const override;
  QString summary() const override;
  QString axisKey() const override;

 Q_SIGNALS:
  void sortedChanged(bool on);

 protected:
  void applyTheme() override;
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
  const Profile& profile() const;
  const Profile::Point& pointAt(std::size_t place) const;
  double xOf(std::size_t place) const;
  std::uint64_t selectedAt(std::size_t place) const;
  void drawSelected(QPainter& painter, const Frame& frame) const;
  void arrange();
  const Profile& profileOf(const AnalysisDetail& detail) const;
  bool isComparable(const PinOverlay& pin) const;
  void arrangePins();
  void stylePins();
  QStringList spanLines(const Profile::Point& point) const;
  QString memberName(std::size_t member) const;
  void drawOutliers(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedDetail detail_;
  Side side_ = Side::Rows;
  bool sorted_ = false;
  std::vector<std::size_t> order_;  ///< of the points, as they stand from left to right
  QCPGraph* mean_ = nullptr;
  QCPGraph* worst_ = nullptr;
  QAction* sortAction_ = nullptr;
  std::vector<PinOverlay> pins_;
  std::vector<QCPGraph*> pinGraphs_;
};

}  // namespace quantoscope::ui
