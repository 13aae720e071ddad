// How often each code is used.
#pragma once

#include "core/engine/detail.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

/// A bar for every code, ascending by what it decodes to. Codes that nothing uses are marked, and
/// the entropy is held against the bits that a code takes.
class CodeUsePlot : public Plot {
  Q_OBJECT

 public:
  explicit CodeUsePlot(QWidget* parent = nullptr);

  /// Null: the empty state.
  void setDetail(SharedDetail detail);

  /// One row a code: code, level, count, share.
  Table table() const override;
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

 private:
  const CodeUse& use() const { return *detail_->report.codes; }
  double shareOf(std::size_t code) const;
  void showCode(std::optional<std::size_t> code);
  QStringList codeLines(std::size_t code) const;
  QString verdict() const;
  void drawBars(QPainter& painter, const Frame& frame) const;
  void drawVerdict(QPainter& painter) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  SharedDetail detail_;
  std::optional<std::size_t> code_;
};

}  // namespace quantoscope::ui
