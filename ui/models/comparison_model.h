// The present configuration and the pinned ones, side by side.
#pragma once

#include <QAbstractTableModel>

#include "ui/session/pin_store.h"

namespace quantoscope::ui {

/// The first row is what the window shows now, the others are the pins, whose names can be edited
/// and whose check marks say whether plots draw them. Behind each metric stands its difference from
/// the baseline, which is only known within the baseline's tensor. Numbers are rounded for reading;
/// NumberRole has them exactly.
class ComparisonModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    Name,
    Sqnr,
    SqnrGain,
    Bits,
    BitsMore,
    Bytes,
    BytesMore,
    Mse,
    MseMore,
    MaxError,
    MaxErrorMore,
    Clip,
    ClipMore,
    kFurtherMetrics,  ///< metrics of kMetrics without a column above, each with its difference
    Tensor = kFurtherMetrics + 2 * (static_cast<int>(kMetrics.size()) - 3),
    kColumns
  };
  static constexpr int NumberRole = Qt::UserRole;
  static constexpr int ColorRole = Qt::UserRole + 1;  ///< a number for pinColor(); none for row 0

  /// The metric of kMetrics that a column shows; null for a difference and for anything else.
  static const MetricRow* metricAt(int column);
  static bool isMetric(int column) { return column > Name && column < Tensor && column % 2 == 1; }
  static bool isDifference(int column) {
    return column > Name && column < Tensor && column % 2 == 0;
  }
  /// Whether a column holds a metric that has no place of its own in the table.
  static bool isFurther(int column) { return column >= kFurtherMetrics && column < Tensor; }

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
  std::optional<double> valueAt(int row, int column) const;
  static QString titleAt(int column);
  std::optional<double> numberAt(int row, int column) const;
  QString textAt(int row, int column) const;
  std::shared_ptr<const PinMeasure> measureAt(int row) const;
  bool comparable(int row) const;

  Session* session_;
  PinStore* pins_;
  std::shared_ptr<const PinMeasure> current_;
  int rows_ = 1;
};

}  // namespace quantoscope::ui
