#include "ui/session/preset_store.h"

#include <algorithm>
#include <utility>

#include <QUndoCommand>

#include "core/base/json.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

namespace {

bool comesWithTheProgram(const QString& name) {
  return std::any_of(presets().begin(), presets().end(), [&](const Preset& preset) {
    return preset.name.compare(name, Qt::CaseInsensitive) == 0;
  });
}

QString toText(const std::vector<Preset>& presets) {
  Json::Array list;
  for (const Preset& preset : presets) {
    list.push_back(
        Json::object({{"name", preset.name.toStdString()}, {"spec", toJson(preset.spec)}}));
  }
  return QString::fromStdString(Json(std::move(list)).text());
}

std::vector<Preset> fromText(const QString& text) {
  std::vector<Preset> presets;
  const std::string source = "saved presets";
  const auto json = parseJson(text.toStdString(), source);
  if (!json || !json->isArray()) return presets;
  for (const Json& item : *json->asArray()) {
    const Json* name = item.find("name");
    const Json* spec = item.find("spec");
    if (name == nullptr || !name->isString() || spec == nullptr) continue;
    const auto parsed = specFromJson(*spec, source);
    if (!parsed || !parsed->validate()) continue;
    presets.push_back({shownName(*name->asString()), *parsed});
  }
  return presets;
}

}  // namespace

/// What some names stood for before and after; other presets may change between undo and redo.
class PresetStore::Step : public QUndoCommand {
 public:
  Step(PresetStore* store, const QString& name, std::vector<Change> changes)
      : QUndoCommand(menuText(shownText(name))), store_(store), changes_(std::move(changes)) {}

  void undo() override {
    // Backwards: where only capitals changed, both names are one to set().
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
      store_->set(change->name, change->before);
    }
    store_->keep();
  }
  void redo() override {
    for (const Change& change : changes_) store_->set(change.name, change.after);
    store_->keep();
  }

 private:
  PresetStore* store_;
  std::vector<Change> changes_;
};

PresetStore::PresetStore(Session* session, Settings* settings, QObject* parent)
    : QObject(parent), session_(session), settings_(settings) {
  for (const Preset& preset : fromText(settings->presets())) set(preset.name, preset.spec);
}

bool PresetStore::allowed(const QString& name, QString* problem) const {
  QString why;
  if (name.isEmpty()) why = tr("A preset needs a name");
  if (comesWithTheProgram(name))
    why = tr("“%1” comes with the program: choose another name").arg(name);
  if (problem != nullptr) *problem = why;
  return why.isEmpty();
}

const Preset* PresetStore::find(const QString& name) const {
  const auto found = std::find_if(own_.begin(), own_.end(), [&](const Preset& preset) {
    return preset.name.compare(name, Qt::CaseInsensitive) == 0;
  });
  return found == own_.end() ? nullptr : &*found;
}

bool PresetStore::save(const QString& name, const QuantSpec& spec, QString* problem) {
  const QString plain = shownText(name.simplified(), kMostOfName);
  if (!allowed(plain, problem)) return false;
  const Preset* old = find(plain);
  push(tr("save preset %1").arg(plain),
       {{plain, old == nullptr ? std::nullopt : std::optional(old->spec), spec}});
  return true;
}

bool PresetStore::rename(const QString& name, const QString& newName, QString* problem) {
  const QString plain = shownText(newName.simplified(), kMostOfName);
  if (!allowed(plain, problem)) return false;
  const Preset* old = find(name);
  const Preset* other = find(plain);
  if (old == nullptr || (other != nullptr && other != old)) {
    if (problem != nullptr) *problem = tr("There is a preset “%1” already").arg(plain);
    return false;
  }
  if (plain == old->name) return true;
  const QuantSpec spec = old->spec;
  push(tr("rename preset to %1").arg(plain),
       {{old->name, spec, std::nullopt}, {plain, std::nullopt, spec}});
  return true;
}

void PresetStore::remove(const QString& name) {
  if (const Preset* old = find(name)) {
    push(tr("remove preset %1").arg(old->name), {{old->name, old->spec, std::nullopt}});
  }
}

void PresetStore::push(const QString& step, std::vector<Change> changes) {
  auto command = std::make_unique<Step>(this, step, std::move(changes));
  if (QUndoStack* stack = session_->undoGroup()->activeStack()) {
    stack->push(command.release());
  } else {
    command->redo();
  }
}

void PresetStore::set(const QString& name, const std::optional<QuantSpec>& spec) {
  std::erase_if(own_, [&](const Preset& preset) {
    return preset.name.compare(name, Qt::CaseInsensitive) == 0;
  });
  if (!spec) return;
  const auto place = std::find_if(own_.begin(), own_.end(), [&](const Preset& preset) {
    return preset.name.compare(name, Qt::CaseInsensitive) > 0;
  });
  own_.insert(place, {name, *spec});
}

void PresetStore::keep() {
  settings_->setPresets(toText(own_));
  Q_EMIT changed();
}

}  // namespace quantoscope::ui
