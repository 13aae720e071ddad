// The choices of a session taken out and put back.
#include <utility>

#include "ui/session/session_state.h"

namespace quantoscope::ui {

void Session::restoreChoices(OpenFile& opened, const Opening& opening) {
  if (!opening.plan) return;
  opened.plan = *opening.plan;
  opened.plan.sourceFile = opening.path.toStdString();
  opened.orientations = opening.orientations;
  opened.wordsAreBFloat16 = opening.options.wordsAreBFloat16;
  const int tensor = indexOf(opened, opening.tensor);
  if (tensor >= 0 && opened.source->tensors()[static_cast<std::size_t>(tensor)].quantizable) {
    opened.tensor = opening.tensor;
  }
}

void Session::restoreFile(const FileState& state, bool show) {
  Opening opening;
  opening.path = state.path;
  opening.tensor = state.tensor;
  opening.show = show;
  opening.plan = state.plan;
  opening.orientations = state.orientations;
  opening.options.wordsAreBFloat16 = state.wordsAreBFloat16;
  open(std::move(opening));
}

std::vector<FileState> Session::fileStates() const {
  std::vector<FileState> states;
  for (const auto& opened : files_) {
    states.push_back({opened->path, opened->tensor, opened->plan, opened->orientations,
                      opened->wordsAreBFloat16});
  }
  return states;
}

}  // namespace quantoscope::ui
