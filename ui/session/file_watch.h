// Whether opened files are still what they were.
#pragma once

#include <map>
#include <optional>

#include <QFileSystemWatcher>
#include <QObject>
#include <QStringList>
#include <QTimer>

#include "core/base/file_identity.h"

namespace quantoscope::ui {

/// Tells when files change on disk: when they are written to, and when another file takes their
/// place, as most programs save. A file that is gone for a while is no change until it is back.
/// Tells it once the writing has paused, since a file grows in many steps.
class FileWatch : public QObject {
  Q_OBJECT

 public:
  static constexpr int kPauseMs = 400;

  explicit FileWatch(QObject* parent = nullptr, int pauseMs = kPauseMs);

  /// The files to watch, absolute. What is known of those that were watched before stays.
  void setFiles(const QStringList& paths);
  /// The file as it is now is the one that is shown.
  void accept(const QString& path);
  /// Whether it differs from the one that is shown.
  bool isChanged(const QString& path) const;

 Q_SIGNALS:
  void changed(const QString& path);

 private:
  /// What tells one state of a file from another; a file in another's place has another number.
  struct Watched {
    std::optional<FileIdentity> shown;
    std::optional<FileIdentity> told;  ///< the newest state that changed() was about
  };

  static std::optional<FileIdentity> stateOf(const QString& path);
  void watch();
  void look();

  QFileSystemWatcher watcher_;
  QTimer pause_;
  std::map<QString, Watched> files_;
};

}  // namespace quantoscope::ui
