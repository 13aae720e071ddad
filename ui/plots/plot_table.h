// A plot's data in rows and columns.
#pragma once

#include <QtCore/QAbstractTableModel>
#include <QtWidgets/QDialog>

#include "ui/plots/plot.h"

QT_BEGIN_NAMESPACE
class QLabel;
class QSortFilterProxyModel;
class QTableView;
QT_END_NAMESPACE

namespace quantoscope::ui {

/// Numbers under the names that they have in files. They read in the user's locale, with up to 17
/// digits: as many as tell any two doubles apart.
class PlotTableModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  static constexpr int NumberRole = Qt::UserRole;  ///< to sort by

  explicit PlotTableModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  void setTable(Plot::Table table);
  const Plot::Table& table() const { return table_; }

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  Plot::Table table_;
};

/// A window with the plot's table, sortable, that follows the plot while it is open. The plot's
/// summary stands above it. Ctrl+C copies the chosen rows, tab-separated with a point; choosing
/// rows with Enter or a double click points at the same weights as choosing them in the plot.
class PlotTable : public QDialog {
  Q_OBJECT

 public:
  /// A child of the plot.
  explicit PlotTable(Plot* plot);

  QTableView* view() const { return view_; }

 protected:
  void showEvent(QShowEvent* event) override;
  bool eventFilter(QObject* watched, QEvent* event) override;

 private:
  void fill();
  void copyRows() const;
  std::vector<std::size_t> chosenRows() const;

  Plot* plot_;
  PlotTableModel* model_;
  QSortFilterProxyModel* sorted_;
  QLabel* summary_;
  QTableView* view_;
};

}  // namespace quantoscope::ui
