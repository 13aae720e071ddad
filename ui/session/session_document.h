// The session as a document: saved under a name, opened, its sources found again.
#pragma once

#include <memory>
#include <vector>

#include <QObject>

#include "ui/session/io_queue.h"
#include "ui/session/pin_store.h"
#include "ui/session/session_file.h"

namespace quantoscope::ui {

/// Opens and saves session files on a thread of its own; requests return at once. Sources that are
/// not where they were are kept, with all that was chosen for them, until they are located; a
/// snapshot holds them, too, so that saving loses nothing. Lives on the GUI thread.
class SessionDocument : public QObject {
  Q_OBJECT

 public:
  /// Both must outlive the document.
  SessionDocument(Session* session, PinStore* pins, QObject* parent = nullptr);
  /// Waits for a file that is being written.
  ~SessionDocument() override;

  /// The file that was opened or saved last; empty before.
  const QString& path() const { return path_; }

  /// Everything open, being opened or missing; pins only where asked for, since the settings
  /// remember those of the program.
  SavedSession snapshot(bool withPins) const;

  /// Ends with saved, or with failed.
  void save(const QString& path);
  /// Opens what the file names beside what is open already, and replaces the pins by those of the
  /// file where it has any. Ends with opened, or with failed and everything as before.
  void open(const QString& path);
  /// The same with a file that the program keeps by itself: no document to be saved to, so path()
  /// stays; ends without opened.
  void reopen(const QString& path);
  /// The same with what was read already.
  void restore(const SavedSession& saved);

  /// Sources that do not exist where they are looked for, in the order of the session.
  const std::vector<SavedFile>& missing() const { return missing_; }
  /// Takes the file `found` for the missing source whose saved path is `source`. Other missing ones
  /// are taken from the same folder where name and contents agree. A fingerprint that differs is
  /// told by noticed(), and hinders nothing.
  void locate(const QString& source, const QString& found);

 Q_SIGNALS:
  void pathChanged();
  void opened(const QString& path);
  void saved(const QString& path);
  void missingChanged();
  void noticed(const QString& message);  ///< a source has other contents than it had
  void failed(const QString& message);

 private:
  struct Checked {
    SavedSession session;
    std::vector<SourceState> states;  ///< of each file
  };
  /// A missing source with where it was found, and whether with the same contents.
  struct Located {
    QString source;
    QString found;
    bool same = true;
  };
  static Checked checked(SavedSession session);
  void load(const QString& path, bool named);
  void take(const Checked& restored);
  void takeLocated(const std::vector<Located>& located);
  void openingEnded();
  void setPath(const QString& path);

  Session* session_;
  PinStore* pins_;
  QString path_;
  std::vector<SavedFile> pending_;  ///< handed to the session, which has not opened them yet
  std::vector<SavedFile> missing_;
  QString missingCurrent_;  ///< the missing source that was shown; empty for none
  std::shared_ptr<Outbox<SessionDocument>> outbox_;
  std::unique_ptr<IoQueue> queue_;
};

}  // namespace quantoscope::ui
