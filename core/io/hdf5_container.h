// HDF5 files as containers, parsed in this process.
#pragma once

#include <string>

#include "core/base/result.h"
#include "core/io/container.h"
#include "core/io/open_options.h"

namespace quantoscope {

/// Opens an HDF5 file, read-only and without a lock, and lists its arrays. Malformed files can end
/// the process: openTensorSource() keeps them in one that may die. Thread-safe; different
/// containers may be used from different threads.
Result<SharedContainer> openHdf5Container(const std::string& path, const OpenOptions& options = {});

}  // namespace quantoscope
