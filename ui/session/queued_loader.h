// How the window reads tensors for work on a whole model.
#pragma once

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

}  // namespace quantoscope::ui
