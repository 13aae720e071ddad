// The choices of a session taken out and put back.
#include <filesystem>
#include <set>
#include <utility>

#include "core/base/input_file.h"
#include "core/base/json.h"
#include "core/io/container/stored_file.h"
#include "core/io/registry.h"
#include "ui/session/guarded.h"
#include "ui/session/session_state.h"

namespace quantoscope::ui {

namespace {

/// The files that an index names for one key: a name, or with Keras a list of names.
void addNames(const Json& value, std::set<std::string>& names) {
  if (const std::string* name = value.asString()) {
    if (isPlainName(*name)) names.insert(*name);
  } else if (const Json::Array* list = value.asArray()) {
    for (const Json& one : *list) {
      if (one.isString()) addNames(one, names);
    }
  }
}

/// The names of the files beside an index; none where it cannot be read.
std::set<std::string> namesInIndex(const std::string& path) {
  std::set<std::string> names;
  // By its first bytes: weights are never read as a whole.
  const auto format = formatOf(path);
  if (!format || *format == nullptr || !(*format)->namesFilesBeside) return names;
  const auto text = readWholeFile(path, kMostDocumentBytes);
  if (!text) return names;
  const auto index = parseJson(*text, path);
  const Json* map = index ? index->find("weight_map") : nullptr;
  if (map == nullptr || map->asObject() == nullptr) return names;
  for (const auto& [key, value] : *map->asObject()) addNames(value, names);
  return names;
}

}  // namespace

std::vector<std::string> UnopenedSource::files() const {
  std::vector<std::string> all = {path_};
  // Guarded: an index may be too large for the memory that is left.
  const auto names =
      guarded(path_, [&]() -> Result<std::set<std::string>> { return namesInIndex(path_); });
  if (!names) return all;
  const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
  for (const std::string& name : *names) all.push_back((folder / name).string());
  return all;
}

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
