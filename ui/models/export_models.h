// What an export study says, as tables: findings line by line, and one line a target.
#pragma once

#include <QAbstractTableModel>

#include "ui/session/export_study.h"

namespace quantoscope::ui {

/// "12.3 MB (12,345,678 bytes)".
QString exactBytesText(std::uint64_t bytes);

/// The findings of a study, with what is done about each and what that costs.
class ExportFindingsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { State, Tensor, Finding, Rule, Remedy, Sqnr, Size, kColumns };
  static constexpr int RefusedRole = Qt::UserRole;  ///< bool: whether it stands in the way

  ExportFindingsModel(const ExportStudy* study, QObject* parent);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QString textOf(const ExportLine& line, int column) const;
  QString tipOf(const ExportLine& line, int column) const;

  const ExportStudy* study_;
};

/// All targets of a study, and whether they can carry the plan.
class ExportTargetsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Target, Carries, Size, Obstacle, kColumns };

  ExportTargetsModel(const ExportStudy* study, QObject* parent);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  QString textOf(int target, int column) const;

  const ExportStudy* study_;
};

}  // namespace quantoscope::ui
