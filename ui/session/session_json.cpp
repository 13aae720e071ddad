// What stands in a session file. Apart from the session itself, so that it can be tried alone.
#include <algorithm>
#include <utility>

#include <QFile>

#include "core/exporting/plan_file.h"
#include "ui/session/pin_store.h"
#include "ui/session/session_file.h"

namespace quantoscope::ui {

namespace {

constexpr std::int64_t kVersion = 1;

/// What a path of Linux may have, and more sources than a person opens.
constexpr std::size_t kMostOfPath = 4096;
constexpr std::size_t kMostFiles = 10'000;

Error wrong(const std::string& name, const std::string& what) {
  return {ErrorCode::InvalidArgument, name + ": " + what};
}

/// The text under a key; nothing where the key is absent or null.
Result<std::optional<std::string>> textIn(const Json& object, const char* key,
                                          const std::string& name) {
  const Json* value = object.find(key);
  if (value == nullptr || value->isNull()) return std::optional<std::string>();
  if (!value->isString()) return wrong(name, std::string(key) + " must be a text");
  return std::optional(*value->asString());
}

Result<QString> pathTextIn(const Json& object, const char* key, const std::string& name) {
  auto text = textIn(object, key, name);
  if (!text) return text.error();
  const std::string path = text->value_or("");
  if (path.size() > kMostOfPath || path.find('\0') != std::string::npos) {
    return wrong(name, std::string(key) + " must be a path of at most " +
                           std::to_string(kMostOfPath) + " bytes, none of them 0");
  }
  return QString::fromStdString(path);
}

Result<qint64> integerIn(const Json& object, const char* key, qint64 otherwise,
                         const std::string& name) {
  const Json* value = object.find(key);
  if (value == nullptr) return otherwise;
  if (value->asInteger() == nullptr) {
    return wrong(name, std::string(key) + " must be a whole number");
  }
  return static_cast<qint64>(*value->asInteger());
}

Json toJson(const Fingerprint& print) {
  return Json::object({{"size", static_cast<std::int64_t>(print.size)},
                       {"modified_ms", static_cast<std::int64_t>(print.modifiedMs)},
                       {"ends_sha256", print.ends.toStdString()}});
}

Json toJson(const SavedFile& file, const QDir& base) {
  Json json =
      Json::object({{"path", file.state.path.toStdString()},
                    {"relative_path", base.relativeFilePath(file.state.path).toStdString()},
                    {"tensor", file.state.tensor ? Json(file.state.tensor->toStdString()) : Json()},
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
Result<QString> pathIn(const Json& json, const char* absoluteKey, const QDir& base,
                       const std::string& name) {
  const auto relative = pathTextIn(json, "relative_path", name);
  if (!relative) return relative;
  auto absolute = pathTextIn(json, absoluteKey, name);
  if (!absolute || relative->isEmpty()) return absolute;
  const QString nearby = QDir::cleanPath(base.absoluteFilePath(*relative));
  return QFile::exists(nearby) ? Result<QString>(nearby) : absolute;
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
    return wrong(name, "the key 'list' must be a JSON array");
  }
  if (list->asArray()->size() > PinStore::kMost) {
    return wrong(name, std::to_string(list->asArray()->size()) + " pins; allowed are at most " +
                           std::to_string(PinStore::kMost));
  }
  SavedPins saved;
  for (const Json& item : *list->asArray()) {
    auto pin = pinFromJson(item, name);
    if (!pin) return pin.error();
    auto file = pathIn(item, "file", base, name);
    if (!file) return file.error();
    pin->file = std::move(*file);
    saved.pins.push_back(std::move(*pin));
  }
  const auto baseline = integerIn(json, "baseline", -1, name);
  if (!baseline) return baseline.error();
  const auto last = static_cast<qint64>(saved.pins.size()) - 1;
  saved.baseline = static_cast<int>(std::clamp<qint64>(*baseline, -1, last));
  return saved;
}

Status readOrientations(const Json& json, const std::string& name, FileState& state) {
  const Json::Object* object = json.asObject();
  if (object == nullptr) {
    return wrong(name, "orientations must be a JSON object");
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

Result<Fingerprint> fingerprintFromJson(const Json& json, const std::string& name) {
  if (!json.isObject()) return wrong(name, "must be a JSON object");
  const auto size = integerIn(json, "size", -1, name);
  if (!size) return size.error();
  const auto modified = integerIn(json, "modified_ms", 0, name);
  if (!modified) return modified.error();
  const auto ends = textIn(json, "ends_sha256", name);
  if (!ends) return ends.error();
  return Fingerprint{*size, *modified, QString::fromStdString(ends->value_or(""))};
}

Result<SavedFile> fileFromJson(const Json& json, const QDir& base, const std::string& name) {
  SavedFile file;
  auto path = pathIn(json, "path", base, name);
  if (!path) return path.error();
  file.state.path = std::move(*path);
  if (file.state.path.isEmpty()) return wrong(name, "the key 'path' is missing");
  auto tensor = textIn(json, "tensor", name);
  if (!tensor) return tensor.error();
  if (*tensor) file.state.tensor = QString::fromStdString(**tensor);
  const Json* plan = json.find("plan");
  if (plan == nullptr) return wrong(name, "the key 'plan' is missing");
  auto parsed = planFromJson(*plan, name);
  if (!parsed) return parsed.error();
  file.state.plan = std::move(*parsed);
  if (const Json* axes = json.find("orientations")) {
    if (auto status = readOrientations(*axes, name, file.state); !status) return status.error();
  }
  if (const Json* words = json.find("bfloat16")) {
    if (words->asBool() == nullptr) return wrong(name, "bfloat16 must be true or false");
    file.state.wordsAreBFloat16 = *words->asBool();
  }
  if (const Json* print = json.find("fingerprint")) {
    auto taken = fingerprintFromJson(*print, name + ": fingerprint");
    if (!taken) return taken.error();
    file.fingerprint = std::move(*taken);
  }
  return file;
}

Status checkHeader(const Json& json, const std::string& name) {
  const auto format = textIn(json, "format", name);
  if (!format || *format != kSessionFormat) {
    return wrong(name, "is no quantoscope session (\"format\":\"quantoscope-session\" is missing)");
  }
  const auto version = integerIn(json, "version", 0, name);
  if (!version) return version.error();
  if (*version != kVersion) {
    return wrong(name,
                 "session version " + std::to_string(*version) + " is not known; allowed is 1");
  }
  const Json* files = json.find("files");
  if (files == nullptr || !files->isArray()) return wrong(name, "files must be a JSON array");
  if (files->asArray()->size() > kMostFiles) {
    return wrong(name, std::to_string(files->asArray()->size()) + " files; allowed are at most " +
                           std::to_string(kMostFiles));
  }
  return ok();
}

}  // namespace

Json sessionToJson(const SavedSession& session, const QDir& base) {
  Json::Array files;
  for (const SavedFile& file : session.files) files.push_back(toJson(file, base));
  Json json = Json::object({{"format", kSessionFormat},
                            {"version", kVersion},
                            {"files", std::move(files)},
                            {"current", session.current}});
  if (session.pins) json.set("pins", toJson(*session.pins, base));
  return json;
}

Result<SavedSession> sessionFromJson(const Json& json, const QDir& base, const std::string& name) {
  if (const Status header = checkHeader(json, name); !header) return header.error();
  SavedSession session;
  for (const Json& item : *json.find("files")->asArray()) {
    auto saved =
        fileFromJson(item, base, name + ": files[" + std::to_string(session.files.size()) + "]");
    if (!saved) return saved.error();
    session.files.push_back(std::move(*saved));
  }
  const auto count = static_cast<qint64>(session.files.size());
  const auto current = integerIn(json, "current", -1, name);
  if (!current) return current.error();
  session.current = static_cast<int>(std::clamp<qint64>(*current, -1, count - 1));
  if (const Json* saved = json.find("pins")) {
    auto pins = pinsFromJson(*saved, base, name + ": pins");
    if (!pins) return pins.error();
    session.pins = std::move(*pins);
  }
  return session;
}

}  // namespace quantoscope::ui
