// The weights of one group as a table.
#pragma once

#include <QAbstractTableModel>

#include "core/engine/analysis.h"

namespace quantoscope::ui {

/// A row for each weight: input channel, weight, code, decoded value, error (value - weight).
/// Numbers stand with six digits, and in their tooltip with all; sorting is left to a proxy.
class GroupModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Channel, Weight, Code, Value, Error, kColumns };
  static constexpr int NumberRole = Qt::UserRole;  ///< to sort by and to copy

  explicit GroupModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  /// Null, or without a group: empty.
  void setResult(SharedResult result);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  const GroupDetail* group() const;
  double numberAt(int row, int column) const;
  QString textAt(int row, int column, int digits) const;

  SharedResult result_;
};

}  // namespace quantoscope::ui
