// Models in several files, with an index beside them.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// Opens the files that an index (`model.safetensors.index.json`, Keras's `name.weights.json`) maps
/// weights to, as one container. They must lie beside the index, under plain names. Keys are
/// arrays, or groups of arrays as Keras has them.
///
/// Listed is every array of every file; of two with one name, the one that the index means. What
/// the index promises and no file has is listed with an obstacle that names the file.
///
/// `index` is the text of the file at `indexPath`. Null where it is JSON without a `weight_map`.
Result<SharedContainer> openSharded(const SharedByteSource& index, const std::string& indexPath,
                                    const PartOpener& openShard, const TaskControl& control = {});

extern const ContainerFormat kIndexFormat;

}  // namespace quantoscope
