#include "ui/session/autosave.h"

#include <utility>

#include <QDir>
#include <QFile>
#include <QFileInfo>

#include "ui/session/guarded.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

Autosave::Autosave(Session* session, const QString& folder, Snapshot snapshot, int delayMs,
                   QObject* parent)
    : QObject(parent),
      snapshot_(std::move(snapshot)),
      outbox_(std::make_shared<Outbox<Autosave>>(this)),
      lane_(std::make_unique<ComputeLane>()) {
  claim(folder);
  if (auto left = readSession(path_); left && !left->files.empty()) found_ = std::move(*left);
  // Not restarted by further changes: a person who never pauses is saved, too.
  timer_.setSingleShot(true);
  timer_.setInterval(delayMs);
  connect(&timer_, &QTimer::timeout, this, &Autosave::write);
  connect(session, &Session::filesChanged, this, &Autosave::touch);
  connect(session, &Session::tensorChanged, this, &Autosave::touch);
  connect(session, &Session::specChanged, this, &Autosave::touch);
  connect(session, &Session::orientationChanged, this, &Autosave::touch);
}

Autosave::~Autosave() {
  outbox_->close();
  lane_.reset();
}

void Autosave::claim(const QString& folder) {
  if (!QDir().mkpath(folder)) return;
  for (int i = 1; i <= kMostPrograms; ++i) {
    const QString path = QDir(folder).filePath(QStringLiteral("session-%1.json").arg(i));
    auto lock = std::make_unique<QLockFile>(path + QStringLiteral(".lock"));
    lock->setStaleLockTime(0);  // a program that runs for days still lives
    if (!lock->tryLock(0)) continue;
    lock_ = std::move(lock);
    path_ = path;
    return;
  }
}

void Autosave::touch() {
  if (!path_.isEmpty() && lane_ && !timer_.isActive()) timer_.start();
}

void Autosave::write() {
  lane_->submit([saved = snapshot_(), path = path_, outbox = outbox_](const CancelToken& cancel) {
    if (cancel.cancelled()) return;
    const Status status = guarded(path.toStdString(), [&] { return writeSession(saved, path); });
    outbox->post([status](Autosave& autosave) { autosave.told(status); });
  });
}

void Autosave::told(const Status& status) {
  if (status) {
    Q_EMIT saved();
  } else {
    Q_EMIT failed(messageOf(status.error()));
  }
}

QString Autosave::lastSession(const QString& folder) {
  return QDir(folder).filePath(QStringLiteral("last-session.json"));
}

void Autosave::finish() {
  timer_.stop();
  lane_.reset();
  if (path_.isEmpty()) return;
  SavedSession last = snapshot_();
  const QString path = lastSession(QFileInfo(path_).path());
  // Where that cannot be written, what was saved while the program ran is better than nothing.
  if (!last.files.empty() && !writeSession(std::move(last), path)) return;
  QFile::remove(path_);
}

}  // namespace quantoscope::ui
