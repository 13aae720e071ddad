// The choices of a session taken out and put back.
#include <utility>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

void Session::restoreFile(const FileState& state, bool show) {
  restoreFiles({state}, show ? std::optional<std::size_t>(0) : std::nullopt);
}

void Session::restoreFiles(const std::vector<FileState>& states, std::optional<std::size_t> shown) {
  std::unordered_map<QString, std::size_t> places;
  for (std::size_t i = 0; i < files_.size(); ++i) places.emplace(files_[i]->path, i);
  for (const FileState& state : states) {
    const auto [place, added] = places.emplace(state.path, files_.size());
    if (added) {
      addWaiting(state);
    } else {
      adoptPlanOf(*files_[place->second], state);
    }
  }
  Q_EMIT filesChanged();
  if (!shown) return;
  const FileState& state = states[*shown];
  const auto index = static_cast<int>(places.at(state.path));
  setCurrentFile(index);
  if (index == current_ && state.tensor && file()->indexOf(*state.tensor) >= 0) {
    selectTensor(*state.tensor);
  }
}

void Session::addWaiting(const FileState& state) {
  auto listed = std::make_unique<OpenFile>();
  listed->id = ++lastFileId_;
  listed->path = state.path;
  listed->waits = true;
  listed->adopt(std::make_shared<UnopenedSource>(state.path.toStdString()));
  listed->plan = state.plan;
  listed->plan.sourceFile = state.path.toStdString();
  listed->tensor = state.tensor;
  listed->orientations = state.orientations;
  listed->wordsAreBFloat16 = state.wordsAreBFloat16;
  listed->undo = std::make_unique<QUndoStack>();
  undoGroup_.addStack(listed->undo.get());
  files_.push_back(std::move(listed));
}

std::vector<FileState> Session::fileStates() const {
  std::vector<FileState> states;
  for (const auto& opened : files_) states.push_back(opened->state());
  return states;
}

}  // namespace quantoscope::ui
