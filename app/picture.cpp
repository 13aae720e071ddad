#include "app/picture.h"

#include <algorithm>
#include <utility>

#include <QBuffer>
#include <QCoreApplication>
#include <QFileInfo>
#include <QImageWriter>
#include <QPixmap>
#include <QTextStream>
#include <QTimer>

#include "app/exit_status.h"
#include "core/base/file_output.h"
#include "ui/session/session_document.h"
#include "ui/session/shown_text.h"

namespace quantoscope {

namespace {

void complain(const QString& message) {
  QTextStream(stderr) << "quantoscope: " << ui::shownText(message) << '\n';
}

}  // namespace

Picture::Picture(ui::MainWindow* window, ui::Session* session, QString path, QString tensor)
    : QObject(window),
      window_(window),
      session_(session),
      path_(std::move(path)),
      tensor_(std::move(tensor)) {
  connect(session, &ui::Session::failed, this, &Picture::fail);
  connect(session, &ui::Session::activityChanged, this, &Picture::look);
  connect(session, &ui::Session::integrityChanged, this, &Picture::look);
  const ui::SessionDocument* document = window->document();
  connect(document, &ui::SessionDocument::failed, this, &Picture::fail);
  connect(document, &ui::SessionDocument::missingChanged, this, [this, document] {
    fail(QStringLiteral("%1: missing, named by the session")
             .arg(document->missing().front().state.path));
  });
}

void Picture::look() {
  if (done_ || !session_->settled() || !session_->resultIsCurrent()) return;
  // Checksums are compared apart from all else; of damage, failed() tells right after.
  const Integrity checksums = session_->currentIntegrity();
  if (checksums == Integrity::NotYet || checksums == Integrity::Damaged) return;
  done_ = true;
  // Plots draw at the end of this turn of the event loop, and layouts settle in the next one.
  QTimer::singleShot(200, this, &Picture::take);
}

void Picture::take() {
  if (const Status status = session_->mayWrite(path_); !status) {
    complain(QString::fromStdString(status.error().message));
    return leave(kOutputFailed);
  }
  const QByteArray format = QFileInfo(path_).suffix().toLower().toLatin1();
  QByteArray encoded;
  QBuffer buffer(&encoded);
  QImageWriter writer(&buffer, format.isEmpty() ? QByteArray("png") : format);
  if (!writer.write(window_->grab().toImage())) {
    complain(path_ + QStringLiteral(": ") + writer.errorString());
  } else if (const Status written = writeFile(
                 path_.toStdString(), {encoded.data(), static_cast<std::size_t>(encoded.size())});
             !written) {
    complain(QString::fromStdString(written.error().message));
  } else {
    return leave(kDone);
  }
  leave(kOutputFailed);
}

void Picture::fail(const QString& message) {
  if (done_) return;
  done_ = true;
  complain(message);
  const bool damaged = session_->currentIntegrity() == Integrity::Damaged;
  if (session_->currentFile() < 0 || damaged) return leave(kUnreadable);
  const auto& tensors = session_->tensors();
  const bool known = std::any_of(tensors.begin(), tensors.end(), [this](const TensorInfo& info) {
    return info.name == tensor_.toStdString();
  });
  leave(tensor_.isEmpty() || known ? kDoesNotFit : kWrongUsage);
}

void Picture::leave(int status) {
  QTimer::singleShot(0, QCoreApplication::instance(), [status] { QCoreApplication::exit(status); });
}

}  // namespace quantoscope
