// One configuration against another.
#pragma once

#include <QWidget>

#include "ui/session/head_to_head.h"

QT_BEGIN_NAMESPACE
class QComboBox;
class QLabel;
QT_END_NAMESPACE

namespace quantoscope::ui {

class DifferenceMapPlot;
class DifferencePlot;
class WinBar;

/// Choosers for the two sides, a bar with the groups that each wins and those that are drawn, and
/// the histogram and the map of the difference of their errors. Nothing is computed while it is
/// hidden.
class HeadToHeadPanel : public QWidget {
  Q_OBJECT

 public:
  /// `headToHead` must outlive the panel.
  explicit HeadToHeadPanel(HeadToHead* headToHead, QWidget* parent = nullptr);

  DifferencePlot* plot() const { return plot_; }
  DifferenceMapPlot* map() const { return map_; }

 protected:
  void showEvent(QShowEvent* event) override;
  void hideEvent(QHideEvent* event) override;

 private:
  void refresh();
  void fillChoosers();
  void showAnswer();
  QString verdict() const;

  HeadToHead* headToHead_;
  QComboBox* first_;
  QComboBox* second_;
  WinBar* bar_;
  QLabel* verdict_;
  DifferencePlot* plot_;
  DifferenceMapPlot* map_;
};

}  // namespace quantoscope::ui
