#include "ui/session/log_file.h"

#include <mutex>

#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>

#include "ui/session/session.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

struct Log {
  std::mutex mutex;
  QFile file;
  QtMessageHandler before = nullptr;
};

Log& theLog() {
  static Log log;
  return log;
}

void putAside(const QString& path) {
  const auto aside = [&](int number) { return QStringLiteral("%1.%2").arg(path).arg(number); };
  QFile::remove(aside(LogFile::kKept));
  for (int i = LogFile::kKept - 1; i >= 1; --i) QFile::rename(aside(i), aside(i + 1));
  QFile::rename(path, aside(1));
}

/// Needs the mutex.
void append(Log& log, QString line) {
  if (!log.file.isOpen()) return;
  if (log.file.size() > LogFile::kLargest) {
    log.file.close();
    putAside(log.file.fileName());
    if (!log.file.open(QIODevice::Append | QIODevice::Unbuffered)) return;
  }
  line = shownText(line);
  const QString time = QDateTime::currentDateTime().toString(Qt::ISODateWithMs);
  log.file.write(QStringLiteral("%1 %2\n").arg(time, line).toUtf8());
}

const char* nameOf(QtMsgType type) {
  switch (type) {
    case QtDebugMsg:
      return "debug";
    case QtInfoMsg:
      return "info";
    case QtWarningMsg:
      return "warning";
    case QtCriticalMsg:
      return "critical";
    case QtFatalMsg:
      return "fatal";
  }
  return "message";
}

void handle(QtMsgType type, const QMessageLogContext& context, const QString& message) {
  Log& log = theLog();
  QtMessageHandler before = nullptr;
  {
    const std::lock_guard lock(log.mutex);
    append(log, QStringLiteral("Qt %1: %2").arg(QString::fromLatin1(nameOf(type)), message));
    before = log.before;
  }
  if (before != nullptr) before(type, context, message);
}

}  // namespace

void LogFile::begin(const QString& folder) {
  end();
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  if (!QDir().mkpath(folder)) return;
  log.file.setFileName(QDir(folder).filePath(QStringLiteral("quantoscope.log")));
  // Opening a named pipe would wait for a reader.
  if (const QFileInfo info(log.file); info.exists() && !info.isFile()) return;
  if (QFileInfo(log.file).size() > kLargest) putAside(log.file.fileName());
  // Unbuffered, so that the last lines before a crash are there.
  if (!log.file.open(QIODevice::Append | QIODevice::Unbuffered)) return;
  log.before = qInstallMessageHandler(handle);
}

void LogFile::end() {
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  if (!log.file.isOpen()) return;
  qInstallMessageHandler(log.before);
  log.before = nullptr;
  log.file.close();
}

QString LogFile::path() {
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  return log.file.isOpen() ? log.file.fileName() : QString();
}

void LogFile::write(const QString& line) {
  Log& log = theLog();
  const std::lock_guard lock(log.mutex);
  append(log, line);
}

void LogFile::follow(Session& session) {
  QObject::connect(&session, &Session::fileOpened,
                   [](const QString& path) { write(QStringLiteral("opened %1").arg(path)); });
  QObject::connect(&session, &Session::fileChanged, [&session] {
    if (session.currentFile() < 0) return;
    write(QStringLiteral("shows %1: %2, %3 tensors")
              .arg(session.currentPath(), session.currentFormat())
              .arg(session.tensors().size()));
  });
  QObject::connect(&session, &Session::failed, [](const QString& message) {
    write(QStringLiteral("failed: %1").arg(message));
  });
  QObject::connect(&session, &Session::cancelled,
                   [](const QString& what) { write(QStringLiteral("stopped: %1").arg(what)); });
  QObject::connect(&session, &Session::exported, [](const QString& what, const QString& path) {
    write(QStringLiteral("wrote %1 to %2").arg(what, path));
  });
  QObject::connect(&session, &Session::resultChanged, [&session] {
    const SharedResult result = session.result();
    if (!result || result->preview || !session.resultIsCurrent()) return;
    write(QStringLiteral("analysed %1, %2, in %3 ms")
              .arg(shownName(result->info.name), shownText(describe(result->spec)))
              .arg(result->elapsedMs, 0, 'f', 1));
  });
}

}  // namespace quantoscope::ui
