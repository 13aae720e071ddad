// The session as a JSON file: what was open and chosen.
#pragma once

#include <optional>
#include <vector>

#include <QString>

#include "core/base/result.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// What tells cheaply whether a file is still the same.
struct Fingerprint {
  qint64 size = -1;
  qint64 modifiedMs = 0;  ///< since 1970, UTC
  QString ends;           ///< SHA-256 of the first and the last 64 KiB

  /// Whether the contents agree; a copy has another time.
  bool sameContent(const Fingerprint& other) const {
    return size == other.size && ends == other.ends;
  }
};

/// Reads up to 128 KiB; nothing where the file cannot be read. Thread-safe.
std::optional<Fingerprint> fingerprintOf(const QString& path);

struct SavedFile {
  FileState state;
  std::optional<Fingerprint> fingerprint;
};

/// All that a session file holds; pins and choices of the view are among the settings.
struct SavedSession {
  std::vector<SavedFile> files;
  int current = -1;  ///< index into files; -1 for none
};

/// The files of a session and which is shown; no fingerprints, which take reading.
SavedSession savedSessionOf(const Session& session);

/// Takes the fingerprints and writes `{"format":"quantoscope-session","version":1,...}`, whole or
/// not at all. Paths are stored absolute and relative to the session file. Thread-safe; blocks.
Status writeSession(SavedSession session, const QString& path);

/// Reads a session file. A source is looked for where it lies relative to the session file, then at
/// its absolute path; where neither exists the latter is kept. Errors name the file and the key.
Result<SavedSession> readSession(const QString& path);

}  // namespace quantoscope::ui
