// The present configuration and the pinned ones, side by side.
#pragma once

#include <QAbstractTableModel>

#include "ui/session/pin_store.h"

namespace quantoscope::ui {

/// The first row is what the window shows now, the others are the pins, whose names can be edited.
/// Differences are against the baseline, and only within its tensor. Numbers are rounded for
/// reading; NumberRole has them exactly.
class ComparisonModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Name, Sqnr, SqnrGain, Bits, Bytes, Mse, MaxError, Clip, Tensor, kColumns };
  static constexpr int NumberRole = Qt::UserRole;
  static constexpr int ColorRole = Qt::UserRole + 1;  ///< a number for pinColor(); none for row 0

  /// Both must outlive the model.
  ComparisonModel(Session* session, PinStore* pins, QObject* parent = nullptr);

  /// The pin in a row; null for the first.
  const Pin* pinAt(int row) const;

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  bool setData(const QModelIndex& index, const QVariant& value, int role) override;
  Qt::ItemFlags flags(const QModelIndex& index) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  void refresh();
  std::optional<double> numberAt(int row, int column) const;
  QString textAt(int row, int column) const;
  std::shared_ptr<const PinMeasure> measureAt(int row) const;
  bool comparable(int row) const;

  Session* session_;
  PinStore* pins_;
  std::shared_ptr<const PinMeasure> current_;
};

}  // namespace quantoscope::ui
