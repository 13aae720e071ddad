#include "ui/models/comparison_model.h"

#include <cmath>

#include <QFont>
#include <QLocale>

#include "core/base/text.h"

namespace quantoscope::ui {

ComparisonModel::ComparisonModel(Session* session, PinStore* pins, QObject* parent)
    : QAbstractTableModel(parent), session_(session), pins_(pins) {
  connect(pins, &PinStore::changed, this, &ComparisonModel::refresh);
  connect(session, &Session::resultChanged, this, &ComparisonModel::refresh);
  connect(session, &Session::tensorChanged, this, &ComparisonModel::refresh);
  refresh();
}

void ComparisonModel::refresh() {
  beginResetModel();
  current_.reset();
  if (session_->resultIsCurrent()) {
    if (auto measure = PinMeasure::from(*session_->result(), session_->curve())) {
      current_ = std::make_shared<const PinMeasure>(std::move(*measure));
    }
  }
  endResetModel();
}

const Pin* ComparisonModel::pinAt(int row) const {
  if (row < 1 || row > static_cast<int>(pins_->pins().size())) return nullptr;
  return &pins_->pins()[static_cast<std::size_t>(row - 1)];
}

std::shared_ptr<const PinMeasure> ComparisonModel::measureAt(int row) const {
  return row == 0 ? current_ : pinAt(row)->measure;
}

bool ComparisonModel::comparable(int row) const {
  const Pin* baseline = pins_->baseline();
  if (baseline == nullptr || !baseline->measure) return false;
  const Pin* pin = pinAt(row);
  if (pin != nullptr) return pin->sameTensor(*baseline);
  return baseline->file == session_->currentPath() && baseline->tensor == session_->currentTensor();
}

int ComparisonModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : 1 + static_cast<int>(pins_->pins().size());
}

int ComparisonModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

std::optional<double> ComparisonModel::numberAt(int row, int column) const {
  const auto measure = measureAt(row);
  if (!measure) return std::nullopt;
  switch (column) {
    case Mse:
      return measure->mse;
    case Sqnr:
      return measure->sqnrDb;
    case SqnrGain:
      if (!comparable(row)) return std::nullopt;
      return measure->sqnrDb - pins_->baseline()->measure->sqnrDb;
    case MaxError:
      return measure->maxAbsError;
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

QString ComparisonModel::textAt(int row, int column) const {
  const Pin* pin = pinAt(row);
  if (column == Name) return pin != nullptr ? pin->name : tr("Current settings");
  if (column == Tensor) return pin != nullptr ? pin->tensor : session_->currentTensor();
  const auto number = numberAt(row, column);
  if (!number) return QStringLiteral("–");
  const QLocale numbers;
  switch (column) {
    case Sqnr:
      return numbers.toString(*number, 'f', 2);
    case SqnrGain:
      return (*number > 0 ? QStringLiteral("+") : QString()) + numbers.toString(*number, 'f', 2);
    case Bits:
      return numbers.toString(*number, 'f', 3);
    case Bytes:
      return numbers.toString(*number, 'f', 0);
    case Clip:
      return numbers.toString(*number, 'f', 3);
    default:
      return numbers.toString(*number, 'g', 4);
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
    case Qt::FontRole: {
      QFont font;
      font.setBold(pin != nullptr && pin == pins_->baseline());
      return font;
    }
    case Qt::ToolTipRole: {
      if (pin == nullptr) return QString::fromStdString(describe(session_->spec()));
      const QString what = QString::fromStdString(describe(pin->spec));
      if (column == Name || column == Tensor) {
        return QStringLiteral("%1\n%2\n%3").arg(what, pin->tensor, pin->file);
      }
      const auto number = numberAt(row, column);
      return number ? QLocale().toString(*number, 'g', 17) : tr("not measured: use it once");
    }
    default:
      return {};
  }
}

bool ComparisonModel::setData(const QModelIndex& index, const QVariant& value, int role) {
  const Pin* pin = pinAt(index.row());
  if (role != Qt::EditRole || index.column() != Name || pin == nullptr) return false;
  pins_->rename(pin->id, value.toString());
  return true;
}

Qt::ItemFlags ComparisonModel::flags(const QModelIndex& index) const {
  Qt::ItemFlags flags = QAbstractTableModel::flags(index);
  if (index.column() == Name && index.row() > 0) flags |= Qt::ItemIsEditable;
  return flags;
}

QVariant ComparisonModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) {
    return int((section == Name || section == Tensor ? Qt::AlignLeft : Qt::AlignRight) |
               Qt::AlignVCenter);
  }
  if (role == Qt::ToolTipRole && section == SqnrGain) {
    return tr("SQNR against the baseline, which stands in bold; for the same tensor only");
  }
  if (role != Qt::DisplayRole) return {};
  switch (section) {
    case Name:
      return tr("Settings");
    case Tensor:
      return tr("Tensor");
    case Mse:
      return tr("MSE");
    case Sqnr:
      return tr("SQNR, dB");
    case SqnrGain:
      return tr("Δ dB");
    case MaxError:
      return tr("Max |error|");
    case Bits:
      return tr("Bits/weight");
    case Bytes:
      return tr("Bytes");
    default:
      return tr("Clip");
  }
}

}  // namespace quantoscope::ui
