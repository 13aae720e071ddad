// The error over the clip ratio, and a line to choose one.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "core/quant/clip_search.h"
#include "ui/plots/pin_overlay.h"
#include "ui/plots/plot.h"
#include "ui/plots/series.h"
#include "ui/session/clip_spread.h"

class QCPGraph;

namespace quantoscope::ui {

/// The error over clip ratios, which grow to the right, with the gain in dB over no clipping on the
/// right axis; as MSE, or as SQNR where more is better. The best ratio inside the search window is
/// marked; a sentence says what clipping gains. Pins are curves of their own.
///
/// The line of the current ratio can be dragged, or moved with Left and Right by 0.005 (with Shift
/// by 0.05, with Alt by 0.001). It snaps to the ratios of the default grid unless Alt is held. A
/// click on the curve moves it there; Enter, or a click on the optimum, chooses the optimum.
///
/// A search per row or group has no curve: with its outcome, bars show how often each ratio was
/// chosen, a line the error of the tensor, and Enter chooses that search.
class ClipCurvePlot : public Plot {
  Q_OBJECT

 public:
  explicit ClipCurvePlot(QWidget* parent = nullptr);

  /// Null or empty: the empty state. `window` is shaded; only ratios in it can be the marked
  /// optimum. `signal` is the mean of w^2, for the SQNR. The zoom is kept.
  void setCurve(std::shared_ptr<const ClipCurve> curve, RatioGrid window, double signal = 0);
  void setPins(std::vector<PinOverlay> pins) override;
  /// The outcome of a search per row or group, or null for the search per tensor.
  void setSpread(SharedClipSpread spread);

  enum class Measure { Mse, Sqnr };
  void setMeasure(Measure measure);
  Measure measure() const { return measure_; }

  /// The line, and whether the user may move it. Emits nothing. Ignored while the user drags, when
  /// the line is where the pointer is.
  void setCurrentRatio(double ratio, bool draggable);
  double currentRatio() const { return ratio_; }
  bool isDraggable() const { return draggable_; }
  /// The smallest ratio that the line can be moved to; the largest is 1.
  double lowestRatio() const;

  /// Moves the line as a user does, with both signals, where it may be moved. For assistive tools.
  void chooseRatio(double ratio);

  /// Logarithmic MSE. By default where the error in the window spans more than a factor of ten.
  void setLogError(bool on);
  bool logError() const { return logError_; }

  /// The best ratio in the window; nothing without a curve.
  std::optional<double> optimumRatio() const;

  /// One row a ratio: ratio, mse, gain_db (against no clipping); sqnr_db where it is known, and
  /// with a search per row or group how many chose it.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override { return point_; }
  QString summary() const override;

 Q_SIGNALS:
  /// While dragging and for every step of the keyboard, when the ratio changed.
  void ratioDragged(double ratio);
  /// When the button or the key is released, if the ratio changed since it was pressed. Escape
  /// while dragging moves back and then also ends it.
  void ratioDragFinished(double ratio);
  void optimumChosen(double ratio);
  /// The search per row or group that is shown.
  void searchChosen(ClipPolicy::Kind kind, const RatioGrid& window);
  void measureChanged(Measure measure);

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
  std::size_t valueColumn() const override { return 1; }

  bool holdsPointer() const override { return dragging_ || Plot::holdsPointer(); }
  void keyPressEvent(QKeyEvent* event) override;
  void keyReleaseEvent(QKeyEvent* event) override;
  void focusOutEvent(QFocusEvent* event) override;
  void mousePressEvent(QMouseEvent* event) override;
  void mouseMoveEvent(QMouseEvent* event) override;
  void mouseReleaseEvent(QMouseEvent* event) override;
  void mouseDoubleClickEvent(QMouseEvent* event) override;

 private:
  bool isOnLine(QPointF position) const;
  bool isOnOptimum(QPointF position) const;
  void moveRatio(double ratio);
  void finishMove();
  bool spansWidely() const;
  double smallestPositive() const;
  void updateGraph();
  void updateErrorTicks(double lower, double upper);
  void updateGainTicks(double lower, double upper);
  QPointF pointAt(std::size_t index) const;
  double heightOf(double mse) const;
  QVector<double> heightsOf(const ClipCurve& curve) const;
  bool isOnCurve(QPointF position) const;
  bool choose();
  QString verdict() const;
  void stylePins();
  void drawSpread(QPainter& painter, const Frame& frame) const;
  void drawSpreadTotal(QPainter& painter, const Frame& frame) const;
  std::optional<std::size_t> nearestPoint(double ratio) const;
  QStringList pointLines(std::size_t index) const;
  void showPoint(std::optional<std::size_t> index);
  void drawWindow(QPainter& painter, const Frame& frame) const;
  void drawWindowLabel(QPainter& painter, const Frame& frame) const;
  void drawVerdict(QPainter& painter) const;
  void drawOptimum(QPainter& painter, const Frame& frame) const;
  void drawRatio(QPainter& painter, const Frame& frame) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  std::shared_ptr<const ClipCurve> curve_;
  RatioGrid window_;
  double signal_ = 0;
  Measure measure_ = Measure::Mse;
  SharedClipSpread spread_;
  std::vector<PinOverlay> pins_;
  std::vector<QCPGraph*> pinGraphs_;
  QPointF pressedAt_;
  QAction* measureAction_ = nullptr;
  std::optional<ClipOptimum> optimum_;
  double ratio_ = 1.0;
  double ratioBefore_ = 1.0;
  bool draggable_ = false;
  bool dragging_ = false;
  bool stepping_ = false;
  bool logError_ = false;
  bool logChosen_ = false;
  std::optional<std::size_t> point_;
  QAction* logAction_ = nullptr;
  QCPGraph* graph_ = nullptr;
};

}  // namespace quantoscope::ui
