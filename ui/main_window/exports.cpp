// What the export menu writes, and the command line.
#include <QApplication>
#include <QClipboard>
#include <QFileInfo>
#include <QStatusBar>

#include "core/base/text.h"
#include "core/exporting/csv.h"
#include "core/exporting/registry.h"
#include "ui/main_window/commands.h"
#include "ui/main_window/export_dialog.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/metrics_panel.h"
#include "ui/plots/plot.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

std::string numberOrEmpty(const std::optional<double>& value) {
  return value ? formatNumber(*value) : std::string();
}

bool isListedFirst(const MetricRow& metric) {
  return metric.listing == MetricListing::First || metric.listing == MetricListing::Always;
}

void appendKeys(std::vector<std::string>& header, const std::vector<const MetricRow*>& metrics) {
  for (const MetricRow* metric : metrics) header.emplace_back(metric->key);
}

void appendNumbers(std::vector<std::string>& row, const std::vector<const MetricRow*>& metrics,
                   const std::optional<ErrorMetrics>& known) {
  for (const MetricRow* metric : metrics) {
    row.push_back(known ? formatNumber(metric->of(*known)) : std::string());
  }
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

void MainWindow::showExportDialog() {
  if (exportDialog_ == nullptr) {
    exportDialog_ = new ExportDialog(session_, settings_, exportFormats(), this);
  }
  exportDialog_->show();
  exportDialog_->raise();
  exportDialog_->activateWindow();
}

void MainWindow::exportPlan(const QString& path) {
  if (session_->currentFile() < 0) return;  // the last file may be closed while a name is chosen
  session_->startExport(
      tr("Plan"), path,
      planExport(path.toStdString(), session_->plan(), session_->currentSource()));
}

void MainWindow::exportMetrics(const QString& path) {
  session_->startExport(tr("Metrics table"), path,
                        textExport(path.toStdString(), csvText({"metric", "value", "unit"},
                                                               metrics_->metrics().table())));
}

/// Metrics that only some tables list stand last, so that the other columns keep their places.
void MainWindow::exportOverview(const QString& path) {
  std::vector<const MetricRow*> first;
  std::vector<const MetricRow*> last;
  for (const MetricRow& metric : kMetrics)
    (isListedFirst(metric) ? first : last).push_back(&metric);
  std::vector<std::string> header = {"tensor", "rows", "cols", "dtype", "bytes", "spec"};
  appendKeys(header, first);
  header.insert(header.end(), {"best_ratio", "bits_per_weight"});
  appendKeys(header, last);
  std::vector<std::vector<std::string>> rows;
  const auto& tensors = session_->tensors();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo info = oriented(tensors[i], session_->orientationOf(tensors[i]));
    if (!info.quantizable) continue;
    const TensorOverview& known = session_->overview(i);
    // Numbers of a spec that has changed since would stand beside the wrong one.
    const auto& measure = known.settled ? known.measure : std::nullopt;
    const auto metrics = measure ? std::optional(measure->metrics) : std::nullopt;
    const QuantSpec spec = session_->specOf(info);
    std::vector<std::string> row = {
        info.name,  std::to_string(info.rows),  std::to_string(info.cols),
        info.dtype, std::to_string(info.bytes), describe(spec)};
    appendNumbers(row, first, metrics);
    row.push_back(numberOrEmpty(measure ? measure->bestRatio : std::nullopt));
    row.push_back(formatNumber(storageCostOf(spec, info.rows, info.cols).bitsPerWeight()));
    appendNumbers(row, last, metrics);
    rows.push_back(std::move(row));
  }
  session_->startExport(tr("Overview"), path,
                        textExport(path.toStdString(), csvText(header, rows)));
}

void MainWindow::exportPlotTable(const Plot& plot, const QString& path) {
  session_->startExport(plot.title(), path,
                        textExport(path.toStdString(), plot.tableAsCsv().toStdString()));
}

void MainWindow::exportPlotImage(const Plot& plot, const QString& path) {
  // Twice the pixels of the screen, so that the image can be printed.
  Status status = session_->mayWrite(path);
  if (status) status = plot.exportImage(path, plot.size(), 2);
  if (status) {
    messages_->showMessage(MessageBar::Kind::Info, tr("%1 written to %2").arg(plot.title(), path));
  } else {
    messages_->showMessage(MessageBar::Kind::Error, messageOf(status.error()));
  }
}

QString MainWindow::commandLine() const {
  return inspectCommand(*session_, false);
}

void MainWindow::copyCommand() {
  QApplication::clipboard()->setText(commandLine());
  statusBar()->showMessage(tr("Copied: %1").arg(shownText(commandLine())), kStatusMs);
}

}  // namespace quantoscope::ui
