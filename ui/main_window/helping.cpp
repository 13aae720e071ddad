// The log, and the size of the text.
#include <algorithm>

#include <QApplication>
#include <QClipboard>
#include <QDesktopServices>
#include <QStatusBar>
#include <QUrl>

#include "ui/main_window/main_window.h"
#include "ui/panels/message_bar.h"
#include "ui/panels/text_size.h"
#include "ui/session/log_file.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

void MainWindow::showLog() {
  const QString path = LogFile::path();
  if (path.isEmpty()) {
    messages_->showMessage(MessageBar::Kind::Error, tr("No log is written"));
  } else if (!QDesktopServices::openUrl(QUrl::fromLocalFile(path))) {
    messages_->showMessage(MessageBar::Kind::Info,
                           tr("No program is set up to open text files; the log is %1").arg(path));
  }
}

void MainWindow::copyLogPath() {
  const QString path = LogFile::path();
  if (path.isEmpty()) {
    messages_->showMessage(MessageBar::Kind::Error, tr("No log is written"));
    return;
  }
  QApplication::clipboard()->setText(path);
  statusBar()->showMessage(tr("Copied: %1").arg(shownText(path)), kStatusMs);
}

void MainWindow::setTextPercent(int percent, bool relative) {
  const int wanted = relative ? settings_->textPercent() + percent : percent;
  const int taken = std::clamp(wanted, Settings::kLeastText, Settings::kMostText);
  settings_->setTextPercent(taken);
  applyTextSize(taken);
  statusBar()->showMessage(tr("Text at %1 % of the system's size").arg(taken), kStatusMs);
}

}  // namespace quantoscope::ui
