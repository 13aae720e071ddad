#include "ui/models/model_totals.h"

#include <numeric>

#include <QCoreApplication>
#include <QLocale>

#include "core/metrics/error_metrics.h"
#include "core/quant/storage_cost.h"
#include "ui/models/number_text.h"

namespace quantoscope::ui {

namespace {

struct TotalsTexts {
  Q_DECLARE_TR_FUNCTIONS(ModelTotals)
};

void add(ModelTotals& totals, const Session& session, std::size_t row) {
  const TensorInfo info =
      oriented(session.tensors()[row], session.orientationOf(session.tensors()[row]));
  if (!info.quantizable) {
    totals.otherBytes += info.bytes;
    return;
  }
  const std::uint64_t weights = std::uint64_t{info.rows} * info.cols;
  ++totals.tensors;
  totals.weights += weights;
  totals.storedBytes += info.bytes;
  totals.quantizedBits += storageCostOf(session.specOf(info), info.rows, info.cols).totalBits();
  const TensorOverview& known = session.overview(row);
  if (!known.settled || !known.measure || !known.weights) return;
  ++totals.measured;
  totals.signal += static_cast<double>(weights) * known.weights->meanSquare;
  totals.noise += static_cast<double>(weights) * known.measure->metrics.mse;
}

}  // namespace

double ModelTotals::bitsPerWeight() const {
  return weights == 0 ? 0 : static_cast<double>(quantizedBits) / static_cast<double>(weights);
}

std::optional<double> ModelTotals::sqnrDb() const {
  if (measured == 0) return std::nullopt;
  return decibels(signal, noise);
}

ModelTotals ModelTotals::of(const Session& session, const std::vector<int>& rows) {
  ModelTotals totals;
  for (const int row : rows) add(totals, session, static_cast<std::size_t>(row));
  return totals;
}

ModelTotals ModelTotals::of(const Session& session) {
  std::vector<int> rows(session.tensors().size());
  std::iota(rows.begin(), rows.end(), 0);
  return of(session, rows);
}

QString totalsText(const ModelTotals& totals) {
  const QLocale numbers;
  QString text = totals.tensors == 1 ? TotalsTexts::tr("1 tensor")
                                     : TotalsTexts::tr("%1 tensors").arg(countText(totals.tensors));
  text += TotalsTexts::tr(", %1 → %2, %3 bits/weight")
              .arg(bytesText(static_cast<double>(totals.storedBytes)),
                   bytesText(static_cast<double>((totals.quantizedBits + 7) / 8)),
                   numbers.toString(totals.bitsPerWeight(), 'f', 3));
  if (const auto sqnr = totals.sqnrDb()) {
    text += TotalsTexts::tr(", SQNR %1 dB").arg(numbers.toString(*sqnr, 'f', 2));
  }
  if (totals.measured < totals.tensors) {
    text += TotalsTexts::tr(" (%1 of %2 measured)")
                .arg(countText(totals.measured), countText(totals.tensors));
  }
  return text;
}

}  // namespace quantoscope::ui
