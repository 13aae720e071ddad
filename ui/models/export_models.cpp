#include "ui/models/export_models.h"

#include <cmath>

#include <QFont>
#include <QLocale>
#include <QStringList>

#include "ui/models/number_text.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

QString signedText(double value, const QString& text) {
  if (value == 0) return text;
  return (value < 0 ? QStringLiteral("−") : QStringLiteral("+")) + text;
}

/// Of what rounds to nothing, no sign is told.
QString decibelsText(double decibels) {
  const double shown = std::round(decibels * 100) / 100;
  const QString text = QLocale().toString(std::fabs(shown), 'f', 2);
  return ExportFindingsModel::tr("%1 dB").arg(signedText(shown, text));
}

QString bytesDifferenceText(std::int64_t bytes) {
  return signedText(static_cast<double>(bytes), bytesText(std::fabs(static_cast<double>(bytes))));
}

QString stateText(ExportLine::State state) {
  switch (state) {
    case ExportLine::State::Refused:
      return ExportFindingsModel::tr("Refused");
    case ExportLine::State::TakenAsUsual:
      return ExportFindingsModel::tr("As usual");
    case ExportLine::State::Taken:
      return ExportFindingsModel::tr("Remedied");
    case ExportLine::State::Note:
      break;
  }
  return ExportFindingsModel::tr("Note");
}

QString stateTip(ExportLine::State state) {
  switch (state) {
    case ExportLine::State::Refused:
      return ExportFindingsModel::tr("Stands in the way: nothing is written");
    case ExportLine::State::TakenAsUsual:
      return ExportFindingsModel::tr(
          "The remedy is taken unasked, as everybody does, unless the tensor has settings of its "
          "own");
    case ExportLine::State::Taken:
      return ExportFindingsModel::tr("The remedy is taken, since all are applied");
    case ExportLine::State::Note:
      break;
  }
  return ExportFindingsModel::tr("Worth knowing; the export goes on");
}

QString costText(const ExportLine& line, int column) {
  if (!line.remedy) return {};
  if (!line.cost) return QStringLiteral("…");
  if (!*line.cost) return QStringLiteral("–");
  const RemedyCost& cost = **line.cost;
  if (column == ExportFindingsModel::Size) {
    return cost.bytes ? bytesDifferenceText(*cost.bytes) : QStringLiteral("–");
  }
  return std::isinf(cost.decibels) ? ExportFindingsModel::tr("exact") : decibelsText(cost.decibels);
}

QString titleOfFinding(int column) {
  switch (column) {
    case ExportFindingsModel::State:
      return ExportFindingsModel::tr("State");
    case ExportFindingsModel::Tensor:
      return ExportFindingsModel::tr("Tensor");
    case ExportFindingsModel::Finding:
      return ExportFindingsModel::tr("Finding");
    case ExportFindingsModel::Rule:
      return ExportFindingsModel::tr("Demanded by");
    case ExportFindingsModel::Remedy:
      return ExportFindingsModel::tr("Remedy");
    case ExportFindingsModel::Sqnr:
      return ExportFindingsModel::tr("SQNR");
    case ExportFindingsModel::Size:
      return ExportFindingsModel::tr("Size");
    default:
      return {};
  }
}

QString tipOfColumn(int column) {
  switch (column) {
    case ExportFindingsModel::Rule:
      return ExportFindingsModel::tr("Which program demands it; nothing where the format does");
    case ExportFindingsModel::Sqnr:
      return ExportFindingsModel::tr("How the tensor's SQNR changes by this remedy");
    case ExportFindingsModel::Size:
      return ExportFindingsModel::tr("How the size of the export changes by this remedy alone");
    default:
      return titleOfFinding(column);
  }
}

QVariant alignmentOf(bool isNumber) {
  const auto side = isNumber ? Qt::AlignRight : Qt::AlignLeft;
  return QVariant::fromValue(Qt::Alignment(side | Qt::AlignVCenter));
}

}  // namespace

QString exactBytesText(std::uint64_t bytes) {
  const QString rounded = bytesText(static_cast<double>(bytes));
  if (bytes < 1000) return rounded;
  return ExportFindingsModel::tr("%1 (%2 bytes)").arg(rounded, countText(bytes));
}

// ---- findings

ExportFindingsModel::ExportFindingsModel(const ExportStudy* study, QObject* parent)
    : QAbstractTableModel(parent), study_(study) {
  connect(study, &ExportStudy::changed, this, [this] {
    beginResetModel();
    endResetModel();
  });
  connect(study, &ExportStudy::costChanged, this,
          [this](int line) { Q_EMIT dataChanged(index(line, Sqnr), index(line, Size)); });
}

int ExportFindingsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(study_->lines().size());
}

int ExportFindingsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QString ExportFindingsModel::textOf(const ExportLine& line, int column) const {
  switch (column) {
    case State:
      return stateText(line.state);
    case Tensor:
      return shownName(line.finding.subject);
    case Finding:
      return shownText(line.finding.text);
    case Rule:
      return shownText(line.finding.rule);
    case Remedy:
      return line.remedy ? shownText(line.remedy->text()) : QString();
    default:
      return costText(line, column);
  }
}

QString ExportFindingsModel::tipOf(const ExportLine& line, int column) const {
  if (column == State) return stateTip(line.state);
  if (column == Sqnr || column == Size) {
    return line.cost && !*line.cost ? messageOf(line.cost->error()) : tipOfColumn(column);
  }
  if (column != Remedy || line.finding.remedies.size() < 2) return textOf(line, column);
  QStringList all;
  for (const auto& remedy : line.finding.remedies) all << shownText(remedy.text());
  return all.join(tr(", or "));
}

QVariant ExportFindingsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const ExportLine& line = study_->lines()[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return textOf(line, index.column());
    case Qt::ToolTipRole:
      return tipText(tipOf(line, index.column()));
    case Qt::TextAlignmentRole:
      return alignmentOf(index.column() == Sqnr || index.column() == Size);
    case RefusedRole:
      return line.state == ExportLine::State::Refused;
    case Qt::FontRole: {
      QFont font;
      font.setBold(line.state == ExportLine::State::Refused);
      return index.column() == State && font.bold() ? QVariant(font) : QVariant();
    }
    default:
      return {};
  }
}

QVariant ExportFindingsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::DisplayRole) return titleOfFinding(section);
  if (role == Qt::ToolTipRole) return tipOfColumn(section);
  if (role == Qt::TextAlignmentRole) return alignmentOf(section == Sqnr || section == Size);
  return {};
}

// ---- targets

ExportTargetsModel::ExportTargetsModel(const ExportStudy* study, QObject* parent)
    : QAbstractTableModel(parent), study_(study) {
  connect(study, &ExportStudy::targetChanged, this, [this](int target) {
    Q_EMIT dataChanged(index(target, 0), index(target, kColumns - 1));
  });
  connect(study, &ExportStudy::changed, this,
          [this] { Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1)); });
}

int ExportTargetsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(study_->formats().size());
}

int ExportTargetsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QString ExportTargetsModel::textOf(int target, int column) const {
  const ExportFormat& format = study_->formats()[static_cast<std::size_t>(target)];
  const TargetAnswer& answer = study_->targets()[static_cast<std::size_t>(target)];
  using Fit = TargetAnswer::Fit;
  const bool fits = answer.fit == Fit::AsItIs || answer.fit == Fit::WithRemedies;
  switch (column) {
    case Target:
      return QString::fromUtf8(format.title);
    case Carries:
      if (answer.fit == Fit::Unknown) return study_->hasModel() ? tr("…") : QString();
      if (answer.fit == Fit::AsItIs) return tr("As it is");
      if (answer.fit == Fit::WithRemedies) {
        return answer.remedies == 1 ? tr("With 1 remedy")
                                    : tr("With %1 remedies").arg(countText(answer.remedies));
      }
      return answer.fit == Fit::Refused ? tr("Not") : tr("Cannot be told");
    case Size:
      if (!fits) return {};
      return answer.bytes ? bytesText(static_cast<double>(*answer.bytes)) : tr("when written");
    case Obstacle:
      if (!answer.obstacle.empty()) return shownText(answer.obstacle);
      if (!fits || answer.usual == 0) return {};
      return answer.usual == 1 ? tr("1 usual remedy is taken")
                               : tr("%1 usual remedies are taken").arg(countText(answer.usual));
    default:
      return {};
  }
}

QVariant ExportTargetsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  switch (role) {
    case Qt::DisplayRole:
      return textOf(index.row(), index.column());
    case Qt::ToolTipRole: {
      const ExportFormat& format = study_->formats()[static_cast<std::size_t>(index.row())];
      return tipText(index.column() == Target ? QString::fromUtf8(format.tip)
                                              : textOf(index.row(), index.column()));
    }
    case Qt::TextAlignmentRole:
      return alignmentOf(index.column() == Size);
    default:
      return {};
  }
}

QVariant ExportTargetsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal) return {};
  if (role == Qt::TextAlignmentRole) return alignmentOf(section == Size);
  if (role != Qt::DisplayRole && role != Qt::ToolTipRole) return {};
  const QString titles[] = {tr("Target"), tr("Carries the plan"), tr("Size"), tr("First finding")};
  return section >= 0 && section < kColumns ? titles[section] : QString();
}

}  // namespace quantoscope::ui
