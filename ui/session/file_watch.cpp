#include "ui/session/file_watch.h"

#include <QFile>
#include <QFileInfo>

namespace quantoscope::ui {

FileWatch::FileWatch(QObject* parent, int pauseMs) : QObject(parent) {
  pause_.setSingleShot(true);
  pause_.setInterval(pauseMs);
  connect(&pause_, &QTimer::timeout, this, &FileWatch::look);
  connect(&watcher_, &QFileSystemWatcher::fileChanged, this, [this] { pause_.start(); });
  // Not put off by more of them: other files of the folder may change all the time.
  connect(&watcher_, &QFileSystemWatcher::directoryChanged, this, [this] {
    if (!pause_.isActive()) pause_.start();
  });
}

std::optional<FileIdentity> FileWatch::stateOf(const QString& path) {
  const auto found = identityOf(QFile::encodeName(path).toStdString());
  return found ? std::optional(*found) : std::nullopt;
}

void FileWatch::setFiles(const QStringList& paths) {
  std::map<QString, Watched> kept;
  for (const QString& path : paths) {
    const auto known = files_.find(path);
    const auto now = known == files_.end() ? stateOf(path) : std::nullopt;
    kept[path] = known == files_.end() ? Watched{now, now} : known->second;
  }
  files_ = std::move(kept);
  watch();
}

void FileWatch::accept(const QString& path) {
  const auto known = files_.find(path);
  if (known == files_.end()) return;
  known->second.shown = known->second.told = stateOf(path);
}

bool FileWatch::isChanged(const QString& path) const {
  const auto known = files_.find(path);
  return known != files_.end() && known->second.told != known->second.shown;
}

/// The folders as well: a file that was replaced, or is not there, cannot be watched itself.
void FileWatch::watch() {
  QStringList wanted;
  for (const auto& [path, state] : files_) {
    wanted << QFileInfo(path).absolutePath();
    if (QFile::exists(path)) wanted << path;
  }
  wanted.removeDuplicates();
  const QStringList watched = watcher_.files() + watcher_.directories();
  QStringList dropped;
  for (const QString& path : watched) {
    if (!wanted.contains(path)) dropped << path;
  }
  if (!dropped.isEmpty()) watcher_.removePaths(dropped);
  QStringList added;
  for (const QString& path : wanted) {
    if (!watched.contains(path)) added << path;
  }
  if (!added.isEmpty()) watcher_.addPaths(added);
}

void FileWatch::look() {
  watch();
  QStringList news;
  for (auto& [path, state] : files_) {
    const auto now = stateOf(path);
    if (!now || now == state.told) continue;
    state.told = now;
    if (now != state.shown) news << path;
  }
  for (const QString& path : news) Q_EMIT changed(path);
}

}  // namespace quantoscope::ui
