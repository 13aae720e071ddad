#include "ui/models/comparison_model.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <QFont>
#include <QLocale>

#include "core/base/text.h"
#include "ui/models/metric_text.h"
#include "ui/models/number_text.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

ComparisonModel::ComparisonModel(Session* session, PinStore* pins, QObject* parent)
    : QAbstractTableModel(parent), session_(session), pins_(pins) {
  connect(pins, &PinStore::changed, this, &ComparisonModel::refresh);
  connect(session, &Session::resultChanged, this, &ComparisonModel::refresh);
  connect(session, &Session::tensorChanged, this, &ComparisonModel::refresh);
  refresh();
}

/// Rows that stay keep their selection: only when pins come or go is everything new.
void ComparisonModel::refresh() {
  current_.reset();
  if (session_->resultIsCurrent()) {
    if (auto measure = PinMeasure::from(*session_->result(), session_->curve())) {
      current_ = std::make_shared<const PinMeasure>(std::move(*measure));
    }
  }
  const int rows = 1 + static_cast<int>(pins_->pins().size());
  if (rows == rows_) {
    Q_EMIT dataChanged(index(0, 0), index(rows_ - 1, kColumns - 1));
    return;
  }
  beginResetModel();
  rows_ = rows;
  endResetModel();
}

const Pin* ComparisonModel::pinAt(int row) const {
  if (row < 1 || row > static_cast<int>(pins_->pins().size())) return nullptr;
  return &pins_->pins()[static_cast<std::size_t>(row - 1)];
}

std::shared_ptr<const PinMeasure> ComparisonModel::measureAt(int row) const {
  const Pin* pin = pinAt(row);
  if (pin == nullptr) return row == 0 ? current_ : nullptr;
  return pin->measure;
}

bool ComparisonModel::comparable(int row) const {
  const Pin* baseline = pins_->baseline();
  if (baseline == nullptr || !baseline->measure) return false;
  const Pin* pin = pinAt(row);
  if (pin != nullptr) return pin->sameTensor(*baseline);
  return baseline->file == session_->currentPath() && baseline->tensor == session_->currentTensor();
}

int ComparisonModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : rows_;
}

int ComparisonModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

const MetricRow* ComparisonModel::metricAt(int column) {
  static const std::vector<const MetricRow*> kMetricColumns = [] {
    std::vector<const MetricRow*> columns(ComparisonModel::kColumns);
    columns[Sqnr] = &metricOf("sqnr_db");
    columns[Mse] = &metricOf("mse");
    columns[MaxError] = &metricOf("max_abs_error");
    std::size_t next = kFurtherMetrics;
    for (const MetricRow& metric : kMetrics) {
      if (std::find(columns.begin(), columns.end(), &metric) != columns.end()) continue;
      columns[next] = &metric;
      next += 2;
    }
    return columns;
  }();
  return kMetricColumns[static_cast<std::size_t>(column)];
}

std::optional<double> ComparisonModel::valueAt(int row, int column) const {
  const auto measure = measureAt(row);
  if (!measure) return std::nullopt;
  if (const MetricRow* metric = metricAt(column)) {
    const double value = metric->shown(metric->of(measure->metrics));
    return std::isnan(value) ? std::nullopt : std::optional(value);
  }
  switch (column) {
    case Bits:
      return measure->bitsPerWeight;
    case Bytes:
      return static_cast<double>(measure->bytes);
    case Clip:
      return measure->clipRatio;
    default:
      return std::nullopt;
  }
}

std::optional<double> ComparisonModel::numberAt(int row, int column) const {
  if (isMetric(column)) return valueAt(row, column);
  if (!isDifference(column) || !comparable(row)) return std::nullopt;
  int baselineRow = 1;
  while (pinAt(baselineRow) != pins_->baseline()) ++baselineRow;
  const auto mine = valueAt(row, column - 1);
  const auto other = valueAt(baselineRow, column - 1);
  if (!mine || !other) return std::nullopt;
  return *mine == *other ? 0 : *mine - *other;  // infinite ones may be equal
}

QString ComparisonModel::textAt(int row, int column) const {
  const Pin* pin = pinAt(row);
  if (column == Name) return pin != nullptr ? pin->name : tr("Current settings");
  if (column == Tensor) {
    if (pin == nullptr && !session_->hasTensor()) return {};
    return shownName(pin != nullptr ? pin->tensor : session_->currentTensor());
  }
  const auto number = numberAt(row, column);
  if (!number) return QStringLiteral("–");
  const double size = isDifference(column) ? std::abs(*number) : *number;
  const QString sign = !isDifference(column) || *number == 0 ? QString()
                       : *number > 0                         ? QStringLiteral("+")
                                                             : QStringLiteral("−");
  if (!std::isfinite(size)) return sign + numberText(size);
  const QLocale numbers;
  const int shown = isDifference(column) ? column - 1 : column;
  if (const MetricRow* metric = metricAt(shown)) return sign + cellText(*metric, size);
  switch (shown) {
    case Bits:
    case Clip:
      return sign + numbers.toString(size, 'f', 3);
    case Bytes:
      return sign + numbers.toString(size, 'f', 0);
    default:
      return sign + numbers.toString(size, 'g', 4);
  }
}

QVariant ComparisonModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const int row = index.row();
  const int column = index.column();
  const Pin* pin = pinAt(row);
  switch (role) {
    case Qt::DisplayRole:
    case Qt::EditRole:
      return textAt(row, column);
    case Qt::TextAlignmentRole:
      return int((column == Name || column == Tensor ? Qt::AlignLeft : Qt::AlignRight) |
                 Qt::AlignVCenter);
    case NumberRole: {
      const auto number = numberAt(row, column);
      return number ? QVariant(*number) : QVariant();
    }
    case ColorRole:
      return pin != nullptr ? QVariant(pin->color) : QVariant();
    case Qt::CheckStateRole:
      if (column != Name || pin == nullptr) return {};
      return pin->shown ? Qt::Checked : Qt::Unchecked;
    case Qt::AccessibleTextRole:
      return isMetric(column) && comparable(row)
                 ? tr("%1, difference %2").arg(textAt(row, column), textAt(row, column + 1))
                 : textAt(row, column);
    case Qt::FontRole: {
      QFont font;
      font.setBold(pin != nullptr && pin == pins_->baseline());
      return font;
    }
    case Qt::ToolTipRole: {
      if (pin == nullptr) return tipText(shownText(describe(session_->spec())));
      const QString what = shownText(describe(pin->spec));
      if (column == Name || column == Tensor) {
        return tipText(
            QStringLiteral("%1\n%2\n%3").arg(what, shownName(pin->tensor), shownText(pin->file)));
      }
      const auto number = numberAt(row, column);
      if (number) return QLocale().toString(*number, 'g', 17);
      if (!pin->problem.isEmpty()) return tipText(pin->problem);
      if (pin->measure && metricAt(column) != nullptr) {
        return tr("Undefined for these weights, or unknown to the version that made the pin");
      }
      if (pin->measure) {
        return isDifference(column) ? tr("Differences are shown for the baseline's tensor only")
                                    : tr("Not one number for the whole tensor");
      }
      return tr("Not measured yet: choose its tensor to measure it");
    }
    default:
      return {};
  }
}

bool ComparisonModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  const Pin* pin = pinAt(index.row());
  if (index.column() != Name || pin == nullptr) return false;
  if (role == Qt::CheckStateRole) {
    pins_->setShown(pin->id, value.toInt() == Qt::Checked);
    return true;
  }
  if (role != Qt::EditRole) return false;
  pins_->rename(pin->id, value.toString());
  return true;
}

Qt::ItemFlags ComparisonModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.column() == Name && index.row() > 0) {
    flags |= Qt::ItemIsEditable | Qt::ItemIsUserCheckable;
  }
  return flags;
}

QString ComparisonModel::titleAt(int column) {
  if (const MetricRow* metric = metricAt(column)) return titleOf(*metric);
  switch (column) {
    case Name:
      return tr("Settings");
    case Bits:
      return tr("Bits/weight");
    case Bytes:
      return tr("Bytes");
    case Clip:
      return tr("Clip");
    case Tensor:
      return tr("Tensor");
    default:
      return {};
  }
}

QVariant ComparisonModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return int((section == Name || section == Tensor ? Qt::AlignLeft : Qt::AlignRight) |
               Qt::AlignVCenter);
  }
  const bool difference = isDifference(section);
  if (role == Qt::ToolTipRole) {
    if (difference) {
      return tr("Difference from the baseline, which stands in bold; within its tensor only");
    }
    if (const MetricRow* metric = metricAt(section)) return tipOf(*metric);
    return section == Name ? tr("Double-click or F2 to rename, the check mark shows it in plots")
                           : QVariant();
  }
  if (role != Qt::DisplayRole) return {};
  return difference ? tr("Δ %1").arg(titleAt(section - 1)) : titleAt(section);
}

}  // namespace quantoscope::ui
