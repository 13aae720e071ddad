// How often each code is used.
#pragma once

#include <vector>

#include "core/engine/detail.h"
#include "ui/plots/pin_overlay.h"
#include "ui/plots/sequence_plot.h"

namespace quantoscope::ui {

/// A bar for every code, ascending by what it decodes to. Codes that nothing uses are marked, and
/// the entropy is compared with the bits that a code takes. Pins whose format has as many codes are
/// lines across the bars.
class CodeUsePlot : public SequencePlot {
  Q_OBJECT

 public:
  explicit CodeUsePlot(QWidget* parent = nullptr);

  /// Null: the empty state.
  void setDetail(SharedDetail detail) override;
  void setPins(std::vector<PinOverlay> pins) override;

  /// One row a code: code, level, count, share, and where something is selected, how much of it.
  Table table() const override;
  QString summary() const override;

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
  int longStep() const override { return 1; }
  std::optional<Selection> selectionOf(Item first, Item last) const override;

 private:
  const CodeUse& use() const { return *detail_->report.codes; }
  double shareOf(std::size_t code) const;
  /// How many of the weights with the code are selected.
  std::uint64_t selectedOf(std::size_t code) const;
  QString verdict() const;
  bool isComparable(const PinOverlay& pin) const;
  void drawPins(QPainter& painter, const Frame& frame) const;
  void drawBars(QPainter& painter, const Frame& frame) const;
  void drawVerdict(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedDetail detail_;
  std::vector<PinOverlay> pins_;
};

}  // namespace quantoscope::ui
