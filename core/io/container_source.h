// Tensors out of any container.
#pragma once

#include <optional>
#include <string>

#include "core/base/file_identity.h"
#include "core/io/container/container.h"
#include "core/io/tensor_source.h"
#include "core/parallel/task_control.h"

namespace quantoscope {

/// The tensors of an opened container. Elements that lie in the file as they are needed are mapped,
/// not copied; others are read in pieces of some MiB that are put in place at once, so that no
/// second copy of the tensor ever exists. `path` is the file that was opened and `identity` the
/// state that it had before, absent: has now. Whatever is read is bracketed by asking for the
/// states of the files that it comes from, so that nothing comes from two states of one. Errors:
/// Cancelled, or that there is not enough memory.
Result<SharedSource> makeContainerSource(const std::string& path, SharedContainer container,
                                         std::optional<FileIdentity> identity = {},
                                         const CancelToken& cancel = {});

}  // namespace quantoscope
