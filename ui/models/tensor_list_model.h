// The tensors of the current file as a table.
#pragma once

#include <vector>

#include <QAbstractTableModel>
#include <QSortFilterProxyModel>
#include <QStringList>

#include "ui/models/tensor_badges.h"
#include "ui/models/tensor_filter.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// One row a tensor in the file's order. What is measured fills in as the session measures it;
/// while it belongs to a spec that has changed since, it is shown faintly. Rows that cannot be
/// quantized are grey, with the reason as tooltip. While a file is being opened, the names of its
/// arrays as far as they are known, grey and with nothing else.
class TensorListModel : public QAbstractTableModel {
  Q_OBJECT

 public:
  enum Column {
    Name,
    Shape,
    Type,
    Size,
    Sqnr,
    BestRatio,
    Mse,
    Bits,  ///< per weight, with every overhead; known without measuring
    Kurtosis,
    Outliers,  ///< input channels that stand out
    Layer,
    Spec,  ///< the assigned configuration
    /// From here on those metrics that have no column above, in the order of kMetrics: metrics that
    /// are added leave all other columns, and so what users arranged, in place.
    kFurtherMetrics,
    kColumns = kFurtherMetrics + static_cast<int>(kMetrics.size()) - 2
  };
  /// The metric that a column shows; null where it shows something else.
  static const MetricRow* metricAt(int column);
  static int columnOf(const MetricRow& metric);
  enum Role {
    SortRole = Qt::UserRole,  ///< a number, or a text; nothing where it is not known yet
    QuantizableRole,          ///< bool
    SearchRole,               ///< name, layer and dtype in one text
    NameRole,                 ///< the whole name, in any column
    BadgesRole,               ///< std::vector<TensorBadge>, in the column Type
    ShownRole,                ///< bool: whether the window shows this tensor
  };

  /// The session must outlive the model.
  explicit TensorListModel(Session* session, QObject* parent = nullptr);

  int rowCount(const QModelIndex& parent = {}) const override;
  int columnCount(const QModelIndex& parent = {}) const override;
  QVariant data(const QModelIndex& index, int role) const override;
  QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

  /// The row of the tensor that is shown; -1 where none is.
  int shownRow() const;
  /// The place of its name among all in natural order: layer2 stands before layer10.
  int nameRank(int row) const;
  /// Whether only names are known.
  bool namesOnly() const { return !session_->openingNames().isEmpty(); }
  /// What a filter looks at.
  TensorFacts factsOf(int row) const;

 private:
  struct Header {
    QString title;
    QString tip;
  };

  static Header headerOf(int column);
  void reset();
  QVariant nameOnly(const QModelIndex& index, int role) const;
  QVariant displayed(const TensorInfo& info, const TensorOverview& known, int column) const;
  QVariant sorted(const TensorInfo& info, const TensorOverview& known, int column) const;
  QString toolTip(const TensorInfo& info, const TensorOverview& known, int column) const;
  void overviewChanged(int first, int last);
  void shownTensorChanged();

  Session* session_;
  int rows_ = 0;
  int shownRow_ = -1;
  mutable std::vector<int> ranks_;  ///< of the names; made when first asked for
};

/// Filters a TensorListModel by a TensorFilter. Sorts names so that layer2 stands before layer10;
/// what is not known yet stands last in either order.
class TensorFilterModel : public QSortFilterProxyModel {
  Q_OBJECT

 public:
  explicit TensorFilterModel(QObject* parent = nullptr);

  void setFilterText(const QString& text);
  /// What of the text was not understood; empty where all was.
  QString problem() const { return text_.problem(); }
  /// Also those that cannot be quantized; off at first.
  void setShowAll(bool on);
  bool showAll() const { return showAll_; }

 protected:
  bool filterAcceptsRow(int row, const QModelIndex& parent) const override;
  bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;

 private:
  TensorFilter text_;
  bool showAll_ = false;
};

}  // namespace quantoscope::ui
