// What bits buy.
#pragma once

#include <vector>

#include "ui/plots/plot.h"

class QCPGraph;

namespace quantoscope::ui {

/// SQNR over bits per weight, a mark for each configuration: up and to the left is better.
class TradeOffPlot : public Plot {
  Q_OBJECT

 public:
  struct Point {
    QString name;
    double bits = 0;    ///< per weight, with every overhead
    double sqnrDb = 0;  ///< finite
    int color = -1;     ///< a number for pinColor(); -1: what the window shows now
  };

  explicit TradeOffPlot(QWidget* parent = nullptr);

  /// None: the empty state.
  void setPoints(std::vector<Point> points);

  /// One row a configuration: bits_per_weight, sqnr_db.
  Table table() const override;
  std::optional<std::size_t> cursorRow() const override { return point_; }
  QString summary() const override;

 protected:
  void applyTheme() override {}
  bool hasData() const override { return !points_.empty(); }
  std::pair<double, double> fullRange() const override;
  double narrowestRange() const override { return 0.1; }
  void fitVertically(double lower, double upper) override;
  void hoverAt(QPointF position) override;
  void clearHover() override;
  bool stepCursor(int direction, Qt::KeyboardModifiers modifiers) override;
  std::optional<double> cursorX() const override;
  std::size_t valueColumn() const override { return 1; }

 private:
  void showPoint(std::optional<std::size_t> point);
  QStringList lines(std::size_t point) const;
  QPointF placeOf(const Point& point, const Frame& frame) const;
  QPointF placeOf(const Point& point) const;
  void drawPoints(QPainter& painter, const Frame& frame) const;
  void drawHover(QPainter& painter, const Frame& frame) const;

  std::vector<Point> points_;  ///< by bits
  std::optional<std::size_t> point_;
};

}  // namespace quantoscope::ui
