#include "ui/models/tensor_list_model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <QBrush>
#include <QGuiApplication>
#include <QLocale>
#include <QPalette>

#include "core/base/text.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

QString text(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

std::optional<double> sqnrOf(const TensorOverview& known) {
  return known.measure ? known.measure->sqnrDb : std::nullopt;
}

std::optional<double> bestRatioOf(const TensorOverview& known) {
  return known.measure ? known.measure->bestRatio : std::nullopt;
}

QString meaningsOf(const TensorInfo& info) {
  QStringList meanings;
  for (const TensorBadge& badge : badgesOf(info)) meanings << badge.meaning;
  return meanings.join(QLatin1Char('\n'));
}

QString measuredText(const TensorOverview& known, const std::optional<double>& value,
                     int decimals) {
  if (value && std::isfinite(*value)) return QLocale().toString(*value, 'f', decimals);
  if (value) return numberText(*value);
  if (known.measure && !known.measure->finite) return QStringLiteral("not finite");
  return known.settled ? QStringLiteral("–") : QString();
}

}  // namespace

TensorListModel::TensorListModel(Session* session, QObject* parent)
    : QAbstractTableModel(parent), session_(session) {
  reset();
  connect(session, &Session::fileChanged, this, &TensorListModel::reset);
  connect(session, &Session::openingNamesChanged, this, &TensorListModel::reset);
  connect(session, &Session::overviewChanged, this, &TensorListModel::overviewChanged);
}

void TensorListModel::reset() {
  beginResetModel();
  ranks_.clear();
  rows_ = static_cast<int>(namesOnly() ? static_cast<std::size_t>(session_->openingNames().size())
                                       : session_->tensors().size());
  endResetModel();
}

QVariant TensorListModel::nameOnly(const QModelIndex& index, int role) const {
  const QString& name = session_->openingNames()[index.row()];
  switch (role) {
    case Qt::DisplayRole:
    case SortRole:
      return index.column() == Name ? name : QString();
    case Qt::ToolTipRole:
      return name + QLatin1Char('\n') + tr("What it is will be known in a moment");
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
      return toolTip(info, known, column);
    case Qt::TextAlignmentRole:
      return QVariant(column >= Size ? Qt::AlignRight | Qt::AlignVCenter
                                     : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::ForegroundRole:
      if (!info.quantizable || (column >= Sqnr && !known.settled)) {
        return QGuiApplication::palette().brush(QPalette::Disabled, QPalette::Text);
      }
      return {};
    case QuantizableRole:
      return info.quantizable;
    case SearchRole:
      return text(info.name + "\n" + info.layer + "\n" + info.dtype);
    case NameRole:
      return text(info.name);
    case BadgesRole:
      return column == Type ? QVariant::fromValue(badgesOf(info)) : QVariant();
    case Qt::AccessibleTextRole:
      return column == Type ? meaningsOf(info) : displayed(info, known, column);
    default:
      return {};
  }
}

QVariant TensorListModel::displayed(const TensorInfo& info, const TensorOverview& known,
                                    int column) const {
  switch (column) {
    case Name:
      return text(info.name);
    case Shape:
      return shapeText(info.shape);
    case Type:
      return text(info.dtype);
    case Size:
      return bytesText(static_cast<double>(info.bytes));
    case Sqnr:
      return measuredText(known, sqnrOf(known), 2);
    case BestRatio:
      return measuredText(known, bestRatioOf(known), 3);
    default:
      return {};
  }
}

QVariant TensorListModel::sorted(const TensorInfo& info, const TensorOverview& known,
                                 int column) const {
  constexpr double kUnknown = -std::numeric_limits<double>::infinity();
  switch (column) {
    case Name:
      return text(info.name);
    case Shape:
      return static_cast<qulonglong>(info.elements());
    case Type:
      return text(info.dtype);
    case Size:
      return static_cast<qulonglong>(info.bytes);
    case Sqnr:
      return sqnrOf(known).value_or(kUnknown);
    case BestRatio:
      return bestRatioOf(known).value_or(kUnknown);
    default:
      return {};
  }
}

QString TensorListModel::toolTip(const TensorInfo& info, const TensorOverview& known,
                                 int column) const {
  if (column >= Sqnr && !known.problem.isEmpty()) return known.problem;
  if (column == Type) return meaningsOf(info);
  QString tip = text(info.name);
  if (!info.layer.empty()) tip += QLatin1Char('\n') + tr("Layer: %1").arg(text(info.layer));
  if (!info.quantizable) {
    return tip + QLatin1Char('\n') + tr("Cannot be quantized: %1").arg(text(info.reason));
  }
  tip += QLatin1Char('\n') +
         tr("%1 output × %2 input channels%3")
             .arg(info.rows)
             .arg(info.cols)
             .arg(info.transposed ? tr(", transposed for quantization") : QString());
  return tip + QLatin1Char('\n') + text(describe(session_->specOf(info)));
}

QVariant TensorListModel::headerData(int section, Qt::Orientation orientation, int role) const {
  static const QStringList kTitles = {tr("Tensor"), tr("Shape"),    tr("Type"),
                                      tr("Size"),   tr("SQNR, dB"), tr("Clip")};
  static const QStringList kTips = {
      tr("Path of the tensor in the file"),
      tr("Shape as stored"),
      tr("Element type as stored"),
      tr("Bytes of the elements, uncompressed"),
      tr("Signal to quantization noise with the tensor's present settings; higher is better"),
      tr("Best clip ratio: the one from 1 to 0.805 with the smallest mean squared error, for the "
         "whole tensor")};
  if (orientation != Qt::Horizontal || section < 0 || section >= kColumns) return {};
  if (role == Qt::DisplayRole) return kTitles[section];
  if (role == Qt::ToolTipRole) return kTips[section];
  if (role == Qt::TextAlignmentRole) {
    return QVariant(section >= Size ? Qt::AlignRight | Qt::AlignVCenter
                                    : Qt::AlignLeft | Qt::AlignVCenter);
  }
  return {};
}

int TensorListModel::rowOf(const QString& tensor) const {
  if (namesOnly()) return -1;
  const std::string name = tensor.toStdString();
  const auto& all = session_->tensors();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == name) return static_cast<int>(i);
  }
  return -1;
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
  if (known.measure) {
    facts.sqnrDb = known.measure->sqnrDb;
    facts.clip = known.measure->bestRatio;
  }
  return facts;
}

void TensorListModel::overviewChanged(int first, int last) {
  if (rows_ == 0 || namesOnly()) return;
  if (first < 0) last = rows_ - 1;
  Q_EMIT dataChanged(index(std::max(first, 0), Sqnr), index(last, BestRatio));
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
  if (left.column() == TensorListModel::Name) {
    const auto* tensors = static_cast<const TensorListModel*>(sourceModel());
    return tensors->nameRank(left.row()) < tensors->nameRank(right.row());
  }
  return QSortFilterProxyModel::lessThan(left, right);
}

}  // namespace quantoscope::ui
