// Everything a result says in numbers, as a table.
#pragma once

#include <string>
#include <vector>

#include <QAbstractTableModel>
#include <QString>

#include "core/engine/detail.h"

namespace quantoscope::ui {

/// One row a metric: name, value, unit; tooltips tell definition and formula. Rows that begin a
/// section carry only a title.
class MetricsModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column { Name, Value, Unit, kColumns };
  enum Role {
    SectionRole = Qt::UserRole,  ///< bool: the row is a section's title
    NumberRole,                  ///< the value as a double, exactly; invalid where it is a text
  };

  explicit MetricsModel(QObject* parent = nullptr);

  /// Null: no rows. `detail` adds what clipping costs and how |error| is distributed; where it is
  /// null these values are still to come.
  void setResult(SharedResult result, SharedDetail detail = {});
  /// Whether the values answer the present question; if not they are shown faintly.
  void setCurrent(bool current);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// The row of a metric by the key it has in files ("mse", "sqnr_db"); -1 if there is none.
  int rowOf(const QString& key) const;

  /// Key, value and unit of every metric, numbers with full precision in the C locale.
  std::vector<std::vector<std::string>> table() const;

 private:
  struct Row {
    QString key;  ///< empty for the title of a section
    QString name;
    QVariant number;
    QString value;
    QString unit;
    QString tip;
  };
  class Builder;

  std::vector<Row> rows_;
  bool current_ = true;
};

}  // namespace quantoscope::ui
