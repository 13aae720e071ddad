// How the window reads tensors for work on a whole model.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/model/model_job.h"
#include "ui/session/io_queue.h"

namespace quantoscope::ui {

/// Loads through the queue, so that calls on one source never overlap; tensors that
/// `orientations` lists in the orientation that it gives. Not to be called from the GUI thread or
/// from a job of the queue.
TensorLoader queuedLoader(SharedSource source, std::map<std::string, Orientation> orientations,
                          std::shared_ptr<IoQueue> queue);

/// `source` for an export of all that it holds: weights and what is handed on as it is stored are
/// read through the queue, too. `passed`, which may be empty, is told of bytes that were handed on,
/// on the queue's thread. Not to be read from where queuedLoader() may not be called.
SharedSource queuedSource(SharedSource source, std::shared_ptr<IoQueue> queue,
                          std::function<void(std::uint64_t bytes)> passed = {});

}  // namespace quantoscope::ui
