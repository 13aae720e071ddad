// Tensors out of any container.
#pragma once

#include <string>

#include "core/io/container/container.h"
#include "core/io/tensor_source.h"

namespace quantoscope {

/// The tensors of an opened container. Elements that lie in the file as they are needed are mapped,
/// not copied; others are read in pieces of some MiB that are put in place at once, so that no
/// second copy of the tensor ever exists. `path` is the file that was opened; nothing is mapped
/// once another file stands there.
Result<SharedSource> makeContainerSource(const std::string& path, SharedContainer container);

}  // namespace quantoscope
