#include "ui/session/queued_loader.h"

#include <utility>

namespace quantoscope::ui {

TensorLoader queuedLoader(SharedSource source, std::map<std::string, Orientation> orientations,
                          std::shared_ptr<IoQueue> queue) {
  return [source = std::move(source), orientations = std::move(orientations),
          queue = std::move(queue)](const TensorInfo& info,
                                    const TaskControl& control) -> Result<SharedTensor> {
    const auto chosen = orientations.find(info.name);
    auto tensor = queue->load(source, info, control,
                              chosen == orientations.end() ? Orientation::Auto : chosen->second);
    if (!tensor) return tensor.error();
    return std::make_shared<const WeightTensor>(std::move(*tensor));
  };
}

}  // namespace quantoscope::ui
