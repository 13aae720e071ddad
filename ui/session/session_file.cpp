#include "ui/session/session_file.h"

#include <algorithm>
#include <utility>

#include <QCryptographicHash>
#include <QDateTime>
#include <QDir>
#include <QFile>
#include <QFileInfo>

#include "core/base/file_output.h"
#include "core/base/json.h"
#include "core/exporting/plan_file.h"

namespace quantoscope::ui {

namespace {

constexpr const char* kFormat = "quantoscope-session";
constexpr std::int64_t kVersion = 1;
constexpr qint64 kEnd = 64 * 1024;

QString textIn(const Json* object, const char* key) {
  const Json* value = object != nullptr ? object->find(key) : nullptr;
  return value != nullptr && value->isString() ? QString::fromStdString(*value->asString())
                                               : QString();
}

qint64 integerIn(const Json& object, const char* key, qint64 otherwise) {
  const Json* value = object.find(key);
  return value != nullptr && value->asInteger() != nullptr ? *value->asInteger() : otherwise;
}

Json toJson(const Fingerprint& print) {
  return Json::object({{"size", static_cast<std::int64_t>(print.size)},
                       {"modified_ms", static_cast<std::int64_t>(print.modifiedMs)},
                       {"ends_sha256", print.ends.toStdString()}});
}

Json toJson(const SavedFile& file, const QDir& base) {
  Json json = Json::object({{"path", file.state.path.toStdString()},
                            {"relative_path", base.relativeFilePath(file.state.path).toStdString()},
                            {"tensor", file.state.tensor.toStdString()},
                            {"plan", planToJson(file.state.plan)}});
  if (file.fingerprint) json.set("fingerprint", toJson(*file.fingerprint));
  if (!file.state.orientations.empty()) {
    Json axes = Json::object({});
    for (const auto& [tensor, chosen] : file.state.orientations) {
      axes.set(tensor, nameOf(chosen));
    }
    json.set("orientations", std::move(axes));
  }
  if (file.state.wordsAreBFloat16) json.set("bfloat16", true);
  return json;
}

/// Where something written with both kinds of path lies: near the session file, else where it was.
QString pathIn(const Json& json, const char* absoluteKey, const QDir& base) {
  const QString relative = textIn(&json, "relative_path");
  const QString nearby = QDir::cleanPath(base.absoluteFilePath(relative));
  return !relative.isEmpty() && QFile::exists(nearby) ? nearby : textIn(&json, absoluteKey);
}

Json toJson(const SavedPins& saved, const QDir& base) {
  Json::Array pins;
  for (const Pin& pin : saved.pins) {
    Json json = quantoscope::ui::toJson(pin, pin.file);
    json.set("relative_path", base.relativeFilePath(pin.file).toStdString());
    pins.push_back(std::move(json));
  }
  return Json::object({{"list", std::move(pins)}, {"baseline", saved.baseline}});
}

Result<SavedPins> pinsFromJson(const Json& json, const QDir& base, const std::string& name) {
  const Json* list = json.find("list");
  if (list == nullptr || !list->isArray()) {
    return Error{ErrorCode::InvalidArgument, name + ": the key 'list' must be a JSON array"};
  }
  SavedPins saved;
  for (const Json& item : *list->asArray()) {
    auto pin = pinFromJson(item, name);
    if (!pin) return pin.error();
    pin->file = pathIn(item, "file", base);
    saved.pins.push_back(std::move(*pin));
  }
  saved.baseline = static_cast<int>(integerIn(json, "baseline", -1));
  return saved;
}

Status readOrientations(const Json& json, const std::string& name, FileState& state) {
  const Json::Object* object = json.asObject();
  if (object == nullptr) {
    return Error{ErrorCode::InvalidArgument, name + ": orientations must be a JSON object"};
  }
  for (const auto& [tensor, value] : *object) {
    const std::string* word = value.asString();
    const auto chosen = parseOrientation(word != nullptr ? *word : value.text(-1));
    if (!chosen) {
      return Error{chosen.error().code, name + ": " + tensor + ": " + chosen.error().message};
    }
    state.orientations[tensor] = *chosen;
  }
  return ok();
}

Result<SavedFile> fileFromJson(const Json& json, const QDir& base, const std::string& name) {
  SavedFile file;
  file.state.path = pathIn(json, "path", base);
  if (file.state.path.isEmpty()) {
    return Error{ErrorCode::InvalidArgument, name + ": the key 'path' is missing"};
  }
  file.state.tensor = textIn(&json, "tensor");
  const Json* plan = json.find("plan");
  if (plan == nullptr) {
    return Error{ErrorCode::InvalidArgument, name + ": the key 'plan' is missing"};
  }
  auto parsed = planFromJson(*plan, name);
  if (!parsed) return parsed.error();
  file.state.plan = std::move(*parsed);
  if (const Json* axes = json.find("orientations")) {
    if (auto status = readOrientations(*axes, name, file.state); !status) return status.error();
  }
  const Json* words = json.find("bfloat16");
  file.state.wordsAreBFloat16 = words != nullptr && words->asBool() != nullptr && *words->asBool();
  if (const Json* print = json.find("fingerprint")) {
    file.fingerprint =
        Fingerprint{integerIn(*print, "size", -1), integerIn(*print, "modified_ms", 0),
                    textIn(print, "ends_sha256")};
  }
  return file;
}

Status checkHeader(const Json& json, const std::string& name) {
  if (textIn(&json, "format") != QLatin1String(kFormat)) {
    return Error{
        ErrorCode::InvalidArgument,
        name + ": is no quantoscope session (\"format\":\"quantoscope-session\" is missing)"};
  }
  const qint64 version = integerIn(json, "version", 0);
  if (version != kVersion) {
    return Error{ErrorCode::InvalidArgument, name + ": session version " + std::to_string(version) +
                                                 " is not known; allowed is 1"};
  }
  const Json* files = json.find("files");
  if (files == nullptr || !files->isArray()) {
    return Error{ErrorCode::InvalidArgument, name + ": files must be a JSON array"};
  }
  return ok();
}

}  // namespace

std::optional<Fingerprint> fingerprintOf(const QString& path) {
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) return std::nullopt;
  QCryptographicHash hash(QCryptographicHash::Sha256);
  hash.addData(file.read(kEnd));
  file.seek(std::max<qint64>(file.size() - kEnd, 0));
  hash.addData(file.read(kEnd));
  return Fingerprint{file.size(), QFileInfo(file).lastModified().toMSecsSinceEpoch(),
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
  QFile file(path);
  return file.open(QIODevice::ReadOnly) && file.read(kBeginning).contains(kFormat);
}

SavedSession savedSessionOf(const Session& session) {
  SavedSession saved;
  for (FileState& state : session.fileStates()) saved.files.push_back({std::move(state), {}});
  saved.current = session.currentFile();
  return saved;
}

Status writeSession(SavedSession session, const QString& path) {
  const QDir base = QFileInfo(path).absoluteDir();
  Json::Array files;
  for (SavedFile& file : session.files) {
    if (const auto now = fingerprintOf(file.state.path)) file.fingerprint = now;
    files.push_back(toJson(file, base));
  }
  Json json = Json::object({{"format", kFormat},
                            {"version", kVersion},
                            {"files", std::move(files)},
                            {"current", session.current}});
  if (session.pins) json.set("pins", toJson(*session.pins, base));
  return writeFile(path.toStdString(), json.text() + "\n");
}

Result<SavedSession> readSession(const QString& path) {
  const std::string name = path.toStdString();
  QFile file(path);
  if (!file.open(QIODevice::ReadOnly)) {
    return Error{ErrorCode::UnreadableFile, name + ": " + file.errorString().toStdString()};
  }
  const auto json = parseJson(file.readAll().toStdString(), name);
  if (!json) return json.error();
  if (const Status header = checkHeader(*json, name); !header) return header.error();
  SavedSession session;
  const QDir base = QFileInfo(path).absoluteDir();
  for (const Json& item : *json->find("files")->asArray()) {
    auto saved =
        fileFromJson(item, base, name + ": files[" + std::to_string(session.files.size()) + "]");
    if (!saved) return saved.error();
    session.files.push_back(std::move(*saved));
  }
  const auto count = static_cast<qint64>(session.files.size());
  session.current =
      static_cast<int>(std::clamp<qint64>(integerIn(*json, "current", -1), -1, count - 1));
  if (const Json* saved = json->find("pins")) {
    auto pins = pinsFromJson(*saved, base, name + ": pins");
    if (!pins) return pins.error();
    session.pins = std::move(*pins);
  }
  return session;
}

}  // namespace quantoscope::ui
