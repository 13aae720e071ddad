#include "ui/session/pin_store.h"

#include <algorithm>
#include <utility>

#include <QUndoCommand>

#include "ui/session/shown_text.h"

namespace quantoscope::ui {

/// What one pin was and became.
class PinStore::Step : public QUndoCommand {
 public:
  Step(PinStore* store, const QString& name, int id, Slot before, Slot after)
      : QUndoCommand(menuText(shownText(name))),
        store_(store),
        id_(id),
        before_(std::move(before)),
        after_(std::move(after)) {}

  void undo() override { store_->apply(id_, before_); }
  void redo() override { store_->apply(id_, after_); }

 private:
  PinStore* store_;
  int id_;
  Slot before_;
  Slot after_;
};

PinStore::PinStore(Session* session, QObject* parent) : QObject(parent), session_(session) {}

std::vector<Pin>::iterator PinStore::place(int id) {
  return std::find_if(pins_.begin(), pins_.end(), [id](const Pin& pin) { return pin.id == id; });
}

const Pin* PinStore::find(int id) const {
  const auto found =
      std::find_if(pins_.begin(), pins_.end(), [id](const Pin& pin) { return pin.id == id; });
  return found == pins_.end() ? nullptr : &*found;
}

const Pin* PinStore::baseline() const {
  const Pin* chosen = find(baseline_);
  return chosen != nullptr || pins_.empty() ? chosen : &pins_.front();
}

int PinStore::freeColor() const {
  for (int color = 0; color < Pin::kColors; ++color) {
    const bool taken = std::any_of(pins_.begin(), pins_.end(),
                                   [color](const Pin& pin) { return pin.color == color; });
    if (!taken) return color;
  }
  return 0;
}

int PinStore::pinCurrent() {
  if (!session_->hasTensor()) {
    Q_EMIT refused(tr("Choose a tensor first: a pin keeps its settings"));
    return 0;
  }
  Pin pin;
  pin.file = session_->currentPath();
  pin.tensor = session_->currentTensor();
  pin.spec = session_->spec();
  for (const Pin& other : pins_) {
    if (!other.sameTensor(pin) || !(other.spec == pin.spec)) continue;
    Q_EMIT refused(tr("These settings are pinned already, as “%1”").arg(other.name));
    return other.id;
  }
  if (static_cast<int>(pins_.size()) >= kMost) {
    Q_EMIT refused(tr("There are %1 pins already: remove one first").arg(kMost));
    return 0;
  }
  pin.id = ++lastId_;
  pin.name = shownText(describe(pin.spec));
  pin.color = freeColor();
  if (session_->resultIsCurrent()) {
    if (auto measure = PinMeasure::from(*session_->result(), session_->curve())) {
      pin.measure = std::make_shared<const PinMeasure>(std::move(*measure));
    }
  }
  const Slot before{std::nullopt, pins_.size(), baseline_};
  const Slot after{pin, pins_.size(), baseline_};
  push(tr("pin %1").arg(pin.name), pin.id, before, after);
  return pin.id;
}

void PinStore::remove(int id) {
  const auto found = place(id);
  if (found == pins_.end()) return;
  const auto position = static_cast<std::size_t>(found - pins_.begin());
  const int baseline = baseline_ == id ? 0 : baseline_;
  push(tr("remove pin %1").arg(found->name), id, {*found, position, baseline_},
       {std::nullopt, position, baseline});
}

void PinStore::removeAll() {
  QUndoStack* stack = session_->undoGroup()->activeStack();
  if (stack != nullptr) stack->beginMacro(tr("remove all pins"));
  while (!pins_.empty()) remove(pins_.back().id);
  if (stack != nullptr) stack->endMacro();
}

void PinStore::rename(int id, const QString& name) {
  const QString trimmed = shownText(name.simplified(), kMostOfName);
  if (trimmed.isEmpty()) return;
  edit(id, tr("rename pin to %1").arg(trimmed), [&](Pin& pin) { pin.name = trimmed; });
}

void PinStore::setColor(int id, int color) {
  if (color < 0 || color >= Pin::kColors) return;
  edit(id, tr("colour of pin"), [color](Pin& pin) { pin.color = color; });
}

void PinStore::setShown(int id, bool shown) {
  edit(id, shown ? tr("show pin") : tr("hide pin"), [shown](Pin& pin) { pin.shown = shown; });
}

void PinStore::setBaseline(int id) {
  const auto found = place(id);
  if (found == pins_.end() || id == baseline_) return;
  const auto position = static_cast<std::size_t>(found - pins_.begin());
  push(tr("baseline %1").arg(found->name), id, {*found, position, baseline_},
       {*found, position, id});
}

void PinStore::edit(int id, const QString& step, const std::function<void(Pin&)>& change) {
  const auto found = place(id);
  if (found == pins_.end()) return;
  const auto position = static_cast<std::size_t>(found - pins_.begin());
  Pin edited = *found;
  change(edited);
  const bool same =
      edited.name == found->name && edited.color == found->color && edited.shown == found->shown;
  if (!same) push(step, id, {*found, position, baseline_}, {edited, position, baseline_});
}

void PinStore::push(const QString& step, int id, const Slot& before, const Slot& after) {
  if (QUndoStack* stack = session_->undoGroup()->activeStack()) {
    stack->push(new Step(this, step, id, before, after));
  } else {
    apply(id, after);
  }
}

void PinStore::apply(int id, const Slot& slot) {
  const auto found = place(id);
  if (!slot.pin) {
    if (found != pins_.end()) pins_.erase(found);
  } else if (found != pins_.end()) {
    // What was measured, and where the file went, is newer than the step.
    found->name = slot.pin->name;
    found->color = slot.pin->color;
    found->shown = slot.pin->shown;
  } else if (static_cast<int>(pins_.size()) < kMost) {
    const std::size_t position = std::min(slot.place, pins_.size());
    pins_.insert(pins_.begin() + static_cast<std::ptrdiff_t>(position), *slot.pin);
  } else {
    Q_EMIT refused(tr("There are %1 pins already: remove one first").arg(kMost));
  }
  baseline_ = slot.baseline;
  Q_EMIT changed();
}

void PinStore::restore(std::vector<Pin> pins, int baselineIndex) {
  pins_ = std::move(pins);
  if (pins_.size() > kMost) pins_.resize(kMost);
  for (Pin& pin : pins_) pin.id = ++lastId_;
  const bool chosen = baselineIndex >= 0 && baselineIndex < static_cast<int>(pins_.size());
  baseline_ = chosen ? pins_[static_cast<std::size_t>(baselineIndex)].id : 0;
  Q_EMIT changed();
}

QString PinStore::toText() const {
  Json::Array pins;
  int baseline = -1;
  for (std::size_t i = 0; i < pins_.size(); ++i) {
    pins.push_back(toJson(pins_[i], pins_[i].file));
    if (pins_[i].id == baseline_) baseline = static_cast<int>(i);
  }
  return QString::fromStdString(
      Json::object({{"pins", std::move(pins)}, {"baseline", baseline}}).text());
}

void PinStore::restoreText(const QString& json) {
  const std::string name = tr("saved pins").toStdString();
  const auto parsed = parseJson(json.toStdString(), name);
  const Json* list = parsed ? parsed->find("pins") : nullptr;
  if (list == nullptr || list->asArray() == nullptr) return;
  std::vector<Pin> pins;
  for (const Json& item : *list->asArray()) {
    auto pin = pinFromJson(item, name);
    if (pin) {
      pins.push_back(std::move(*pin));
    } else {
      Q_EMIT refused(messageOf(pin.error()));
    }
  }
  const Json* baseline = parsed->find("baseline");
  const bool given = baseline != nullptr && baseline->asInteger() != nullptr;
  restore(std::move(pins), given ? static_cast<int>(*baseline->asInteger()) : -1);
}

void PinStore::setMeasure(int id, SharedPinMeasure measure, const QString& problem) {
  const auto found = place(id);
  if (found == pins_.end()) return;
  found->measure = std::move(measure);
  found->problem = problem;
  Q_EMIT changed();
}

void PinStore::relocate(const QString& from, const QString& to, bool same) {
  bool any = false;
  for (Pin& pin : pins_) {
    if (pin.file != from) continue;
    any = true;
    pin.file = to;
    pin.problem.clear();
    if (!same) pin.measure.reset();
  }
  if (any) Q_EMIT changed();
}

}  // namespace quantoscope::ui
