#include "app/picture.h"

#include <algorithm>
#include <utility>

#include <QCoreApplication>
#include <QImageWriter>
#include <QPixmap>
#include <QTextStream>
#include <QTimer>

namespace quantoscope {

namespace {

enum ExitStatus { kDone = 0, kWrongUsage = 2, kUnreadable = 3, kDoesNotFit = 4, kNotWritten = 5 };

void complain(const QString& message) {
  QTextStream(stderr) << "quantoscope: " << message << '\n';
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
}

void Picture::look() {
  if (done_ || !session_->settled() || !session_->resultIsCurrent()) return;
  done_ = true;
  // Plots draw at the end of the event loop's turn, and layouts settle in the next one.
  QTimer::singleShot(200, this, &Picture::take);
}

void Picture::take() {
  QImageWriter writer(path_);
  if (writer.write(window_->grab().toImage())) return leave(kDone);
  complain(path_ + QStringLiteral(": ") + writer.errorString());
  leave(kNotWritten);
}

void Picture::fail(const QString& message) {
  if (done_) return;
  done_ = true;
  complain(message);
  if (session_->currentFile() < 0) return leave(kUnreadable);
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
