// Models in several files, with an index beside them.
#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"
#include "core/io/container/container.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// Opens one of the files that an index names.
using ShardOpener = std::function<Result<SharedContainer>(const std::string& path)>;

/// Whether a JSON file has the `weight_map` of an index. The error names the file.
Result<bool> isShardIndex(const std::string& path);

/// Opens the files that an index (`model.safetensors.index.json`, Keras's `name.weights.json`) maps
/// weights to, as one container. They must lie beside the index, under plain names. Keys are
/// arrays, or groups of arrays as Keras has them.
///
/// Listed is every array of every file; of two with one name, the one that the index means. What
/// the index promises and no file has is listed with an obstacle that names the file.
Result<SharedContainer> openSharded(const std::string& indexPath, const ShardOpener& openShard,
                                    const TaskControl& control = {});

}  // namespace quantoscope
