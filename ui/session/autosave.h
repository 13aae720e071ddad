// What is open and chosen, kept on disk while the program runs.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <QLockFile>
#include <QObject>
#include <QTimer>

#include "ui/session/compute_lane.h"
#include "ui/session/session_file.h"

namespace quantoscope::ui {

/// Writes the session into a folder at most `delayMs` after a change, on a thread of its own, so
/// that a program that is killed loses no more than that. Every running program has a file of its
/// own there, guarded by a lock; the first that no living program holds is taken. An orderly end
/// removes the file, so what is found at a start is what a killed program left; what was open at
/// that end stays under lastSession(), to be asked for.
class Autosave : public QObject {
  Q_OBJECT

 public:
  static constexpr int kDelayMs = 5000;
  static constexpr int kMostPrograms = 16;
  using Snapshot = std::function<SavedSession()>;

  /// `snapshot` is called on the GUI thread. Session must outlive this.
  Autosave(Session* session, const QString& folder, Snapshot snapshot, int delayMs = kDelayMs,
           QObject* parent = nullptr);
  /// Waits for a file that is being written; does not remove it.
  ~Autosave() override;

  /// What a killed program left; nothing where it ended in order. Read by the constructor.
  const std::optional<SavedSession>& found() const { return found_; }
  /// The file; empty where no folder can be written or kMostPrograms run.
  const QString& path() const { return path_; }
  /// Where the newest orderly end in this folder left its session; it need not exist.
  static QString lastSession(const QString& folder);
  /// Something changed.
  void touch();
  /// The program ends in order: its session becomes lastSession(), its file is removed, and nothing
  /// is written any more. Blocks for as long as that takes.
  void finish();

 Q_SIGNALS:
  void saved();
  void failed(const QString& message);

 private:
  void claim(const QString& folder);
  void write();
  void told(const Status& status);

  Snapshot snapshot_;
  std::shared_ptr<Outbox<Autosave>> outbox_;
  std::unique_ptr<QLockFile> lock_;
  QString path_;
  std::optional<SavedSession> found_;
  QTimer timer_;
  std::unique_ptr<ComputeLane> lane_;
};

}  // namespace quantoscope::ui
