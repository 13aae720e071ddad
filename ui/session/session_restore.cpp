// The choices of a session taken out and put back.
#include <utility>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

void Session::restoreFile(const FileState& state, bool show) {
  int index = static_cast<int>(openFiles().indexOf(state.path));
  if (index >= 0) {
    adoptPlanOf(*files_[static_cast<std::size_t>(index)], state);
  } else {
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
    index = static_cast<int>(files_.size());
    files_.push_back(std::move(listed));
    Q_EMIT filesChanged();
  }
  if (!show) return;
  setCurrentFile(index);
  const OpenFile& shown = *files_[static_cast<std::size_t>(index)];
  if (index == current_ && state.tensor && shown.indexOf(*state.tensor) >= 0) {
    selectTensor(*state.tensor);
  }
}

std::vector<FileState> Session::fileStates() const {
  std::vector<FileState> states;
  for (const auto& opened : files_) states.push_back(opened->state());
  return states;
}

}  // namespace quantoscope::ui
