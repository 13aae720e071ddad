// Pinned configurations, compared.
#pragma once

#include <QWidget>

#include "ui/models/comparison_model.h"

QT_BEGIN_NAMESPACE
class QAction;
class QHBoxLayout;
class QTableView;
QT_END_NAMESPACE

namespace quantoscope::ui {

class TradeOffPlot;

/// The table of the present and the pinned configurations, with differences from the baseline,
/// beside the plot of error against bits. Pins are made, renamed in place (F2), coloured, hidden
/// from plots (Space), used, taken as baseline and removed (Delete) here, each undoable.
class ComparisonPanel : public QWidget {
  Q_OBJECT

 public:
  /// Both must outlive the panel.
  ComparisonPanel(Session* session, PinStore* pins, QWidget* parent = nullptr);

  QAction* pinAction() const { return pin_; }
  TradeOffPlot* plot() const { return plot_; }

 private:
  QAction* addButton(const QString& text, const QString& toolTip, void (ComparisonPanel::*slot)());
  const Pin* chosenPin() const;
  void pinCurrent();
  void usePin();
  void makeBaseline();
  void removePin();
  void setUpTable();
  void offerColumns();
  void createActions(QHBoxLayout* buttons);
  void createColorMenu();
  void fillColors();
  void arrangeRows();
  void copyTable() const;
  void showPoints();
  void updateButtons();

  Session* session_;
  PinStore* pins_;
  ComparisonModel* model_;
  QTableView* table_;
  TradeOffPlot* plot_;
  QAction* pin_;
  QAction* use_;
  QAction* baseline_;
  QAction* remove_;
  QAction* removeAll_;
  QAction* copy_;
  QAction* color_;  ///< with a menu
};

}  // namespace quantoscope::ui
