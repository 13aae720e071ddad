// What the export menu writes, and the command line.
#include <QApplication>
#include <QClipboard>
#include <QFileInfo>
#include <QStatusBar>

#include "core/base/text.h"
#include "core/exporting/csv.h"
#include "ui/main_window/commands.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/plots/plot.h"

namespace quantoscope::ui {

namespace {

std::string numberOrEmpty(const std::optional<double>& value) {
  return value ? formatNumber(*value) : std::string();
}

}  // namespace

QString MainWindow::baseName() const {
  return QFileInfo(session_->currentPath()).completeBaseName();
}

void MainWindow::askAndExport(const QString& title, const QString& nameEnd,
                              const QStringList& filters, const QString& suffix,
                              std::function<void(const QString&)> exportTo) {
  askForSavePath(this, *settings_,
                 {title, baseName() + nameEnd + QLatin1Char('.') + suffix, filters, suffix},
                 std::move(exportTo));
}

void MainWindow::exportPlan(const QString& path) {
  session_->startExport(tr("Plan"), path, planExport(path.toStdString(), session_->plan()));
}

void MainWindow::exportNeuralCompressor(const QString& path) {
  session_->startExport(
      tr("neural-compressor configuration"), path,
      neuralCompressorExport(path.toStdString(), session_->plan(), session_->tensors()));
}

void MainWindow::exportMetrics(const QString& path) {
  session_->startExport(tr("Metrics table"), path,
                        textExport(path.toStdString(), csvText({"metric", "value", "unit"},
                                                               metrics_->metrics().table())));
}

void MainWindow::exportOverview(const QString& path) {
  std::vector<std::vector<std::string>> rows;
  const auto& tensors = session_->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo info = oriented(tensors[i], session_->orientationOf(tensors[i]));
    if (!info.quantizable) continue;
    const TensorOverview& known = session_->overview(i);
    // Numbers of a spec that has changed since would stand beside the wrong one.
    const TensorMeasure measure =
        known.settled ? known.measure.value_or(TensorMeasure{}) : TensorMeasure{};
    rows.push_back(
        {info.name, std::to_string(info.rows), std::to_string(info.cols), info.dtype,
         std::to_string(info.bytes), describe(session_->specOf(info)), numberOrEmpty(measure.mse),
         numberOrEmpty(measure.sqnrDb), numberOrEmpty(measure.bestRatio),
         formatNumber(
             storageCostOf(session_->specOf(info), info.rows, info.cols).bitsPerWeight())});
  }
  const std::string text = csvText({"tensor", "rows", "cols", "dtype", "bytes", "spec", "mse",
                                    "sqnr_db", "best_ratio", "bits_per_weight"},
                                   rows);
  session_->startExport(tr("Overview"), path, textExport(path.toStdString(), text));
}

void MainWindow::exportPlotImage(int index, const QString& path) {
  const Plot* plot = plots()[static_cast<std::size_t>(index)];
  // Twice the pixels of the screen, so that the image can be printed.
  const Status status = plot->exportImage(path, plot->size(), 2);
  if (status) {
    messages_->showMessage(MessageBar::Kind::Info, tr("%1 written to %2").arg(plot->title(), path));
  } else {
    messages_->showMessage(MessageBar::Kind::Error, QString::fromStdString(status.error().message));
  }
}

QString MainWindow::commandLine() const {
  return inspectCommand(*session_, false);
}

void MainWindow::copyCommand() {
  QApplication::clipboard()->setText(commandLine());
  statusBar()->showMessage(tr("Copied: %1").arg(commandLine()), kStatusMs);
}

}  // namespace quantoscope::ui
