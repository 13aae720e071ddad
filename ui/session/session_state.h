// What the files of the session share among themselves.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
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
  bool allowOutside = false;  ///< see OpenOptions
  TuningPlan plan;
  QString tensor;
  std::optional<GroupIndex> group;
  std::vector<TensorOverview> overview;
  std::unique_ptr<QUndoStack> undo;
};

struct Session::ProgressCell {
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> total{0};
};

}  // namespace quantoscope::ui
