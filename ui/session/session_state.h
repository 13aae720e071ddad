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

#include "ui/session/session.h"

namespace quantoscope::ui {

inline QString text(const std::string& utf8) {
  return QString::fromStdString(utf8);
}

inline bool isCancelled(const Error& error) {
  return error.code == ErrorCode::Cancelled;
}

/// One opened file with the choices made for it.
struct Session::OpenFile {
  std::uint64_t id = 0;
  QString path;
  SharedSource source;
  bool allowOutside = false;      ///< see OpenOptions
  bool wordsAreBFloat16 = false;  ///< see OpenOptions
  TuningPlan plan;
  QString tensor;
  std::optional<GroupIndex> group;
  std::map<std::string, Orientation> orientations;  ///< chosen by the user, by tensor
  std::unordered_map<std::string, int> places;      ///< of the source's tensors, by name
  std::vector<TensorOverview> overview;
  Completeness completeness;
  std::size_t measurable = 0;  ///< tensors that can be quantized
  std::size_t measured = 0;    ///< those of them whose overview is settled
  std::unique_ptr<QUndoStack> undo;

  Orientation orientationOf(const std::string& name) const {
    const auto chosen = orientations.find(name);
    return chosen == orientations.end() ? Orientation::Auto : chosen->second;
  }
  /// Takes another content, of which nothing is known yet.
  void adopt(SharedSource content) {
    source = std::move(content);
    const auto& all = source->tensors();
    overview.assign(all.size(), {});
    places.clear();
    for (std::size_t i = 0; i < all.size(); ++i) places.emplace(all[i].name, static_cast<int>(i));
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
