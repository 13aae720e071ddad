// The session as a JSON file: what was open and chosen.
#pragma once

#include <optional>
#include <vector>

#include <QDir>
#include <QString>

#include "core/base/json.h"
#include "core/base/result.h"
#include "ui/session/pin.h"
#include "ui/session/session.h"

namespace quantoscope::ui {

/// How a session file begins.
inline constexpr const char* kSessionFormat = "quantoscope-session";

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

struct SavedPins {
  std::vector<Pin> pins;
  int baseline = -1;  ///< index into pins; -1 where none is chosen
};

/// All that a session file holds; choices of the view are among the settings.
struct SavedSession {
  std::vector<SavedFile> files;
  int current = -1;                    ///< index into files; -1 for none
  std::optional<SavedPins> pins = {};  ///< absent: those of the program stay
};

/// How a saved source compares with what lies at its path now.
enum class SourceState { Same, Changed, Missing };

/// Reads up to 128 KiB; a source without a fingerprint is the same wherever it exists. Thread-safe.
SourceState sourceStateOf(const SavedFile& file);

/// Whether this is a session file by its name and first bytes, which a plan's or a shard index's
/// JSON is not. Reads up to 4 KiB of a regular file that ends in .json, and nothing of others;
/// never waits.
bool looksLikeSession(const QString& path);

/// The files of a session and which is shown; no fingerprints, which take reading.
SavedSession savedSessionOf(const Session& session);

/// Takes the fingerprints and writes `{"format":"quantoscope-session","version":1,...}`, whole or
/// not at all. Paths are stored absolute and relative to the session file. Thread-safe; blocks.
Status writeSession(SavedSession session, const QString& path);

/// Reads a session file; blocks. A source is looked for where it lies relative to the session file,
/// then at its absolute path; where neither exists the latter is kept. Errors name the file and the
/// key.
Result<SavedSession> readSession(const QString& path);
/// What writeSession() writes, with the fingerprints as they are.
Json sessionToJson(const SavedSession& session, const QDir& base);
/// What readSession() makes of it. `name` begins the message of an error, which tells the
/// key and what is allowed.
Result<SavedSession> sessionFromJson(const Json& json, const QDir& base, const std::string& name);

}  // namespace quantoscope::ui
