// Files: opening, recent ones, changes on disk, drag and drop.
#include <utility>

#include <QAction>
#include <QDragEnterEvent>
#include <QFileInfo>
#include <QMenu>
#include <QMimeData>

#include "core/exporting/plan_file.h"
#include "core/io/registry.h"
#include "ui/main_window/main_window.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/message_bar.h"
#include "ui/session/file_watch.h"
#include "ui/session/session_document.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

/// Everything that core/io opens in one filter, and any file: formats are recognized by content.
QStringList weightFilters() {
  QStringList patterns;
  for (const ContainerFormat* format : containerFormats()) {
    if (!format->open) continue;
    for (const char* suffix : format->suffixes)
      patterns << QLatin1Char('*') + QString::fromUtf8(suffix);
  }
  return {MainWindow::tr("Weight files (%1)").arg(patterns.join(QLatin1Char(' '))),
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
                  messages_->showMessage(MessageBar::Kind::Error, messageOf(plan.error()));
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

void MainWindow::connectFileWatch() {
  watch_ = new FileWatch(this);
  connect(watch_, &FileWatch::changed, this, &MainWindow::offerReload);
  connect(session_, &Session::filesChanged, watch_,
          [this] { watch_->setFiles(session_->openFiles()); });
  connect(session_, &Session::contentTaken, watch_, &FileWatch::accept);
  // Opening a file that is open already shows it as it was.
  connect(
      session_, &Session::fileOpened, this,
      [this](const QString& path) {
        if (watch_->isChanged(path)) offerReload(path);
      },
      Qt::QueuedConnection);
  // One that changed while another was shown is remembered.
  connect(session_, &Session::fileChanged, this, [this] {
    if (watch_->isChanged(session_->currentPath())) offerReload(session_->currentPath());
  });
}

void MainWindow::offerReload(const QString& path) {
  const QString name = shownName(QFileInfo(path).fileName());
  const bool shown = path == session_->currentPath();
  messages_->showMessage(MessageBar::Kind::Info,
                         shown ? tr("%1 changed on disk").arg(name)
                               : tr("%1, which is open but not shown, changed on disk").arg(name),
                         tr("Reload, keep my settings"),
                         [this, path] { session_->reloadFile(path, false); });
}

void MainWindow::fillRecentFiles() {
  recentMenu_->clear();
  const QStringList files = settings_->recentFiles();
  for (qsizetype i = 0; i < files.size(); ++i) {
    const QFileInfo info(files[i]);
    // A digit as mnemonic; ampersands of the name itself must not become one.
    const QString shown = menuText(shownName(info.fileName()));
    const QString mnemonic = i < 9 ? QStringLiteral("&%1  ").arg(i + 1) : QString();
    QAction* action = recentMenu_->addAction(mnemonic + shown, this,
                                             [this, path = files[i]] { openFiles({path}); });
    action->setToolTip(tipText(shownText(files[i])));
    action->setStatusTip(shownText(files[i]));
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
