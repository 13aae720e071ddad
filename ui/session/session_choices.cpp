// The session's choices for several tensors at once.
#include <utility>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

bool Session::hasOwnSpec(const TensorInfo& info) const {
  return file() != nullptr && file()->plan.tensors.contains(info.name);
}

void Session::applySpecTo(const QStringList& tensors, const QuantSpec& spec, const QString& step) {
  if (file() == nullptr) return;
  if (const Status valid = spec.validate(); !valid) {
    Q_EMIT failed(messageOf(valid.error()));
    return;
  }
  TuningPlan plan = file()->plan;
  bool any = false;
  for (const QString& name : tensors) {
    const TensorInfo* info = file()->info(file()->indexOf(name));
    if (info == nullptr || !info->quantizable) continue;
    if (hasOwnSpec(*info) && specOf(*info) == spec) continue;
    TensorPlan choice;
    choice.spec = spec;
    choice.pinned = true;
    plan.tensors[info->name] = choice;
    any = true;
  }
  if (any) pushPlan(std::move(plan), step, 0);
}

void Session::dropOwnSpecsOf(const QStringList& tensors) {
  if (file() == nullptr) return;
  TuningPlan plan = file()->plan;
  std::size_t dropped = 0;
  for (const QString& name : tensors) {
    const TensorInfo* info = file()->info(file()->indexOf(name));
    if (info != nullptr) dropped += plan.tensors.erase(info->name);
  }
  if (dropped == 0) return;
  pushPlan(std::move(plan), tr("back to the default for %1 tensors").arg(dropped), 0);
}

}  // namespace quantoscope::ui
