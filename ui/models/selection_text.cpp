#include "ui/models/selection_text.h"

#include <algorithm>
#include <cmath>

#include <QCoreApplication>
#include <QStringList>

#include "core/base/text.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

struct SelectionTexts {
  Q_DECLARE_TR_FUNCTIONS(SelectionText)
};

QString span(const BinRange& bins) {
  if (!(bins.hi > bins.lo)) return numberText(bins.lo);
  return SelectionTexts::tr("%1 to %2").arg(numberText(bins.from()), numberText(bins.to()));
}

/// "3–5, 9"; long lists are cut.
QString rangesText(const std::vector<IndexRange>& ranges) {
  constexpr std::size_t kMost = 4;
  QStringList parts;
  for (std::size_t i = 0; i < std::min(kMost, ranges.size()); ++i) {
    const IndexRange& range = ranges[i];
    const QString first = countText(range.first);
    parts << (range.size == 1
                  ? first
                  : QStringLiteral("%1–%2").arg(first, countText(range.first + range.size - 1)));
  }
  if (ranges.size() > kMost) parts << QStringLiteral("…");
  return parts.join(QStringLiteral(", "));
}

struct Name {
  QString operator()(const ErrorRange& range) const {
    const QString what =
        range.magnitudes ? SelectionTexts::tr("|error| %1") : SelectionTexts::tr("error %1");
    const QString text = what.arg(span(range.bins));
    switch (range.unit) {
      case ErrorUnit::Step:
        return SelectionTexts::tr("%1 steps").arg(text);
      case ErrorUnit::Relative:
        return SelectionTexts::tr("%1 of the weight").arg(text);
      default:
        return text;
    }
  }
  QString operator()(const WeightRange& range) const {
    return SelectionTexts::tr("value %1").arg(span(range.bins));
  }
  QString operator()(const Region& region) const {
    QStringList parts;
    if (!region.rows.empty()) parts << SelectionTexts::tr("rows %1").arg(rangesText(region.rows));
    if (!region.columns.empty()) {
      parts << SelectionTexts::tr("input channels %1").arg(rangesText(region.columns));
    }
    return parts.isEmpty() ? SelectionTexts::tr("any place") : parts.join(QStringLiteral(", "));
  }
  QString operator()(const CodeSet& set) const {
    QStringList codes;
    for (const int code : set.codes) codes << QString::number(code);
    constexpr int kMost = 8;
    if (codes.size() > kMost) codes = codes.mid(0, kMost) + QStringList(QStringLiteral("…"));
    return (set.codes.size() == 1 ? SelectionTexts::tr("code %1") : SelectionTexts::tr("codes %1"))
        .arg(codes.join(QStringLiteral(", ")));
  }
};

QString percent(double share) {
  return QStringLiteral("%1 %").arg(numberText(100 * share, 3));
}

}  // namespace

QString selectionName(const Selection& selection) {
  return std::visit(Name{}, selection);
}

QString selectionSentence(const SelectedWeights& selected) {
  const QString head = SelectionTexts::tr("%1 of %2 weights (%3), %4")
                           .arg(countText(selected.count), countText(selected.total),
                                percent(selected.share()), selectionName(selected.selection));
  if (selected.count == 0) return head;
  return head + SelectionTexts::tr(
                    ": %1 of the squared error, RMS error %2, mean error %3, largest |error| %4 in "
                    "row %5, column %6, %7 clipped; weights %8")
                    .arg(percent(selected.squaredErrorShare),
                         numberText(std::sqrt(selected.errors.mse())),
                         numberText(selected.meanError),
                         numberText(static_cast<double>(selected.errors.maxAbsError)),
                         countText(selected.maxAbsErrorAt.row),
                         countText(selected.maxAbsErrorAt.col), countText(selected.clipped))
                    .arg(SelectionTexts::tr("%1 to %2, mean %3, standard deviation %4")
                             .arg(numberText(static_cast<double>(selected.minWeight)),
                                  numberText(static_cast<double>(selected.maxWeight)),
                                  numberText(selected.meanWeight), numberText(selected.stdWeight)));
}

QString selectionTable(const SelectedWeights& selected) {
  QStringList lines;
  const auto add = [&](const char* name, double value) {
    lines << QStringLiteral("%1\t%2").arg(QLatin1String(name),
                                          QString::fromStdString(formatNumber(value)));
  };
  lines << QStringLiteral("tensor\t%1").arg(QString::fromStdString(selected.info.name));
  lines << QStringLiteral("spec\t%1").arg(QString::fromStdString(describe(selected.spec)));
  lines << QStringLiteral("selection\t%1").arg(selectionName(selected.selection));
  add("count", static_cast<double>(selected.count));
  add("share", selected.share());
  add("squared_error_share", selected.squaredErrorShare);
  add("mse", selected.errors.mse());
  add("mean_error", selected.meanError);
  add("mean_abs_error", selected.errors.meanAbs());
  add("max_abs_error", static_cast<double>(selected.errors.maxAbsError));
  add("max_abs_error_row", static_cast<double>(selected.maxAbsErrorAt.row));
  add("max_abs_error_column", static_cast<double>(selected.maxAbsErrorAt.col));
  add("clipped", static_cast<double>(selected.clipped));
  add("min_weight", static_cast<double>(selected.minWeight));
  add("max_weight", static_cast<double>(selected.maxWeight));
  add("mean_weight", selected.meanWeight);
  add("std_weight", selected.stdWeight);
  return lines.join(QLatin1Char('\n')) + QLatin1Char('\n');
}

}  // namespace quantoscope::ui
