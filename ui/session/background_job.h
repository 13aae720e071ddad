// Background work that parts other than the session ask for.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include <QString>

#include "core/parallel/executor.h"
#include "core/tensor/weight_tensor.h"
#include "ui/session/guarded.h"

namespace quantoscope::ui {

/// One piece of work on the current tensor.
struct BackgroundJob {
  /// Called on the GUI thread; knows nothing but what it holds.
  using Delivery = std::function<void()>;

  QString text;  ///< for a status line: "Comparing nf4 g64 and int4 g128"
  /// Runs on a worker thread, must not touch what lives on another, and does not throw. Returns
  /// what is to be done with the answer, an error included; nothing where it was cancelled, which
  /// is asked for again.
  std::function<Delivery(const std::shared_ptr<const WeightTensor>&, const Executor&,
                         const TaskControl&)>
      work;

  /// One that calls `ask(tensor, executor, control)` on a worker thread, and `take` on the
  /// GUI thread with the Result that it returned. What `ask` throws is an error that names the
  /// tensor.
  template <typename Ask, typename Take>
  static BackgroundJob of(QString text, Ask ask, Take take) {
    return {std::move(text),
            [ask = std::move(ask), take = std::move(take)](const auto& tensor, const auto& executor,
                                                           const auto& control) -> Delivery {
              auto found =
                  guarded(tensor->info().name, [&] { return ask(tensor, executor, control); });
              if (!found && found.error().code == ErrorCode::Cancelled) return {};
              return [take, found = std::move(found)] { take(found); };
            }};
  }
};

/// What is wanted now, if anything. Called on the GUI thread whenever the session could begin with
/// it; must not ask again for what was delivered already.
using BackgroundJobSource = std::function<std::optional<BackgroundJob>()>;

}  // namespace quantoscope::ui
