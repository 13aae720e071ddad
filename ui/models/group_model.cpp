#include "ui/models/group_model.h"

#include <QColor>
#include <QLocale>

namespace quantoscope::ui {

void GroupModel::setResult(SharedResult result) {
  if (result == result_) return;
  beginResetModel();
  result_ = std::move(result);
  endResetModel();
}

void GroupModel::setSelection(const std::optional<Selection>& selection) {
  if (selection == selection_) return;
  selection_ = selection;
  if (rowCount() > 0) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
}

bool GroupModel::isSelected(int row) const {
  return selection_ && selects(*selection_, factsOf(*group(), static_cast<std::size_t>(row)));
}

int GroupModel::selectedRows() const {
  int count = 0;
  for (int row = 0; row < rowCount(); ++row) count += isSelected(row) ? 1 : 0;
  return count;
}

const GroupDetail* GroupModel::group() const {
  return result_ && result_->group ? &*result_->group : nullptr;
}

int GroupModel::rowCount(const QModelIndex& parent) const {
  if (parent.isValid() || group() == nullptr) return 0;
  return static_cast<int>(group()->weights.size());
}

int GroupModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

double GroupModel::numberAt(int row, int column) const {
  const GroupDetail& shown = *group();
  const auto i = static_cast<std::size_t>(row);
  switch (column) {
    case Channel:
      return static_cast<double>(shown.firstColumn + i);
    case Weight:
      return shown.weights[i];
    case Code:
      return shown.codes[i];
    case Value:
      return shown.values[i];
    default:
      return -static_cast<double>(shown.weights[i] - shown.values[i]);
  }
}

QVariant GroupModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || group() == nullptr) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
  if (role == NumberRole) return numberAt(index.row(), index.column());
  if (role == SelectedRole) return isSelected(index.row());
  if (role == Qt::BackgroundRole && isSelected(index.row())) {
    return QColor(0xE6, 0x9F, 0x00, 90);  // shows on light and dark ground
  }
  if (role == Qt::AccessibleDescriptionRole && isSelected(index.row())) return tr("selected");
  if (role == Qt::DisplayRole && index.column() == Channel && isSelected(index.row())) {
    return QStringLiteral("● ") + textAt(index.row(), Channel, 6);
  }
  if (role == Qt::DisplayRole) return textAt(index.row(), index.column(), 6);
  // Nine digits tell any two float32 apart.
  if (role == Qt::ToolTipRole) return textAt(index.row(), index.column(), 9);
  return {};
}

QString GroupModel::textAt(int row, int column, int digits) const {
  const double number = numberAt(row, column);
  const bool whole = column == Channel || column == Code;
  return whole ? QLocale().toString(static_cast<qlonglong>(number))
               : QLocale().toString(number, 'g', digits);
}

QVariant GroupModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return int(Qt::AlignRight | Qt::AlignVCenter);
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case Channel:
      return tr("Channel");
    case Weight:
      return tr("Weight");
    case Code:
      return tr("Code");
    case Value:
      return tr("Decoded");
    default:
      return tr("Error");
  }
}

}  // namespace quantoscope::ui
