#include "ui/session/session_file.h"

#include <algorithm>
#include <utility>

#include <QCryptographicHash>
#include <QDateTime>
#include <QFile>
#include <QFileInfo>

#include "core/base/file_output.h"
#include "core/base/input_file.h"

namespace quantoscope::ui {

namespace {

constexpr qint64 kEnd = 64 * 1024;

}  // namespace

std::optional<Fingerprint> fingerprintOf(const QString& path) {
  const auto opened = openRegularFile(path.toStdString());
  QFile file;
  if (!opened || !file.open(opened->get(), QIODevice::ReadOnly)) return std::nullopt;
  QCryptographicHash hash(QCryptographicHash::Sha256);
  hash.addData(file.read(kEnd));
  file.seek(std::max<qint64>(file.size() - kEnd, 0));
  hash.addData(file.read(kEnd));
  return Fingerprint{file.size(),
                     file.fileTime(QFileDevice::FileModificationTime).toMSecsSinceEpoch(),
                     QString::fromLatin1(hash.result().toHex())};
}

SourceState sourceStateOf(const SavedFile& file) {
  const auto now = fingerprintOf(file.state.path);
  if (!now) return SourceState::Missing;
  return !file.fingerprint || file.fingerprint->sameContent(*now) ? SourceState::Same
                                                                  : SourceState::Changed;
}

bool looksLikeSession(const QString& path) {
  constexpr qint64 kBeginning = 4096;
  if (!path.endsWith(QLatin1String(".json"), Qt::CaseInsensitive)) return false;
  const auto opened = openRegularFile(path.toStdString());
  QFile file;
  return opened && file.open(opened->get(), QIODevice::ReadOnly) &&
         file.read(kBeginning).contains(kSessionFormat);
}

SavedSession savedSessionOf(const Session& session) {
  SavedSession saved;
  for (FileState& state : session.fileStates()) saved.files.push_back({std::move(state), {}});
  saved.current = session.currentFile();
  return saved;
}

Status writeSession(SavedSession session, const QString& path) {
  for (SavedFile& file : session.files) {
    if (const auto now = fingerprintOf(file.state.path)) file.fingerprint = now;
  }
  const Json json = sessionToJson(session, QFileInfo(path).absoluteDir());
  return writeFile(path.toStdString(), json.text() + "\n");
}

Result<SavedSession> readSession(const QString& path) {
  const std::string name = path.toStdString();
  const auto text = readWholeFile(name, kMostDocumentBytes);
  if (!text) return text.error();
  const auto json = parseJson(*text, name);
  if (!json) return json.error();
  return sessionFromJson(*json, QFileInfo(path).absoluteDir(), name);
}

}  // namespace quantoscope::ui
