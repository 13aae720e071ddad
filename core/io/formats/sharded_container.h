// Models in several files, with an index beside them.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container/byte_source.h"
#include "core/io/container/container.h"
#include "core/io/container/container_format.h"
#include "core/io/container/open_options.h"

namespace quantoscope {

/// Opens the files that an index (`model.safetensors.index.json`, Keras's `name.weights.json`) maps
/// weights to, as one container. They must lie beside the index, under plain names. Keys are
/// arrays, or groups of arrays as Keras has them.
///
/// Listed is every array of every file; of two with one name, the one that the index means. What
/// the index promises and no file has is listed with an obstacle that names the file.
/// UnreadableFile with the first reason where no file at all can be read.
///
/// Files are opened as they are needed: to be listed, and again where an array is asked for and the
/// file is not among those used last, a few dozen of them. One that has changed since is an error,
/// changedWhileInUse().
///
/// `index` is the text of the file at `indexPath`. Null where it is JSON without a `weight_map`.
Result<SharedContainer> openSharded(const SharedByteSource& index, const std::string& indexPath,
                                    const PartOpener& openShard, const OpenOptions& options = {});

extern const ContainerFormat kIndexFormat;

}  // namespace quantoscope
