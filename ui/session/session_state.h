// What the files of the session share among themselves.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/io/tensor_source.h"
#include "ui/session/session.h"
#include "ui/session/shown_text.h"

namespace quantoscope::ui {

/// A path, or words of the program; what a file says goes through shownText() or tensorText().
inline QString text(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

inline bool isCancelled(const Error& error) {
  return error.code == ErrorCode::Cancelled;
}

/// In place of a file that is listed and not opened yet: no tensors.
class UnopenedSource : public TensorSource {
 public:
  explicit UnopenedSource(std::string path) : path_(std::move(path)) {}

  const std::string& path() const override { return path_; }
  /// Reads an index: to be asked only when something is to be written.
  std::vector<std::string> files() const override;
  const std::string& format() const override { return format_; }
  const std::vector<TensorInfo>& tensors() const override { return none_; }
  Result<WeightTensor> load(const TensorInfo& info, Orientation,
                            const TaskControl&) const override {
    return Error{ErrorCode::NotFound, path_ + ": " + info.name + ": the file is not opened yet"};
  }
  Result<Matrix> loadMatrix(const std::string& path) const override {
    return Error{ErrorCode::NotFound, path_ + ": " + path + ": the file is not opened yet"};
  }

 private:
  std::string path_;
  std::string format_;
  std::vector<TensorInfo> none_;
};

/// One opened file with the choices made for it.
struct Session::OpenFile {
  std::uint64_t id = 0;
  QString path;
  SharedSource source;
  bool waits = false;             ///< with an UnopenedSource, to be opened when it is shown
  bool opening = false;           ///< one that waits
  bool allowOutside = false;      ///< see OpenOptions
  bool wordsAreBFloat16 = false;  ///< see OpenOptions
  TuningPlan plan;
  std::optional<QString> tensor;  ///< the chosen one, as tensorText() has it
  std::optional<GroupIndex> group;
  std::map<std::string, Orientation> orientations;  ///< chosen by the user, by tensor
  std::unordered_map<QString, int> places;          ///< of the source's tensors, by tensorText()
  std::vector<TensorOverview> overview;
  Completeness completeness;
  std::size_t measurable = 0;  ///< tensors that can be quantized
  std::size_t measured = 0;    ///< those of them whose overview is settled
  std::unique_ptr<QUndoStack> undo;

  /// The place of a tensor; -1 where there is none of this name.
  int indexOf(const QString& name) const {
    const auto found = places.find(name);
    return found == places.end() ? -1 : found->second;
  }
  const TensorInfo* info(int index) const {
    return index < 0 ? nullptr : &source->tensors()[static_cast<std::size_t>(index)];
  }
  /// The chosen tensor; nullptr where none is, or it is not there.
  const TensorInfo* chosen() const { return tensor ? info(indexOf(*tensor)) : nullptr; }
  /// Its name in the file; empty where there is none.
  const std::string& chosenName() const {
    static const std::string kNone;
    const TensorInfo* found = chosen();
    return found == nullptr ? kNone : found->name;
  }
  /// Whether a tensor is asked for. Sessions of earlier versions have an empty name where none was
  /// chosen.
  bool isNamed(const std::optional<QString>& name) const {
    return name && (!name->isEmpty() || indexOf(*name) >= 0);
  }
  /// The name in the file of the tensor that a document calls so: as tensorText() has it, since
  /// JSON cannot hold every name, or with a leading slash. Other names stay as they are.
  std::string nameInFile(const std::string& told) const {
    const TensorInfo* found = info(indexOf(tensorText(told)));
    if (found == nullptr && told.starts_with('/')) {
      const std::size_t bare = std::min(told.find_first_not_of('/'), told.size());
      found = info(indexOf(tensorText(told.substr(bare))));
    }
    return found == nullptr ? told : found->name;
  }
  /// What was chosen by tensor, under the names in the file; one that stands there so goes first.
  template <typename T>
  void nameAsInFile(std::map<std::string, T>& choices) const {
    std::map<std::string, T> named;
    for (const auto& [told, choice] : choices) {
      const std::string name = nameInFile(told);
      if (name == told) {
        named.insert_or_assign(name, choice);
      } else {
        named.emplace(name, choice);
      }
    }
    choices = std::move(named);
  }
  FileState state() const { return {path, tensor, plan, orientations, wordsAreBFloat16}; }
  Orientation orientationOf(const std::string& name) const {
    const auto chosen = orientations.find(name);
    return chosen == orientations.end() ? Orientation::Auto : chosen->second;
  }
  /// Takes another content, of which nothing is known yet; choices of a session find their tensors.
  void adopt(SharedSource content) {
    source = std::move(content);
    const auto& all = source->tensors();
    overview.assign(all.size(), {});
    places.clear();
    for (std::size_t i = 0; i < all.size(); ++i) {
      places.emplace(tensorText(all[i].name), static_cast<int>(i));
    }
    nameAsInFile(plan.tensors);
    nameAsInFile(orientations);
    completeness = completenessOf(all);
    measured = 0;
    measurable = static_cast<std::size_t>(std::count_if(
        all.begin(), all.end(), [](const TensorInfo& info) { return info.quantizable; }));
  }
  void settle(std::size_t index) {
    if (!std::exchange(overview[index].settled, true)) ++measured;
  }
  void unsettle(std::size_t index) {
    if (std::exchange(overview[index].settled, false)) --measured;
    overview[index].problem.clear();
  }
};

/// A measured tensor of the overview: how it was read, and the result.
struct Session::Survey {
  int tensor = 0;
  Orientation orientation = Orientation::Auto;
  ModelMeasurement line = {};
};

struct Session::ProgressCell {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};
};

}  // namespace quantoscope::ui
