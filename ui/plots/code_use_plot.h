// How often each code is used.
#pragma once

#include <vector>

#include "core/engine/detail.h"
#include "ui/plots/brush_plot.h"
#include "ui/plots/pin_overlay.h"

namespace quantoscope::ui {

/// A bar for every code, ascending by what it decodes to. Codes that nothing uses are marked, and
/// the entropy is compared with the bits that a code takes. Pins whose format has as many codes are
/// lines across the bars.
class CodeUsePlot : public BrushPlot {
  Q_OBJECT

 public:
  explicit CodeUsePlot(QWidget* parent = nullptr);

  /// Null: the empty state.
  void setDetail(SharedDetail detail) override;
  void setPins(std::vector<PinOverlay> pins) override;

  /// One row a code: code, level, count, share, and where something is selected, how much of it.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override { return code_; }
  QString summary() const override;

 protected:
  void applyTheme() override;
  bool hasData() const override;
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override;
  void fitVertically(double lower, double upper) override;
  void hoverAt(QPointF position) override;
  void clearHover() override;
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  std::optional<double> cursorX() const override;
  std::size_t valueColumn() const override { return 2; }
  std::optional<Item> itemAt(QPointF position, bool nearest) const override;
  std::optional<Item> cursorItem() const override;
  QString cursorText() const override;
  std::optional<Selection> selectionOf(Item first, Item last) const override;

 private:
  const CodeUse& use() const { return *detail_->report.codes; }
  double shareOf(std::size_t code) const;
  /// How many of the weights with the code are selected.
  std::uint64_t selectedOf(std::size_t code) const;
  void showCode(std::optional<std::size_t> code);
  QStringList codeLines(std::size_t code) const;
  QString verdict() const;
  bool isComparable(const PinOverlay& pin) const;
  void drawPins(QPainter& painter, const Frame& frame) const;
  void drawBars(QPainter& painter, const Frame& frame) const;
  void drawVerdict(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedDetail detail_;
  std::optional<std::size_t> code_;
  std::vector<PinOverlay> pins_;
};

}  // namespace quantoscope::ui
