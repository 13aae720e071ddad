// Work in the background that somebody beside the session wants.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <QString>

#include "core/parallel/executor.h"
#include "core/tensor/weight_tensor.h"

namespace quantoscope::ui {

/// One piece of work on the current tensor.
struct Errand {
  /// Called on the GUI thread with nothing but its own knowledge.
  using Delivery = std::function<void()>;

  QString text;  ///< for a status line: "Comparing nf4 g64 and int4 g128"
  /// Runs on a worker thread and must not touch what lives on another. Returns what is to be done
  /// with the answer, an error included; nothing where it was cancelled, which is asked for again.
  std::function<Delivery(const std::shared_ptr<const WeightTensor>&, const Executor&,
                         const TaskControl&)>
      work;
};

/// What is wanted now, if anything. Called on the GUI thread, whenever the session could begin with
/// it; must ask for nothing that was delivered already.
using ErrandSource = std::function<std::optional<Errand>()>;

}  // namespace quantoscope::ui
