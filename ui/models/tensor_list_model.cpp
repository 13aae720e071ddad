#include "ui/models/tensor_list_model.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <QBrush>
#include <QGuiApplication>
#include <QLocale>
#include <QPalette>

#include "core/base/text.h"
#include "core/quant/storage_cost.h"
#include "ui/models/metric_text.h"
#include "ui/models/number_text.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// As it is shown.
std::optional<double> shownIn(const TensorOverview& known, const MetricRow& metric) {
  if (!known.measure) return std::nullopt;
  return metric.shown(metric.of(known.measure->metrics));
}

/// The metrics by column; null for other columns.
const std::vector<const MetricRow*>& metricColumns() {
  static const std::vector<const MetricRow*> kColumns = [] {
    std::vector<const MetricRow*> columns(TensorListModel::kColumns);
    columns[TensorListModel::Sqnr] = &metricOf("sqnr_db");
    columns[TensorListModel::Mse] = &metricOf("mse");
    auto next = columns.begin() + TensorListModel::kFurtherMetrics;
    for (const MetricRow& metric : kMetrics) {
      if (std::find(columns.begin(), columns.end(), &metric) == columns.end()) *next++ = &metric;
    }
    return columns;
  }();
  return kColumns;
}

std::optional<double> bestRatioOf(const TensorOverview& known) {
  return known.measure ? known.measure->bestRatio : std::nullopt;
}

QString meaningsOf(const TensorInfo& info) {
  QStringList meanings;
  for (const TensorBadge& badge : badgesOf(info)) meanings << badge.meaning;
  return meanings.join(QLatin1Char('\n'));
}

/// Whether a column belongs to the tensor's spec and is measured, so that it may be out of date.
bool isMeasured(int column) {
  return column == TensorListModel::BestRatio || TensorListModel::metricAt(column) != nullptr;
}

bool isText(int column) {
  switch (column) {
    case TensorListModel::Name:
    case TensorListModel::Shape:
    case TensorListModel::Type:
    case TensorListModel::Layer:
    case TensorListModel::Spec:
      return true;
    default:
      return false;
  }
}

double bitsOf(const Session& session, const TensorInfo& info) {
  const TensorInfo matrix = oriented(info, session.orientationOf(info));
  return storageCostOf(session.specOf(info), matrix.rows, matrix.cols).bitsPerWeight();
}

QVariant numberOrNothing(const std::optional<double>& value) {
  return value && !std::isnan(*value) ? QVariant(*value) : QVariant();
}

/// In place of a number that is not there.
QString absenceText(const TensorOverview& known) {
  if (!known.finite) return QStringLiteral("not finite");
  return known.settled ? QStringLiteral("–") : QString();
}

}  // namespace

const MetricRow* TensorListModel::metricAt(int column) {
  return column < 0 || column >= kColumns ? nullptr
                                          : metricColumns()[static_cast<std::size_t>(column)];
}

int TensorListModel::columnOf(const MetricRow& metric) {
  const auto& columns = metricColumns();
  return static_cast<int>(std::find(columns.begin(), columns.end(), &metric) - columns.begin());
}

TensorListModel::TensorListModel(Session* session, QObject* parent)
    : QAbstractTableModel(parent), session_(session) {
  reset();
  connect(session, &Session::fileChanged, this, &TensorListModel::reset);
  connect(session, &Session::openingNamesChanged, this, &TensorListModel::reset);
  connect(session, &Session::overviewChanged, this, &TensorListModel::overviewChanged);
  connect(session, &Session::tensorChanged, this, &TensorListModel::shownTensorChanged);
}

void TensorListModel::reset() {
  beginResetModel();
  ranks_.clear();
  rows_ = static_cast<int>(namesOnly() ? static_cast<std::size_t>(session_->openingNames().size())
                                       : session_->tensors().size());
  shownRow_ = shownRow();
  endResetModel();
}

QVariant TensorListModel::nameOnly(const QModelIndex& index, int role) const {
  const QString& name = session_->openingNames()[index.row()];
  switch (role) {
    case Qt::DisplayRole:
    case SortRole:
      return index.column() == Name ? shownName(name) : QString();
    case Qt::ToolTipRole:
      return tipText(shownText(name) + QLatin1Char('\n') + tr("Its description is being read"));
    case Qt::ForegroundRole:
      return QGuiApplication::palette().brush(QPalette::Disabled, QPalette::Text);
    case QuantizableRole:
      return false;
    case SearchRole:
    case NameRole:
      return name;
    default:
      return {};
  }
}

int TensorListModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : rows_;
}

int TensorListModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QVariant TensorListModel::data(const QModelIndex& index, int role) const {
  const auto row = static_cast<std::size_t>(index.row());
  if (!index.isValid() || index.row() >= rows_) return {};
  if (namesOnly()) return nameOnly(index, role);
  const TensorInfo& info = session_->tensors()[row];
  const TensorOverview& known = session_->overview(row);
  const int column = index.column();
  switch (role) {
    case Qt::DisplayRole:
      return displayed(info, known, column);
    case SortRole:
      return sorted(info, known, column);
    case Qt::ToolTipRole:
      return tipText(toolTip(info, known, column));
    case Qt::TextAlignmentRole:
      return QVariant(isText(column) ? Qt::AlignLeft | Qt::AlignVCenter
                                     : Qt::AlignRight | Qt::AlignVCenter);
    case Qt::ForegroundRole:
      if (!info.quantizable || (isMeasured(column) && !known.settled)) {
        return QGuiApplication::palette().brush(QPalette::Disabled, QPalette::Text);
      }
      return {};
    case QuantizableRole:
      return info.quantizable;
    case SearchRole:
      return QString::fromStdString(info.name + "\n" + info.layer + "\n" + info.dtype);
    case NameRole:
      return tensorText(info.name);
    case BadgesRole:
      return column == Type ? QVariant::fromValue(badgesOf(info)) : QVariant();
    case Qt::AccessibleTextRole:
      return column == Type ? meaningsOf(info) : displayed(info, known, column);
    case ShownRole:
      return index.row() == shownRow_;
    default:
      return {};
  }
}

QVariant TensorListModel::displayed(const TensorInfo& info, const TensorOverview& known,
                                    int column) const {
  if (const MetricRow* metric = metricAt(column)) {
    const std::optional<double> value = shownIn(known, *metric);
    return value ? cellText(*metric, *value) : absenceText(known);
  }
  switch (column) {
    case Name:
      return shownName(info.name);
    case Shape:
      return shapeText(info.shape);
    case Type:
      return shownText(info.dtype, kMostOfName);
    case Size:
      return bytesText(static_cast<double>(info.bytes));
    case BestRatio: {
      const std::optional<double> ratio = bestRatioOf(known);
      return ratio ? QLocale().toString(*ratio, 'f', 3) : absenceText(known);
    }
    case Bits:
      if (!info.quantizable) return {};
      return QLocale().toString(bitsOf(*session_, info), 'f', 3);
    case Kurtosis:
      return known.weights ? numberText(known.weights->kurtosis, 3) : QString();
    case Outliers:
      if (!known.weights) return {};
      return known.weights->outliers ? countText(*known.weights->outliers) : QStringLiteral("–");
    case Layer:
      return shownText(info.layer, kMostOfName);
    case Spec:
      if (!info.quantizable) return {};
      return session_->hasOwnSpec(info)
                 ? shownText(describe(session_->specOf(info)))
                 : tr("%1 (default)").arg(shownText(describe(session_->specOf(info))));
    default:
      return {};
  }
}

QVariant TensorListModel::sorted(const TensorInfo& info, const TensorOverview& known,
                                 int column) const {
  if (const MetricRow* metric = metricAt(column)) return numberOrNothing(shownIn(known, *metric));
  switch (column) {
    case Name:
      return tensorText(info.name);
    case Shape:
      return static_cast<qulonglong>(info.elements());
    case Type:
      return QString::fromStdString(info.dtype);
    case Size:
      return static_cast<qulonglong>(info.bytes);
    case BestRatio:
      return numberOrNothing(bestRatioOf(known));
    case Bits:
      return info.quantizable ? QVariant(bitsOf(*session_, info)) : QVariant();
    case Kurtosis:
      return known.weights ? numberOrNothing(known.weights->kurtosis) : QVariant();
    case Outliers:
      if (!known.weights || !known.weights->outliers) return {};
      return static_cast<qulonglong>(*known.weights->outliers);
    case Layer:
      return QString::fromStdString(info.layer);
    case Spec:
      return info.quantizable ? QVariant(shownText(describe(session_->specOf(info)))) : QVariant();
    default:
      return {};
  }
}

QString TensorListModel::toolTip(const TensorInfo& info, const TensorOverview& known,
                                 int column) const {
  if (isMeasured(column) && !known.problem.isEmpty()) return known.problem;
  if (column == Type) return meaningsOf(info);
  QString tip = info.name.empty() ? shownName(info.name) : shownText(info.name);
  if (!info.layer.empty()) tip += QLatin1Char('\n') + tr("Layer: %1").arg(shownText(info.layer));
  if (!info.quantizable) {
    return tip + QLatin1Char('\n') + tr("Cannot be quantized: %1").arg(shownText(info.reason));
  }
  tip += QLatin1Char('\n') +
         tr("%1 output × %2 input channels%3")
             .arg(info.rows)
             .arg(info.cols)
             .arg(info.transposed ? tr(", transposed for quantization") : QString());
  return tip + QLatin1Char('\n') + shownText(describe(session_->specOf(info)));
}

TensorListModel::Header TensorListModel::headerOf(int column) {
  if (const MetricRow* metric = metricAt(column)) return {titleOf(*metric), columnTipOf(*metric)};
  switch (column) {
    case Name:
      return {tr("Tensor"), tr("Path of the tensor in the file")};
    case Shape:
      return {tr("Shape"), tr("Shape as stored")};
    case Type:
      return {tr("Type"), tr("Element type as stored")};
    case Size:
      return {tr("Size"), tr("Bytes of the elements, uncompressed")};
    case BestRatio:
      return {tr("Clip"), tr("Best clip ratio: the one from 1 to 0.805 with the smallest mean "
                             "squared error, for the whole tensor")};
    case Bits:
      return {tr("Bits/weight"),
              tr("Bits per weight with the tensor's present settings, scales and "
                 "zero points included")};
    case Kurtosis:
      return {tr("Kurtosis"), tr("Kurtosis of the weights, Pearson's: 3 for a normal distribution; "
                                 "more means heavier tails")};
    case Outliers:
      return {tr("Outliers"), tr("Input channels whose RMS or largest weight is more than 6 times "
                                 "the median channel's")};
    case Layer:
      return {tr("Layer"), tr("Layer that the tensor belongs to")};
    case Spec:
      return {tr("Settings"), tr("Settings of the tensor; (default) where it has none of its own")};
    default:
      return {};
  }
}

QVariant TensorListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  if (role == Qt::DisplayRole) return headerOf(section).title;
  if (role == Qt::ToolTipRole) return headerOf(section).tip;
  if (role == Qt::TextAlignmentRole) {
    return QVariant(isText(section) ? Qt::AlignLeft | Qt::AlignVCenter
                                    : Qt::AlignRight | Qt::AlignVCenter);
  }
  return {};
}

int TensorListModel::shownRow() const {
  const TensorInfo* shown = namesOnly() ? nullptr : session_->currentInfo();
  return shown == nullptr ? -1 : static_cast<int>(shown - session_->tensors().data());
}

int TensorListModel::nameRank(int row) const {
  if (ranks_.empty()) {
    std::vector<std::string> names;
    for (const QString& name : session_->openingNames()) names.push_back(name.toStdString());
    if (names.empty()) {
      for (const TensorInfo& info : session_->tensors()) names.push_back(info.name);
    }
    std::vector<int> order(names.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
      return naturalLess(names[static_cast<std::size_t>(a)], names[static_cast<std::size_t>(b)]);
    });
    ranks_.resize(names.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      ranks_[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
    }
  }
  return ranks_[static_cast<std::size_t>(row)];
}

TensorFacts TensorListModel::factsOf(int row) const {
  if (namesOnly()) {
    TensorFacts facts;
    facts.text = session_->openingNames()[row];
    return facts;
  }
  const auto i = static_cast<std::size_t>(row);
  const TensorInfo& info = session_->tensors()[i];
  const TensorOverview& known = session_->overview(i);
  TensorFacts facts;
  facts.text = index(row, 0).data(SearchRole).toString();
  facts.dtype = QString::fromStdString(info.dtype);
  facts.elements = static_cast<double>(info.elements());
  facts.rows = static_cast<double>(info.rows);
  facts.cols = static_cast<double>(info.cols);
  facts.bytes = static_cast<double>(info.bytes);
  facts.layer = QString::fromStdString(info.layer);
  if (info.quantizable) {
    facts.spec = shownText(describe(session_->specOf(info)));
    facts.bits = bitsOf(*session_, info);
  }
  if (known.measure) {
    facts.metrics = known.measure->metrics;
    facts.clip = known.measure->bestRatio;
  }
  if (known.weights) {
    facts.kurtosis = known.weights->kurtosis;
    if (known.weights->outliers) facts.outliers = static_cast<double>(*known.weights->outliers);
  }
  return facts;
}

void TensorListModel::overviewChanged(int first, int last) {
  if (rows_ == 0 || namesOnly()) return;
  if (first < 0) last = rows_ - 1;
  Q_EMIT dataChanged(index(std::max(first, 0), Sqnr), index(last, kColumns - 1));
}

void TensorListModel::shownTensorChanged() {
  const int before = std::exchange(shownRow_, shownRow());
  for (const int row : {before, shownRow_}) {
    if (row >= 0 && row < rows_) Q_EMIT dataChanged(index(row, Name), index(row, Name));
  }
}

TensorFilterModel::TensorFilterModel(QObject* parent) : QSortFilterProxyModel(parent) {
  setSortRole(TensorListModel::SortRole);
}

void TensorFilterModel::setFilterText(const QString& filter) {
  text_ = TensorFilter::parse(filter);
  invalidateFilter();
}

void TensorFilterModel::setShowAll(bool on) {
  showAll_ = on;
  invalidateFilter();
}

bool TensorFilterModel::filterAcceptsRow(int row, const QModelIndex& parent) const {
  const auto* tensors = static_cast<const TensorListModel*>(sourceModel());
  const QModelIndex index = tensors->index(row, 0, parent);
  const bool listed =
      showAll_ || tensors->namesOnly() || index.data(TensorListModel::QuantizableRole).toBool();
  return listed && (text_.empty() || text_.matches(tensors->factsOf(row)));
}

bool TensorFilterModel::lessThan(const QModelIndex& left, const QModelIndex& right) const {
  const bool leftKnown = left.data(sortRole()).isValid();
  const bool rightKnown = right.data(sortRole()).isValid();
  if (leftKnown != rightKnown) return leftKnown == (sortOrder() == Qt::AscendingOrder);
  if (left.column() == TensorListModel::Name) {
    const auto* tensors = static_cast<const TensorListModel*>(sourceModel());
    return tensors->nameRank(left.row()) < tensors->nameRank(right.row());
  }
  return QSortFilterProxyModel::lessThan(left, right);
}

}  // namespace quantoscope::ui
