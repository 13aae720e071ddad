// The selected weights.
#include <utility>

#include "ui/session/guarded.h"
#include "ui/session/session_state.h"

namespace quantoscope::ui {

void Session::setSelection(std::optional<Selection> selection) {
  if (selection == selection_) return;
  selection_ = std::move(selection);
  ++lastSelection_;
  Q_EMIT selectionChanged();
  if (!selection_) return;
  halted_ = false;
  // Other background work waits for it, except the detail, which it needs.
  if (background_ != Activity::Kind::Reporting) standBack();
  pumpBackground();
}

std::optional<Session::SelectionQuestion> Session::selectionQuestion() const {
  auto question = detailQuestion();
  if (!selection_ || !question) return std::nullopt;
  return SelectionQuestion{lastSelection_, std::move(*question)};
}

SharedSelection Session::selected() const {
  if (!selection_ || !detail()) return nullptr;
  return selectionQuestion() == selectedOf_ ? selected_ : nullptr;
}

bool Session::startSelection() {
  if (!selection_ || !resultIsCurrent() || !detail()) return false;
  const auto asked = selectionQuestion();
  if (!asked || asked == selectedOf_ || asked == failedSelection_) return false;
  background_ = Activity::Kind::Selecting;
  SelectionRequest request;
  request.tensor = tensor_;
  request.selection = *selection_;
  request.result = result_;
  request.detail = detail_;
  backgroundLane_->submit([asked = *asked, request = std::move(request),
                           executor = patientExecutor_, cancel = backgroundCancel_,
                           outbox = outbox_](const CancelToken&) {
    auto found = guarded(asked.question.tensor, [&] {
      return selectWeights(request, executor, {cancel, {}});
    });
    outbox->post([asked, found = std::move(found)](Session& session) {
      session.takeSelection(asked, found);
    });
  });
  return true;
}

void Session::takeSelection(const SelectionQuestion& asked, Result<SharedSelection> found) {
  background_.reset();
  if (found) {
    selected_ = std::move(*found);
    selectedOf_ = asked;
    if (selected()) Q_EMIT selectionChanged();
  } else if (!isCancelled(found.error())) {
    failedSelection_ = asked;
    Q_EMIT failed(messageOf(found.error()));
  }
  pumpBackground();
  Q_EMIT activityChanged();
}

}  // namespace quantoscope::ui
