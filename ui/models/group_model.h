// The weights of one group as a table.
#pragma once

#include <QAbstractTableModel>

#include "core/engine/analysis.h"
#include "core/engine/selection.h"

namespace quantoscope::ui {

/// A row for each weight: input channel, weight, code, decoded value, error (value - weight).
/// Numbers stand with six digits, and in their tooltip with all; sorting is left to a proxy.
/// Selected weights have a dot before the channel and a ground of their own.
class GroupModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Channel, Weight, Code, Value, Error, kColumns };
  enum Role {
    NumberRole = Qt::UserRole,  ///< to sort by and to copy
    SelectedRole                ///< bool: the weight is selected
  };

  explicit GroupModel(QObject* parent = nullptr) : QAbstractTableModel(parent) {}

  /// Null, or without a group: empty.
  void setResult(SharedResult result);
  /// Which weights stand out.
  void setSelection(const std::optional<Selection>& selection);
  int selectedRows() const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  const GroupDetail* group() const;
  double numberAt(int row, int column) const;
  QString textAt(int row, int column, int digits) const;

  bool isSelected(int row) const;

  SharedResult result_;
  std::optional<Selection> selection_;
};

}  // namespace quantoscope::ui
