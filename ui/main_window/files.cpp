// Files: opening, recent ones, changes on disk, drag and drop.
#include <utility>

#include <QAction>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QFileSystemWatcher>
#include <QMenu>
#include <QMimeData>
#include <QTimer>

#include "core/exporting/plan_file.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/message_bar.h"
#include "ui/session/session_document.h"

namespace quantoscope::ui {

namespace {

QStringList weightFilters() {
  return {MainWindow::tr("Weight files (*.h5 *.hdf5 *.keras *.safetensors)"),
          MainWindow::tr("All files (*)")};
}

}  // namespace

void MainWindow::openByDialog() {
  askForFiles(this, *settings_, tr("Open weight files"), weightFilters(),
              [this](const QStringList& files) { openFiles(files); });
}

void MainWindow::openPlanByDialog() {
  askForFiles(this, *settings_, tr("Open plan"), {tr("Plan (*.json)")},
              [this](const QStringList& files) {
                const auto plan = readPlan(files.first().toStdString());
                if (plan) {
                  session_->adoptPlan(*plan);
                } else {
                  messages_->showMessage(MessageBar::Kind::Error,
                                         QString::fromStdString(plan.error().message));
                }
              });
}

void MainWindow::openFiles(const QStringList& files) {
  messages_->clear();
  bool first = true;
  for (const QString& file : files) {
    if (looksLikeSession(file)) {
      document_->open(file);
    } else if (std::exchange(first, false)) {
      session_->openFile(file);
    } else {
      session_->openBeside(file);
    }
  }
}

void MainWindow::watchFiles() {
  const QStringList watched = watcher_->files();
  const QStringList open = session_->openFiles();
  for (const QString& path : watched) {
    if (!open.contains(path)) watcher_->removePath(path);
  }
  for (const QString& path : open) {
    if (!watched.contains(path) && QFileInfo::exists(path)) watcher_->addPath(path);
  }
}

/// Tells it once the writing has paused: a file grows in many steps.
void MainWindow::offerReload(const QString& path) {
  constexpr int kPauseMs = 400;
  QTimer::singleShot(kPauseMs, this, [this, path] {
    watchFiles();  // a file that was replaced is not watched any more
    if (path != session_->currentPath() || !QFileInfo::exists(path)) return;
    messages_->showMessage(
        MessageBar::Kind::Info, tr("%1 changed on disk").arg(QFileInfo(path).fileName()),
        tr("Reload, keep my settings"), [this] { session_->reloadCurrentFile(false); });
  });
}

void MainWindow::fillRecentFiles() {
  recentMenu_->clear();
  const QStringList files = settings_->recentFiles();
  for (qsizetype i = 0; i < files.size(); ++i) {
    const QFileInfo info(files[i]);
    // A digit as mnemonic; ampersands of the name itself must not become one.
    QString shown = info.fileName();
    shown.replace(QLatin1Char('&'), QLatin1String("&&"));
    const QString mnemonic = i < 9 ? QStringLiteral("&%1  ").arg(i + 1) : QString();
    QAction* action = recentMenu_->addAction(mnemonic + shown, this,
                                             [this, path = files[i]] { openFiles({path}); });
    action->setToolTip(files[i]);
    action->setStatusTip(files[i]);
    action->setEnabled(info.exists());
  }
  recentMenu_->setToolTipsVisible(true);
  recentMenu_->setEnabled(!files.isEmpty());
  if (files.isEmpty()) return;
  recentMenu_->addSeparator();
  recentMenu_->addAction(tr("&Clear List"), this, [this] {
    settings_->clearRecentFiles();
    fillRecentFiles();
  });
}

void MainWindow::dragEnterEvent(QDragEnterEvent* event) {
  if (event->mimeData()->hasUrls()) event->acceptProposedAction();
}

void MainWindow::dropEvent(QDropEvent* event) {
  QStringList files;
  for (const QUrl& url : event->mimeData()->urls()) {
    if (url.isLocalFile()) files << url.toLocalFile();
  }
  if (files.isEmpty()) return;
  event->acceptProposedAction();
  openFiles(files);
}

}  // namespace quantoscope::ui
