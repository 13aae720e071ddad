// Sessions under a name: saving, opening, and finding what is missing.
#include <QAction>
#include <QDir>
#include <QFileInfo>
#include <QMenu>
#include <QStatusBar>

#include "ui/main_window/main_window.h"
#include "ui/panels/file_dialogs.h"
#include "ui/panels/message_bar.h"
#include "ui/session/session_document.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

QStringList sessionFilters() {
  return {MainWindow::tr("Quantoscope session (*.json)")};
}

}  // namespace

void MainWindow::createSessionActions(QMenu* menu) {
  addAction(menu, {}, tr("Open &Session…"), {}, [this] { openSessionByDialog(); });
  lastSessionAction_ = addAction(menu, {}, tr("Reopen &Last Session"), {}, [this] {
    document_->reopen(lastSessionAction_->data().toString());
  });
  lastSessionAction_->setEnabled(false);
  addAction(menu, {}, tr("Sa&ve Session"), QKeySequence::Save, [this] { saveSession(); });
  addAction(menu, {}, tr("Save Session &As…"), QKeySequence(Qt::CTRL | Qt::SHIFT | Qt::Key_S),
            [this] { saveSessionByDialog(); });
  locateMissingAction_ =
      addAction(menu, {}, tr("Locate &Missing Source…"), {}, [this] { locateMissingByDialog(); });
  locateMissingAction_->setEnabled(false);
}

void MainWindow::connectDocument() {
  connect(document_, &SessionDocument::pathChanged, this, &MainWindow::showTitle);
  connect(document_, &SessionDocument::opened, this, [this](const QString& path) {
    settings_->addRecentFile(path);
    fillRecentFiles();
  });
  connect(document_, &SessionDocument::saved, this, [this](const QString& path) {
    settings_->addRecentFile(path);
    fillRecentFiles();
    statusBar()->showMessage(tr("Session saved to %1").arg(shownText(path)), kStatusMs);
  });
  connect(document_, &SessionDocument::failed, this, [this](const QString& message) {
    messages_->showMessage(MessageBar::Kind::Error, message);
  });
  connect(document_, &SessionDocument::noticed, this, [this](const QString& message) {
    messages_->addMessage(MessageBar::Kind::Info, message, tr("Understood"));
  });
  connect(document_, &SessionDocument::missingChanged, this, &MainWindow::tellWhatIsMissing);
}

void MainWindow::offerLastSession(const QString& path) {
  lastSessionAction_->setData(path);
  lastSessionAction_->setEnabled(QFileInfo::exists(path));
}

void MainWindow::saveSession() {
  if (!document_->path().isEmpty()) {
    document_->save(document_->path());
  } else {
    saveSessionByDialog();
  }
}

void MainWindow::saveSessionByDialog() {
  const QString name = session_->currentFile() < 0 ? tr("session") : baseName() + tr("-session");
  askForSavePath(this, *settings_,
                 {tr("Save session"), name + QStringLiteral(".json"), sessionFilters(),
                  QStringLiteral("json")},
                 [this](const QString& path) { document_->save(path); });
}

void MainWindow::openSessionByDialog() {
  askForFiles(this, *settings_, tr("Open session"), sessionFilters(),
              [this](const QStringList& files) { document_->open(files.first()); });
}

void MainWindow::tellWhatIsMissing() {
  const auto& missing = document_->missing();
  locateMissingAction_->setEnabled(!missing.empty());
  if (missing.empty()) return;
  const QFileInfo first(missing.front().state.path);
  QString text = tr("%1 is missing: the session had it in %2.")
                     .arg(shownName(first.fileName()), QDir::toNativeSeparators(first.path()));
  if (missing.size() > 1)
    text += QLatin1Char(' ') + tr("%1 more are missing.").arg(missing.size() - 1);
  messages_->showMessage(MessageBar::Kind::Error, text, tr("Locate…"),
                         [this] { locateMissingByDialog(); });
}

void MainWindow::locateMissingByDialog() {
  if (document_->missing().empty()) return;
  const QString name = QFileInfo(document_->missing().front().state.path).fileName();
  askForFiles(this, *settings_, tr("Locate %1").arg(shownName(name)), {tr("All files (*)")},
              [this](const QStringList& files) { locateMissing(files.first()); });
}

void MainWindow::locateMissing(const QString& found) {
  if (document_->missing().empty()) return;
  document_->locate(document_->missing().front().state.path, QFileInfo(found).absoluteFilePath());
}

}  // namespace quantoscope::ui
