#include "ui/models/metrics_model.h"

#include <algorithm>

#include <QFont>
#include <QGuiApplication>
#include <QPalette>

#include "core/base/text.h"
#include "ui/models/metric_text.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

QString positionText(const Position& at) {
  return MetricsModel::tr("row %1, column %2").arg(at.row).arg(at.col);
}

}  // namespace

/// Makes the rows of one result.
class MetricsModel::Builder {
 public:
  static std::vector<Row> rowsOf(const AnalysisResult& result, const AnalysisDetail* detail) {
    Builder builder;
    builder.addErrors(result);
    builder.addPercentiles(result, detail);
    builder.addClip(result);
    builder.addSplit(result, detail);
    builder.addStorage(result);
    builder.addWeights(result);
    builder.addHealth(result);
    return std::move(builder.rows_);
  }

 private:
  void addSection(const QString& title) { rows_.push_back({{}, title, {}, {}, {}, {}}); }

  void addNumber(const QString& key, const QString& name, double number, const QString& unit,
                 const QString& tip, int digits = 4) {
    rows_.push_back({key, name, number, numberText(number, digits), unit, tip});
  }

  void addCount(const QString& key, const QString& name, std::uint64_t number, const QString& unit,
                const QString& tip) {
    rows_.push_back({key, name, static_cast<double>(number), countText(number), unit, tip});
  }

  void addText(const QString& key, const QString& name, const QString& value, const QString& tip) {
    rows_.push_back({key, name, {}, value, {}, tip});
  }

  void addErrors(const AnalysisResult& result) {
    if (!result.metrics) return;
    const ErrorMetrics& metrics = *result.metrics;
    addSection(tr("Quantization error"));
    for (const MetricRow* metric : metricsByAspect()) {
      const QString key = QString::fromLatin1(metric->key);
      addNumber(key, labelOf(*metric), metric->shown(metric->of(metrics)), unitOf(*metric),
                tipOf(*metric), metric->digits);
      if (metric->place == nullptr) continue;
      addText(key + QLatin1String("_at"), tr("    at"), positionText(metrics.*metric->place),
              tr("Where it is, counted from 0: row = output channel, column = input channel; the "
                 "first where several are equal"));
    }
  }

  void addClip(const AnalysisResult& result) {
    if (!result.metrics) return;
    const std::vector<double>& ratios = result.clip.ratios.values;
    const QString tip =
        tr("Share of each group's range that is kept: weights beyond it are clipped to its ends.\n"
           "range that the levels cover / range of the weights");
    addSection(tr("Clipping"));
    if (result.clip.ratios.granularity == ClipRatios::Granularity::Tensor) {
      addNumber(QStringLiteral("clip_ratio"), tr("Clip ratio"), ratios.front(), {}, tip, 6);
    } else {
      std::vector<double> ordered = ratios;
      const auto middle = ordered.begin() + std::ssize(ordered) / 2;
      std::nth_element(ordered.begin(), middle, ordered.end());
      const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
      addNumber(QStringLiteral("clip_ratio_median"), tr("Clip ratio, median"), *middle, {}, tip, 6);
      addNumber(QStringLiteral("clip_ratio_min"), tr("    smallest"), *least, {}, tip, 6);
      addNumber(QStringLiteral("clip_ratio_max"), tr("    largest"), *most, {}, tip, 6);
    }
    if (!result.clip.curve.ratios.empty()) {
      addNumber(QStringLiteral("clip_gain_db"), tr("Gain of one ratio"), result.clip.curve.gainDb(),
                tr("dB"),
                tr("What the best single ratio for the whole tensor gains over no clipping.\n"
                   "10·log₁₀(MSE at 1 / MSE at the best ratio)"));
    }
  }

  /// A number that comes with the detail.
  void addLater(const QString& key, const QString& name, std::optional<double> number,
                const QString& unit, const QString& tip) {
    if (number) return addNumber(key, name, *number, unit, tip);
    rows_.push_back({key, name, {}, QStringLiteral("…"), unit, tip});
  }

  void addPercentiles(const AnalysisResult& result, const AnalysisDetail* detail) {
    if (!result.metrics) return;
    for (std::size_t i = 0; i < ReportSizes{}.percents.size(); ++i) {
      const double percent = ReportSizes{}.percents[i];
      std::optional<double> value;
      if (detail != nullptr) value = detail->report.percentiles[i].value;
      addLater(QStringLiteral("abs_error_p%1").arg(percent),
               tr("%1 % of |error| up to").arg(numberText(percent, 4)), value, tr("weight"),
               tr("So many of the weights have an error no larger than this; exact, by nearest "
                  "rank.\n|w − y| at place ⌈%1/100 · n⌉ of n in ascending order")
                   .arg(numberText(percent, 4)));
    }
  }

  void addSplit(const AnalysisResult& result, const AnalysisDetail* detail) {
    if (!result.metrics) return;
    std::optional<double> clipped;
    std::optional<double> share;
    if (detail != nullptr && detail->report.split) {
      const ErrorSplit& split = *detail->report.split;
      const double all = split.clipping + split.rounding;
      clipped = 100 * split.clippedShare();
      share = all > 0 ? 100 * split.clipping / all : 0;
    }
    addLater(QStringLiteral("clipped_percent"), tr("Clipped weights"), clipped, tr("%"),
             tr("Weights beyond the outermost levels of their group, by more than rounding.\n"
                "100·clipped / all"));
    addLater(QStringLiteral("clipping_error_percent"), tr("Error by clipping"), share, tr("%"),
             tr("The part of the squared error that clipped weights have; the rest is rounding.\n"
                "100·Σ(w − y)² of clipped weights / Σ(w − y)² of all"));
  }

  void addStorage(const AnalysisResult& result) {
    const StorageCost& cost = result.storage;
    addSection(tr("Storage"));
    addNumber(QStringLiteral("bits_per_weight"), tr("Bits per weight"), cost.bitsPerWeight(),
              tr("bit"),
              tr("Codes, scales (16 bits each unless quantized), zero points, by weight.\n"
                 "8·quantized size / number of weights"));
    addCount(QStringLiteral("bytes"), tr("Quantized size"), cost.bytes(), tr("B"),
             tr("Bytes of all that decoding needs.\n"
                "codes %1 + scales %2 + zero points %3 + second level %4")
                 .arg(countText(cost.codeBits / 8), countText(cost.scaleBits / 8),
                      countText(cost.zeroPointBits / 8), countText(cost.doubleQuantBits / 8)));
    addCount(QStringLiteral("stored_bytes"), tr("Stored size"), result.info.bytes, tr("B"),
             tr("Bytes of the tensor as it is stored, uncompressed.\n"
                "number of weights · bytes of the stored type"));
    if (cost.bytes() > 0) {
      addNumber(
          QStringLiteral("compression"), tr("Compression"),
          static_cast<double>(result.info.bytes) / static_cast<double>(cost.bytes()), tr("×"),
          tr("How many times smaller the quantized tensor is.\nstored size / quantized size"));
    }
  }

  void addWeights(const AnalysisResult& result) {
    const WeightStatistics& weights = result.statistics;
    const QString unit = tr("weight");
    addSection(tr("Weights"));
    addCount(
        QStringLiteral("count"), tr("Number"), weights.count, {},
        tr("Finite weights, which all that follows is about.\nrows · columns − NaN − infinite"));
    addNumber(QStringLiteral("min"), tr("Smallest"), weights.min, unit,
              tr("The smallest weight.\nmin(w)"));
    addNumber(QStringLiteral("max"), tr("Largest"), weights.max, unit,
              tr("The largest weight.\nmax(w)"));
    addNumber(QStringLiteral("mean"), tr("Mean"), weights.mean, unit,
              tr("The average weight.\nmean(w)"));
    addNumber(QStringLiteral("std"), tr("Standard deviation"), weights.std, unit,
              tr("Of the population.\n√mean((w − mean)²)"));
    addNumber(QStringLiteral("kurtosis"), tr("Kurtosis"), weights.kurtosis, {},
              tr("Heaviness of the tails: 3 for a normal distribution, more with outliers.\n"
                 "mean((w − mean)⁴) / std⁴"));
  }

  void addHealth(const AnalysisResult& result) {
    const TensorHealth& health = result.health;
    addSection(tr("Health"));
    addCount(QStringLiteral("nan"), tr("NaN"), health.nan, {},
             tr("Elements that are not a number.\n#{w = NaN}"));
    addCount(QStringLiteral("inf"), tr("Infinite"), health.inf, {},
             tr("Elements without a finite value.\n#{|w| = ∞}"));
    if (health.firstNonFinite) {
      addText(QStringLiteral("first_non_finite_at"), tr("    first at"),
              positionText(*health.firstNonFinite), tr("Row and column counted from 0"));
    }
    addCount(QStringLiteral("zero"), tr("Zero"), health.zero, {},
             tr("Weights that are exactly zero, of either sign.\n#{w = 0}"));
    addCount(QStringLiteral("subnormal"), tr("Subnormal"), health.subnormal, {},
             tr("Numbers so small that float32 keeps them with fewer digits.\n#{0 < |w| < 2⁻¹²⁶}"));
  }

  std::vector<Row> rows_;
};

MetricsModel::MetricsModel(QObject* parent) : QAbstractTableModel(parent) {}

void MetricsModel::setResult(SharedResult result, SharedDetail detail) {
  std::vector<Row> rows = result ? Builder::rowsOf(*result, detail.get()) : std::vector<Row>{};
  const bool sameRows =
      std::equal(rows.begin(), rows.end(), rows_.begin(), rows_.end(),
                 [](const Row& a, const Row& b) { return a.key == b.key && a.name == b.name; });
  if (sameRows) {
    rows_ = std::move(rows);
    if (!rows_.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
    return;
  }
  beginResetModel();
  rows_ = std::move(rows);
  endResetModel();
}

void MetricsModel::setCurrent(bool current) {
  if (current == current_) return;
  current_ = current;
  if (!rows_.empty()) Q_EMIT dataChanged(index(0, 0), index(rowCount() - 1, kColumns - 1));
}

int MetricsModel::rowCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : static_cast<int>(rows_.size());
}

int MetricsModel::columnCount(const QModelIndex& parent) const {
  return parent.isValid() ? 0 : kColumns;
}

QVariant MetricsModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid() || index.row() >= rowCount()) return {};
  const Row& row = rows_[static_cast<std::size_t>(index.row())];
  switch (role) {
    case Qt::DisplayRole:
      return index.column() == Name ? row.name : index.column() == Value ? row.value : row.unit;
    case Qt::ToolTipRole:
      return row.tip.isEmpty() ? QVariant() : row.tip;
    case Qt::TextAlignmentRole:
      return QVariant(index.column() == Value ? Qt::AlignRight | Qt::AlignVCenter
                                              : Qt::AlignLeft | Qt::AlignVCenter);
    case Qt::FontRole: {
      if (!row.key.isEmpty()) return {};
      QFont font = QGuiApplication::font();
      font.setBold(true);
      return font;
    }
    case Qt::ForegroundRole:
      if (!current_ && index.column() == Value) {
        return QGuiApplication::palette().brush(QPalette::Disabled, QPalette::Text);
      }
      return {};
    case SectionRole:
      return row.key.isEmpty();
    case NumberRole:
      return row.number;
    default:
      return {};
  }
}

QVariant MetricsModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
  return section == Name ? tr("Metric") : section == Value ? tr("Value") : tr("Unit");
}

int MetricsModel::rowOf(const QString& key) const {
  const auto found =
      std::find_if(rows_.begin(), rows_.end(), [&](const Row& row) { return row.key == key; });
  return found == rows_.end() ? -1 : static_cast<int>(found - rows_.begin());
}

std::vector<std::vector<std::string>> MetricsModel::table() const {
  std::vector<std::vector<std::string>> lines;
  for (const Row& row : rows_) {
    if (row.key.isEmpty()) continue;
    const std::string value =
        row.number.isValid() ? formatNumber(row.number.toDouble()) : row.value.toStdString();
    lines.push_back({row.key.toStdString(), value, row.unit.toStdString()});
  }
  return lines;
}

}  // namespace quantoscope::ui
